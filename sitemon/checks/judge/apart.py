"""Judging responses in a process apart, where that may take long: no other check waits for it.

How long it takes to decompress a body, to read it as text and JSON, and to search it, is chosen by its server and by
the owner of its site. In a thread it would stop all checks: decoding and JSON paths hold Python's lock.
"""

import collections
import contextlib
import heapq
import itertools
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from typing import Final

import msgspec

from sitemon.checks.errors import OwnError
from sitemon.checks.judge.apart_process import LENGTH_BYTES, TOO_COSTLY
from sitemon.checks.judge.expect import Verdict
from sitemon.checks.judge.question import Question, is_light, verdict_on
from sitemon.checks.waiting import Event, Waits
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason
from sitemon.per_process import once_per_process

log = logging.getLogger(__name__)

_LONGEST_WAIT_S: Final = 10.0
_IDLE_S: Final = 60.0
_MOST_REMEMBERED: Final = 100_000
_HALF_LIFE_S: Final = 60.0
_UNKNOWN_S: Final = 0.05
"""What a site is expected to take that is not known yet: those that are known to take little come before it."""

_verdicts: Final = msgspec.msgpack.Decoder(Verdict)


async def judged(question: Question, waits: Waits) -> Verdict:
    """Return what the response means.

    Raises:
        OwnError: it was not judged in time, or could not be.

    """
    if is_light(question):
        return verdict_on(question)
    case = Case(question, waits.event())
    _judge_of_process().take(case)
    try:
        await case.is_decided.wait(_LONGEST_WAIT_S)
        verdict = case.verdict
    finally:
        case.give_up()
    if verdict is None:
        raise OwnError(Reason.TIMEOUT, "this process had too much to do to judge the response")
    return verdict


class Case:
    """A question that waits for its verdict, as long as that is wanted."""

    __slots__ = ("is_decided", "is_wanted", "question", "verdict")

    def __init__(self, question: Question, is_decided: Event) -> None:
        self.question = question
        self.is_decided = is_decided
        self.is_wanted = True
        self.verdict: Verdict | None = None

    def give_up(self) -> None:
        """Want no verdict any more; the body, which may be long, is not kept until its turn."""
        self.is_wanted = False
        self.question = self.question._replace(page=self.question.page._replace(body=()))


class Judge:
    """A thread that hands one case after the other to a process; both are there while there is something to do.

    First comes a case of the file of sites that took the least time lately, and of these that of the site that took
    the least: those who take much wait for each other.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, list[tuple[float, int, Case]]] = collections.defaultdict(list)
        self._numbers = itertools.count()
        self._took: collections.OrderedDict[tuple[str, ...], tuple[float, float]] = collections.OrderedDict()
        """Of a file, and of a site in it, how long its cases took, and when the last of them was over."""
        self._has_thread = False

    def take(self, case: Case) -> None:
        """Let it be judged in its turn."""
        with self._changed:
            site = case.question.site
            took_s = self._took_lately_s(site.file, site.name)
            waiting = self._waiting[site.file]
            heapq.heappush(waiting, (_UNKNOWN_S if took_s is None else took_s, next(self._numbers), case))
            if not self._has_thread:
                threading.Thread(target=self._work, name="sitemon-judge", daemon=True).start()
                self._has_thread = True
            self._changed.notify()

    def _work(self) -> None:
        process = JudgeProcess()
        while (case := self._next()) is not None:
            if case.is_wanted:
                began_s, site = monotonic_s(), case.question.site
                try:
                    case.verdict = process.judge(case.question)
                except Exception:
                    # Without this thread no case would ever be decided.
                    log.exception("judge.failed: a response of %s is not judged", site.name)
                self._remember(monotonic_s() - began_s, site.file, site.name)
                case.is_decided.set()
        process.end()

    def _next(self) -> Case | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, _IDLE_S):
                self._has_thread = False
                return None
            file = min(self._waiting, key=lambda one: self._took_lately_s(one) or 0.0)
            _, _, case = heapq.heappop(self._waiting[file])
            if not self._waiting[file]:
                del self._waiting[file]
            return case

    def _remember(self, took_s: float, file: str, site: str) -> None:
        with self._changed:
            for whose in ((file,), (file, site)):
                self._took[whose] = (took_s + (self._took_lately_s(*whose) or 0.0), monotonic_s())
                self._took.move_to_end(whose)
            while len(self._took) > _MOST_REMEMBERED:
                self._took.popitem(last=False)

    def _took_lately_s(self, *whose: str) -> float | None:
        """Return how long their cases took, of which each counts half as much a minute later; None: none is known."""
        if whose not in self._took:
            return None
        took_s, at_s = self._took[whose]
        return float(took_s * 0.5 ** ((monotonic_s() - at_s) / _HALF_LIFE_S))


@once_per_process
def _judge_of_process() -> Judge:
    return Judge()


class JudgeProcess:
    """A process that runs `sitemon.checks.judge.apart_process`, started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, question: Question) -> Verdict:
        """Return the verdict. If the process dies of the question twice, that is the verdict.

        Raises:
            OSError: no process can be started.

        """
        for _ in range(2):
            if self._process is None:
                self._process = _started()
            with contextlib.suppress(BrokenPipeError, EOFError):
                return _asked(self._process, question)
            if self.end() == -signal.SIGPROF:
                break
        return TOO_COSTLY

    def end(self) -> int | None:
        """End the process, if there is one; return its status, or the negative number of the signal that it died of."""
        process, self._process = self._process, None
        if process is None:
            return None
        with process, contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.close()  # at which it ends
        return process.returncode


def _asked(process: subprocess.Popen[bytes], question: Question) -> Verdict:
    to_process, from_process, body = process.stdin, process.stdout, question.page.body
    assert to_process is not None  # noqa: S101 - they are pipes
    assert from_process is not None  # noqa: S101
    head = pickle.dumps(question._replace(page=question.page._replace(body=())))
    to_process.write(_length(len(head)) + head + _length(sum(map(len, body))))
    to_process.writelines(body)
    to_process.flush()
    length = from_process.read(LENGTH_BYTES)
    if not length:
        raise EOFError
    return _verdicts.decode(from_process.read(int.from_bytes(length)))


def _length(count: int) -> bytes:
    return count.to_bytes(LENGTH_BYTES)


def _started() -> subprocess.Popen[bytes]:
    """Start the process in a group of its own, since Ctrl-C is for us, and without our environment and its secrets."""
    return subprocess.Popen(
        (sys.executable, "-m", "sitemon.checks.judge.apart_process"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
