"""The link to Kafka: the one producer of a publisher, and whether Kafka takes anything, said once a change."""

import logging
import threading
from collections.abc import Callable

from sitemon.model.errors import SitemonError
from sitemon.stream.producer import Producer

log = logging.getLogger(__name__)


class Link:
    """Holds the producer. Any thread may use it and say that it failed; only the drain thread makes a new one."""

    def __init__(self, connect: Callable[[], Producer]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._producer: Producer | None = None
        self._is_away = False
        self._is_closed = False
        self._given_up_for = ""

    @property
    def is_away(self) -> bool:
        """Whether Kafka, when last heard of, took nothing."""
        return self._is_away

    def producer(self, timeout_s: float) -> Producer | None:
        """Return the producer; None when Kafka is away, or when there is no producer within the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._producer or self._is_away or self._is_closed, timeout_s)
            return None if self._is_away else self._producer

    def ensure(self) -> Producer:
        """Return the producer, also while Kafka is away; make one when there is none. For the drain thread.

        Raises UnreachableError or RefusedError.
        """
        return self._producer or self.renew()

    def renew(self) -> Producer:
        """Put a new producer in the place of the old one, which stays when no new one can be made.

        Raises UnreachableError or RefusedError.
        """
        new = self._connect()
        with self._changed:
            old, self._producer = self._producer, new
            self._changed.notify_all()
        if old is not None:
            old.close(0.0)
        return new

    def drop(self, failed: Producer, why: SitemonError) -> None:
        """Do away with a producer of which a delivery failed; once, whoever says it first.

        While Kafka is away, the same reason is said once: where a clock is wrong it is that of each try, for days.
        """
        self.away(why)
        with self._changed:
            if self._producer is not failed:
                return
            self._producer = None
            is_news, self._given_up_for = self._given_up_for != str(why), str(why)
        if is_news:
            log.info("kafka.producer_given_up: a new one sends what it held: %s", why)
        failed.close(0.0)

    def away(self, why: SitemonError | str) -> None:
        """Note that Kafka takes nothing."""
        with self._changed:
            is_news, self._is_away = not self._is_away, True
            self._changed.notify_all()
        if is_news:
            log.warning("kafka.away: results go to the spool: %s", why)

    def back(self, waiting: int) -> None:
        """Note that Kafka takes what is sent, while so many records wait in the spool."""
        with self._changed:
            is_news, self._is_away = self._is_away, False
            self._given_up_for = ""
            self._changed.notify_all()
        if is_news:
            log.warning("kafka.connected: Kafka takes results again, %s wait in the spool", f"{waiting:,}")

    def close(self, timeout_s: float) -> None:
        """Close the producer; deliveries that are pending after the timeout fail."""
        with self._changed:
            producer, self._producer = self._producer, None
            self._is_closed = True
            self._changed.notify_all()
        if producer is not None:
            producer.close(timeout_s)
