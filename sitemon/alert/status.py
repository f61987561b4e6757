"""Tells other programs how the sites are: each change of a state onto the compacted topic, after its transaction.

Most changes are noted by those who decide. What time alone changes is looked for here: windows, and that nobody looks.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Final

from sitemon import clock
from sitemon.backoff import Backoff
from sitemon.config.servers import KafkaServer
from sitemon.model.errors import SitemonError, UnreachableError
from sitemon.model.status import SiteStatus, encode_status
from sitemon.store.connect import Connection
from sitemon.store.status import is_any_untold, note_changes, take_untold, tell_again
from sitemon.stream.producer import KafkaProducer, Producer, Record, send_all

log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_NOTED_AT_ONCE: Final = 20_000
_SEND_S: Final = 10.0
"""Far less than the half minute after which a transaction in which nothing happens is ended."""
_DELIVERY_MS: Final = 8_000
_CLOSE_S: Final = 2.0
_IDLE_S: Final = 0.5
_LOOK_EVERY_S: Final = 2.0
_SHARE: Final = 20
"""To look takes a twentieth of the time at most: with 100,000 sites it takes more than a second."""
_BACKOFF: Final = Backoff(first_s=0.5, longest_s=10.0)


class _KafkaAwayError(Exception):
    """Kafka does not take what is to be told."""


def states_producer(server: KafkaServer) -> Producer:
    """Return a producer that gives up what Kafka has not taken before the turn to tell is over, as when it is frozen.

    Raises UnreachableError when no server answers, RefusedError when one refuses us.
    """
    return KafkaProducer(server, delivery_timeout_ms=_DELIVERY_MS)


class StatusTeller:
    """Sends what nobody was told of yet. Its producer is made when there is something; a failed one is done with.

    Where the turn to tell ended while it sent, others may have told of the same sites since: they are told again.
    """

    def __init__(self, make_producer: Callable[[], Producer], topic: str) -> None:
        self._make_producer = make_producer
        self._topic = topic
        self._producer: Producer | None = None
        self._in_hand: Sequence[str] = ()
        self._failures = 0
        self._look_at_s = 0.0
        self._chance = random.Random()

    def tell_due(self, conn: Connection) -> float:
        """Send some of it; return how many seconds to wait before the next, 0 when there may be more.

        At least once: killed between sending and marking, another sends the same again, in the same order. While Kafka
        is away it says so once, and nothing is lost.

        Raises:
            RetryableError, RefusedError: of the database, as `sitemon.store.errors.translated` says.

        """
        if self._in_hand:
            self.close()
            tell_again(conn, self._in_hand)
            self._in_hand = ()
            self._look_at_s = 0.0
        self._look(conn)
        if not is_any_untold(conn):
            return _IDLE_S
        try:
            producer = self._connected()
            with take_untold(conn, _AT_ONCE) as untold:
                self._in_hand = [status.site for status in untold]
                self._send(producer, untold)
        except _KafkaAwayError as exc:
            self._in_hand = ()
            return self._failed(str(exc))
        self._in_hand = ()
        if self._failures:
            self._failures = 0
            log.info("alerter.kafka_back: telling the states of sites again")
        return 0.0 if untold else _IDLE_S

    def _look(self, conn: Connection) -> None:
        """Look for what time alone has changed, if it is time to."""
        begun_s = clock.monotonic_s()
        if begun_s >= self._look_at_s:
            note_changes(conn, _NOTED_AT_ONCE)
            took_s = clock.monotonic_s() - begun_s
            self._look_at_s = begun_s + max(_LOOK_EVERY_S, _SHARE * took_s)

    def close(self) -> None:
        """Close the producer, if there is one."""
        if self._producer is not None:
            self._producer.close(_CLOSE_S)
            self._producer = None

    def _connected(self) -> Producer:
        try:
            self._producer = self._producer or self._make_producer()
        except SitemonError as exc:
            raise _KafkaAwayError(str(exc)) from exc
        return self._producer

    def _send(self, producer: Producer, untold: Sequence[SiteStatus]) -> None:
        records = [Record(self._topic, status.site.encode(), encode_status(status)) for status in untold]
        try:
            if not send_all(producer, records, _SEND_S):
                raise UnreachableError(f"no acknowledgement within {_SEND_S:g} s")
        except SitemonError as exc:
            self.close()  # before another may tell
            raise _KafkaAwayError(str(exc)) from exc

    def _failed(self, problem: str) -> float:
        if not self._failures:
            log.warning("alerter.kafka_away: %s is not told of the states of sites: %s", self._topic, problem)
        self._failures += 1
        return _BACKOFF.wait_s(self._failures, self._chance)
