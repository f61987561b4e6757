"""So many processes under one command, each started again when it is killed, and all ended by one signal."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, NamedTuple

from sitemon import clock

log = logging.getLogger(__name__)

IS_POSSIBLE: Final = sys.platform != "darwin"
"""Not on macOS, whose libraries do not bear a fork that goes on in Python."""
PAUSE_S: Final = 1.0
"""How long one that died is left alone: one that dies at once must not keep a core busy with that."""
_LOOK_S: Final = 1.0
_STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
_PASSED_ON: Final = _STOPS | {signal.SIGUSR1}
_AWAITED: Final = _PASSED_ON | {signal.SIGCHLD, signal.SIGALRM}


class Member(NamedTuple):
    """Who a supervised process is: the first, second, … of them, and the pid of the supervisor that it lives with."""

    number: int
    supervisor_pid: int


class Ended(NamedTuple):
    """How the processes came to their end: the worst exit status, and whether SIGHUP asked for a new start."""

    status: int
    is_to_restart: bool


class Supervisor:
    """Keeps `size` processes, which are forks of this one. Call it while there is no other thread and no connection.

    It does nothing else, so that it can fork again: one that is killed, or fails, is replaced. One that ends with
    status 0 was asked to, and is not. `on_look` is called every second. What it began in a thread `is_alone` waits for:
    a fork would have the locks of that thread, and nobody to open them.
    """

    def __init__(self, size: int, on_look: Callable[[], object], is_alone: Callable[[], bool]) -> None:
        self._to_start = list(range(1, size + 1))
        self._on_look = on_look
        self._is_alone = is_alone
        self._numbers: dict[int, int] = {}
        self._asked: signal.Signals | None = None
        self._status = 0

    def keep(self) -> Member | Ended:
        """Return in each member who it is; in the supervisor, once the last member has ended, how.

        SIGTERM and Ctrl-C are passed on as SIGTERM, a second Ctrl-C and SIGQUIT as SIGQUIT, SIGUSR1 as it is. Members
        are process groups of their own, so that a terminal's Ctrl-C reaches them once.
        """
        # Where it is ignored, as some programs leave it to what they start, nobody could be told how a member ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        outside = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)  # which a fork does not inherit
        while self._to_start or self._numbers:
            if (member := self._start()) is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, outside)
                return member
            self._wait()
            self._look()
        _forget_timer()
        signal.pthread_sigmask(signal.SIG_SETMASK, outside)
        return Ended(self._status, is_to_restart=self._asked is signal.SIGHUP)

    def _start(self) -> Member | None:
        supervisor_pid = os.getpid()
        if self._to_start and not self._is_alone():
            return None
        while self._to_start:
            try:
                pid = os.fork()
            except OSError as exc:
                log.error("worker.process_not_started: the system has no room for another process yet: %s", exc)
                return None
            number = self._to_start.pop(0)
            if not pid:
                os.setpgid(0, 0)
                return Member(number, supervisor_pid)
            self._numbers[pid] = number
        return None

    def _look(self) -> None:
        try:
            self._on_look()
        except Exception:
            # Whatever it is, the members need their supervisor.
            log.exception("worker.look_failed: this is a mistake in sitemon")

    def _wait(self) -> None:
        """Wait a moment for a signal, and do what it asks for."""
        # Not sigtimedwait: stopped and continued after its time, it returns signals that nobody sent (CPython 3.11).
        received = signal.sigwait(_AWAITED)
        if received in _PASSED_ON:
            self._pass_on(signal.Signals(received))
        for pid in tuple(self._numbers):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._note_end(self._numbers.pop(pid), os.waitstatus_to_exitcode(status))
        if self._to_start:
            clock.sleep(PAUSE_S)

    def _note_end(self, number: int, status: int) -> None:
        if self._asked is not None:
            # One that was killed by our SIGTERM had not come so far that it had work in hand.
            self._status = max(self._status, 0 if status == -signal.SIGTERM else abs(status))
        elif status:
            log.error("worker.process_died: worker process %s ended (exit %s): starting it again", number, status)
            self._to_start.append(number)
        else:
            log.warning("worker.process_left: worker process %s was asked to end, and the others go on", number)

    def _pass_on(self, asked: signal.Signals) -> None:
        passed_on = asked
        if asked in _STOPS:
            # Who wants it to end wants it more than who wanted a new start before.
            is_ending = self._asked not in {None, signal.SIGHUP}
            is_urgent = asked is signal.SIGQUIT or (asked is signal.SIGINT and is_ending)
            passed_on = signal.SIGQUIT if is_urgent else signal.SIGTERM
            self._asked = self._asked if is_ending else asked
            self._to_start.clear()
        for pid in self._numbers:
            os.kill(pid, passed_on)


def _forget_timer() -> None:
    """End the timer, with its signal if that is on its way: it would end the process."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
