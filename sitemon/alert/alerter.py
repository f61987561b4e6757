"""The alerter: decides when the recorder says that there is something to decide, and sends on each channel."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from sitemon import clock
from sitemon.alert.asker import PAUSE_S, Asker
from sitemon.alert.decide import Decider
from sitemon.alert.failing import FailingParts
from sitemon.alert.maintenance import Planner
from sitemon.alert.outlets import sender_of
from sitemon.alert.rules import Rulebook
from sitemon.alert.silence import LOOK_EVERY_S, Heart, say_silences
from sitemon.alert.status import StatusTeller
from sitemon.backoff import Backoff
from sitemon.model.alerts import Alerts, Channel
from sitemon.model.errors import RefusedError, SitemonError
from sitemon.outage import Outage
from sitemon.server_clock import RIGHT_S
from sitemon.store.connect import Connection
from sitemon.store.migrate import require_schema
from sitemon.store.notify import listen, wait_for_notice
from sitemon.store.outbox import Waiting, add_channels, give_up_unknown, set_back
from sitemon.store.postgres_clock import PostgresClock

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_REMIND_EVERY_S: Final = 10.0
"""How often it is looked whether somebody has to be reminded."""

_WARN_EVERY_S: Final = 600.0
"""How often it is looked which certificates expire soon."""

_UNKNOWN_EVERY_S: Final = 600.0
"""How often it is looked whether something waits for channels that nobody has any more."""

_COMPARE_EVERY_S: Final = 5.0
"""How often PostgreSQL is asked what time it is."""

_SET_BACK_EVERY_S: Final = 60.0
"""How often it is looked whether PostgreSQL's clock was ahead."""

_GONE_EVERY_S: Final = 60.0
"""How often it is looked whether something lasts of sites that were taken out."""

_REGIONS_EVERY_S: Final = 5.0
"""How often it is looked whether regions that are offline are online again."""

_RELEASE_EVERY_S: Final = 5.0
"""How often it is looked, however much there is to decide, who lies behind others no more, and who is degraded."""

_PLAN_REST_S: Final = 0.3
"""How long nothing is planned after a turn that left some: to write windows down keeps everybody from recording."""

_REST: Final = Backoff(first_s=5.0, longest_s=60.0)
"""For one of the things that are looked at by turns, where it fails."""

_AFTER_MISTAKE_S: Final = 5.0
_END_S: Final = 8.0


