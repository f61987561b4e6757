"""The alerter: decides when the recorder says that there is something to decide, and sends on each channel."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

from sitemon import clock
from sitemon.alert.asker import PAUSE_S, Asker
from sitemon.alert.channels import Request
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.post import post
from sitemon.alert.sender import Sender
from sitemon.alert.silence import LOOK_EVERY_S, Heart, say_silences
from sitemon.alert.verdict import Answer
from sitemon.model.alerts import Alerts
from sitemon.model.errors import RefusedError, SitemonError
from sitemon.store.connect import Connection
from sitemon.store.migrate import require_schema
from sitemon.store.notices import listen, wait_for_notice
from sitemon.store.outbox import add_channels

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_REMIND_EVERY_S: Final = 10.0
"""How often it is looked whether somebody has to be reminded."""

_RETRY_S: Final = 1.0
_AFTER_MISTAKE_S: Final = 5.0
_END_S: Final = 8.0


class Alerter:
    """One thread that decides, one that asks for checks, one that looks whether we work, and one for each channel.

    Each has a connection of its own.

    A channel that is slow holds up no other, nor the deciding. A thread whose connection breaks opens another one.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        planner: Planner,
        decider: Decider,
        asker: Asker | None,
        alerts: Alerts,
        stop: threading.Event,
    ) -> None:
        self._connect = connect
        self._planner = planner
        self._decider = decider
        self._asker = asker
        self._alerts = alerts
        self._stop = stop
        self._refused: list[RefusedError] = []

    def run(self) -> None:
        """Decide and send until told to stop.

        Raises:
            RefusedError: PostgreSQL refuses us at the start.

        """
        work: list[Callable[[Connection], None]] = [self._decide, self._look_around]
        work += [self._asking(self._asker)] if self._asker else []
        work += [self._sending(Sender(channel, send)) for channel in self._alerts.channels.values()]
        threads = [threading.Thread(target=self._keep_at, args=[one], daemon=True) for one in work]
        for thread in threads:
            thread.start()
        self._stop.wait()
        ends_at_s = clock.monotonic_s() + _END_S
        for thread in threads:
            thread.join(max(0.0, ends_at_s - clock.monotonic_s()))
        if self._refused:
            raise self._refused[0]

    def _keep_at(self, work: Callable[[Connection], None]) -> None:
        said, has_worked = "", False
        while not self._stop.is_set():
            try:
                with closing(self._connect()) as conn:
                    require_schema(conn)
                    listen(conn)
                    add_channels(conn, list(self._alerts.channels))
                    if said:
                        log.info("alerter.postgres_back: going on")
                    said, has_worked = "", True
                    work(conn)
            except SitemonError as exc:
                if isinstance(exc, RefusedError) and not has_worked:
                    self._refused.append(exc)
                    self._stop.set()
                if str(exc) != said and not self._stop.is_set():
                    said = str(exc)
                    log.warning("alerter.postgres_away: waiting for the database: %s", said)
                self._stop.wait(_RETRY_S)
            except Exception:
                # Without this thread nobody would be told any more.
                log.exception("alerter.failed: this is a mistake in sitemon")
                self._stop.wait(_AFTER_MISTAKE_S)

    def _decide(self, conn: Connection) -> None:
        remind_at_s = 0.0
        while not self._stop.is_set():
            self._planner.plan_if_due(conn)
            if clock.monotonic_s() >= remind_at_s:
                self._decider.remind(conn)
                remind_at_s = clock.monotonic_s() + _REMIND_EVERY_S
            if not self._decider.decide(conn):
                self._decider.release(conn)
                wait_for_notice(conn, _LOOK_EVERY_S)

    def _asking(self, asker: Asker) -> Callable[[Connection], None]:
        def ask(conn: Connection) -> None:
            while not self._stop.is_set():
                while self._decider.suspected:
                    asker.ask_for_references(self._decider.suspected.pop())
                if not asker.ask_due(conn):
                    wait_for_notice(conn, _LOOK_EVERY_S)
                self._stop.wait(PAUSE_S)

        return ask

    def _look_around(self, conn: Connection) -> None:
        look_at_s = 0.0
        heart = Heart(self._alerts.heartbeat) if self._alerts.heartbeat else None
        while not self._stop.is_set():
            if clock.monotonic_s() >= look_at_s:
                say_silences(conn, self._alerts, clock.utc_now)
                look_at_s = clock.monotonic_s() + LOOK_EVERY_S
            if heart:
                heart.beat(conn)
            self._stop.wait(_LOOK_EVERY_S)

    def _sending(self, sender: Sender) -> Callable[[Connection], None]:
        def send(conn: Connection) -> None:
            while not self._stop.is_set():
                if not sender.send_due(conn):
                    wait_for_notice(conn, _LOOK_EVERY_S)

        return send


def send(request: Request) -> Answer:
    """Post a request."""
    return post(request.url, request.body, request.headers)