class Alerter:
    """Threads, each with a connection of its own.

    - One decides.
    - One looks for sites at which nobody looks.
    - One calls the heartbeat's URL.
    - One asks for checks, if there is an `asker`.
    - One tells states, if there is a `teller`.
    - One sends, for each channel.

    What it compares with moments of rows is by PostgreSQL's clock, whatever that of its machine says.

    A channel that is slow holds up no other, nor the deciding. A thread whose connection breaks opens another one.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        planner: Planner,
        rulebook: Rulebook,
        decider: Decider,
        asker: Asker | None,
        teller: StatusTeller | None,
        alerts: Callable[[], Alerts],
        postgres_clock: PostgresClock,
        stop: threading.Event,
    ) -> None:
        self._connect = connect
        self._planner = planner
        self._rulebook = rulebook
        self._decider = decider
        self._asker = asker
        self._alerts = alerts
        self._postgres_clock = postgres_clock
        self._current = Alerts()
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self._teller = teller
        self._refused: list[RefusedError] = []
        self._has_worked = False
        self._failing = FailingParts[str](_REST, str)
        self._due_s = defaultdict[str, float](float)
        self._heart = Heart()
        self._unknown_after: Waiting | None = None

    def run(self) -> None:
        """Decide and send until told to stop; channels and routes are those that `alerts` returns at the time.

        Raises:
            RefusedError: PostgreSQL refuses us at the start.

        """
        works: list[Callable[[Connection], None]] = [self._decide, self._watch_for_silences, self._beat]
        works += [self._asking(self._asker)] if self._asker else []
        works += [self._telling(self._teller)] if self._teller else []
        for work in works:
            self._start(work, lambda: True)
        self._follow()
        while not self._stop.wait(_LOOK_EVERY_S):
            self._follow()
        ends_at_s = clock.monotonic_s() + _END_S
        for thread in self._threads:
            thread.join(max(0.0, ends_at_s - clock.monotonic_s()))
        if self._refused:
            raise self._refused[0]

    def _follow(self) -> None:
        """Take up channels and routes if they were edited: a channel that is another one has another thread."""
        alerts, before = self._alerts(), self._current
        if alerts is before:
            return
        self._current = alerts
        self._decider.use(alerts)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for name, channel in alerts.channels.items():
            if channel != before.channels.get(name):
                self._start(self._sending(channel), self._is_current(channel))

    def _is_current(self, channel: Channel) -> Callable[[], bool]:
        return lambda: self._current.channels.get(channel.name) == channel

    def _start(self, work: Callable[[Connection], None], is_wanted: Callable[[], bool]) -> None:
        thread = threading.Thread(target=self._keep_at, args=[work, is_wanted], daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_at(self, work: Callable[[Connection], None], is_wanted: Callable[[], bool]) -> None:
        outage = Outage(self._stop)
        while not self._stop.is_set() and is_wanted():
            try:
                with closing(self._connect()) as conn:
                    require_schema(conn)
                    add_channels(conn, list(self._current.channels))
                    if outage.is_over():
                        log.info("alerter.postgres_back: going on")
                    self._has_worked = True
                    work(conn)
            except SitemonError as exc:
                if isinstance(exc, RefusedError) and not self._has_worked:
                    self._refused.append(exc)
                    self._stop.set()
                outage.wait_after(exc, partial(log.warning, "alerter.postgres_away: waiting for the database: %s", exc))
            except Exception:
                # Without this thread nobody would be told any more.
                log.exception("alerter.failed: this is a mistake in sitemon")
                self._stop.wait(_AFTER_MISTAKE_S)

    def _decide(self, conn: Connection) -> None:
        decider = self._decider
        listen(conn)
        while not self._stop.is_set():
            # All that was said until now is looked at in this turn.
            conn.notifies.clear()
            self._in_time("the clock", self._compare_clocks, conn, _COMPARE_EVERY_S)
            # An edit holds once its windows of maintenance do, for all that is decided in this turn.
            self._in_time("windows of maintenance", self._plan, conn, _PLAN_REST_S)
            is_more = [
                self._in_time("reminders", decider.remind, conn, _REMIND_EVERY_S),
                self._in_time("sites that were taken out", decider.end_gone, conn, _GONE_EVERY_S),
                self._in_time("certificates", decider.warn_of_certificates, conn, _WARN_EVERY_S),
                self._in_time("unknown channels", self._give_up_unknown, conn, _UNKNOWN_EVERY_S),
            ]
            self._in_time("regions", decider.look_at_regions, conn, _REGIONS_EVERY_S)
            self._in_time("a clock that was set back", set_back, conn, _SET_BACK_EVERY_S)
            is_idle = not self._try("incidents", decider.decide, conn)
            # What was not clear when it was decided.
            for what, work in (("incidents behind others", decider.release), ("degraded sites", decider.tell_degraded)):
                is_more.append(self._in_time(what, work, conn, _RELEASE_EVERY_S, is_due=is_idle))
            if is_idle and not any(is_more):
                wait_for_notice(conn, _LOOK_EVERY_S if self._planner.is_done else _PLAN_REST_S)

    def _in_time(
        self, what: str, work: Callable[[Connection], object], conn: Connection, every_s: float, *, is_due: bool = False
    ) -> bool:
        """Do what is done so often, if it is time to; return whether it has more to do, in the next turn.

        When it was tried last holds over a reconnection: it would begin with what needed it, again and again.
        """
        if not is_due and clock.monotonic_s() < self._due_s[what]:
            return False
        has_more = False
        try:
            has_more = self._try(what, work, conn)
        finally:
            self._due_s[what] = 0.0 if has_more else clock.monotonic_s() + every_s
        return has_more

    def _try(self, what: str, work: Callable[[Connection], object], conn: Connection) -> bool:
        """Return whether it did something, or has more to do. Where it fails it rests, and the others go on."""
        found: object = False
        if not self._failing.is_resting(what):
            with self._failing.trying(what):
                found = work(conn)
        return bool(found)

    def _compare_clocks(self, conn: Connection) -> None:
        is_first = not self._postgres_clock.is_known
        has_changed = self._postgres_clock.look(conn)
        if is_first:
            self._rulebook.set_clock_right(self._postgres_clock.machine_ahead_ms)
        if has_changed:
            if self._postgres_clock.is_apart:
                log.warning("alerter.clock_apart: %s, by which it is decided", self._postgres_clock)
            else:
                log.warning("alerter.clock_right: it is less than %g s from PostgreSQL's again", RIGHT_S)

    def _plan(self, conn: Connection) -> bool:
        """Return whether to look again in the next turn: after one that left some, everybody may record meanwhile."""
        self._rulebook.take_up(self._planner.plan_if_due(conn).by_name, self._postgres_clock.utc_now())
        return self._planner.is_done

    def _give_up_unknown(self, conn: Connection) -> bool:
        self._unknown_after = give_up_unknown(conn, list(self._current.channels), self._unknown_after)
        return self._unknown_after is not None

    def _asking(self, asker: Asker) -> Callable[[Connection], None]:
        def ask(conn: Connection) -> None:
            listen(conn)
            while not self._stop.is_set():
                while self._decider.suspected:
                    region = self._decider.suspected.pop()
                    asker.ask_for_references(region, self._current.references.get(region, ()))
                if not asker.ask_due(conn):
                    wait_for_notice(conn, _LOOK_EVERY_S)
                self._stop.wait(PAUSE_S)

        return ask

    def _watch_for_silences(self, conn: Connection) -> None:
        while not self._stop.is_set():
            self._in_time("silences", self._say_silences, conn, LOOK_EVERY_S)
            self._stop.wait(_LOOK_EVERY_S)

    def _beat(self, conn: Connection) -> None:
        while not self._stop.is_set():
            if heartbeat := self._current.heartbeat:
                self._try("the heartbeat", partial(self._heart.beat, heartbeat=heartbeat), conn)
            self._stop.wait(_LOOK_EVERY_S)

    def _say_silences(self, conn: Connection) -> None:
        now, book = self._postgres_clock.utc_now, self._rulebook
        say_silences(conn, self._current, now, book.files_by_region, book.file_of)

    def _sending(self, channel: Channel) -> Callable[[Connection], None]:
        sender, is_current = sender_of(channel, self._rulebook.file_of), self._is_current(channel)

        def send(conn: Connection) -> None:
            listen(conn)
            while not self._stop.is_set() and is_current():
                if not sender.send_due(conn):
                    wait_for_notice(conn, _LOOK_EVERY_S)

        return send

    def _telling(self, teller: StatusTeller) -> Callable[[Connection], None]:
        def tell(conn: Connection) -> None:
            listen(conn)
            while not self._stop.is_set():
                self._stop.wait(teller.tell_due(conn))
                wait_for_notice(conn, 0)

        return tell
