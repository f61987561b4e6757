"""kombu's Redis channel: it ends well when its connection is gone, and goes on whatever a message or a clock is."""

import logging
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from queue import Empty
from typing import Any, Final

import msgspec
import redis
from kombu.exceptions import OperationalError
from kombu.transport import redis as redis_transport
from kombu.utils import json

from sitemon.model.one_line import one_line
from sitemon.redis_client import RedisClock
from sitemon.server_clock import RIGHT_S

log = logging.getLogger(__name__)

LOST: Final = (Empty, redis.RedisError, OperationalError, OSError)
"""Nothing came, or Redis is away: no message is to blame."""
_MOST_DIGITS: Final = 1_000
_MOST_SAID: Final = 200
_DEEPEST: Final = 50
"""A pool of processes pickles what a message says of its task, which fails at some 500."""


redis_clock: Final = RedisClock()
"""By it is counted for how long messages are in hand.

By that of its machine, a worker whose clock is ahead took those that living ones had in hand for lost.
"""


class _Properties(msgspec.Struct):
    delivery_tag: str


class _Envelope(msgspec.Struct):
    """What kombu takes unseen of a message, before it notes that it has it."""

    properties: _Properties
    headers: dict[str, Any] | None = None


class QoS(redis_transport.QoS):
    """What workers have in hand, and since when by Redis's clock.

    What cannot be given back is dropped: all behind it would wait without end.
    """

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Note that a message is in hand."""
        if not redis_clock.is_known:
            self._look_at_clock()
        super().append(message, delivery_tag)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Give back what was in hand for too long."""
        self._look_at_clock()
        super().restore_visible(*args, **options)

    def _look_at_clock(self) -> None:
        channel: Any = self.channel
        with channel.conn_or_acquire() as client:
            has_changed = redis_clock.look(client)
        if has_changed and redis_clock.is_apart:
            log.warning("worker.clock_apart: %s: slots come late here, or early", redis_clock)
        elif has_changed:
            log.warning("worker.clock_right: it is less than %g s from Redis's again", RIGHT_S)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Give a message back."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except LOST:
            raise
        except Exception as exc:  # noqa: BLE001 - a stranger's message may provoke any
            tell_of_dropped(exc)
            self._remove_from_indices(tag).execute()  # type: ignore[attr-defined]  # kombu-stubs does not know it


class Channel(redis_transport.Channel):
    """Says that its connection is closed in a way that kombu and Celery know, and drops what is no message.

    When Redis goes away, Celery closes the connection and then its channel, which wants to give unacknowledged messages
    back, and late acknowledgements come to it too. By then the channel has no connection left, and kombu (5.7.0) fails
    with an AttributeError that nobody expects: the worker died of it. Messages that were not given back return by
    their visibility timeout.

    It also died of each message that it failed at, which came back to kill the next one. Compressed ones are taken
    where `takes_compressed`: a few bytes may be gigabytes.
    """

    QoS = QoS
    takes_compressed = False
    _asks_in_turn: Any = None

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        """Begin to take messages from a queue."""
        consumer_tag = super().basic_consume(queue, *args, **kwargs)
        callbacks: Any = self.connection._callbacks  # noqa: SLF001  # kombu has no other place between queue and consumer
        callbacks[queue] = partial(self._take, callbacks[queue])
        return consumer_tag

    def _take(self, take: Callable[[Any], object], raw: Any) -> None:
        try:
            self._look_at(msgspec.convert(raw, _Envelope))
            look_into(raw)
            take(raw)
        except LOST:
            raise
        except Exception as exc:  # noqa: BLE001 - a stranger's message may provoke any
            tell_of_dropped(exc)
            in_hand: Any = self.qos._delivered  # noqa: SLF001  # kombu has no public list of it
            for tag in [tag for tag, message in in_hand.items() if message._raw is raw]:  # noqa: SLF001
                self.qos.ack(tag)

    def _look_at(self, envelope: _Envelope) -> None:
        if envelope.headers and envelope.headers.get("compression") and not self.takes_compressed:
            raise ValueError("it is compressed, and task_compression is not set")

    def _brpop_read(self, **options: Any) -> Any:
        return _read(super()._brpop_read, **options)  # type: ignore[misc]  # nor this

    def _receive_one(self, client: Any) -> Any:
        return _read(super()._receive_one, client)  # type: ignore[misc]  # nor this

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return one client for all that is asked and answered in turn: to make another took as long as to ask."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[misc]  # nor this
        if self._asks_in_turn is None or self._asks_in_turn.connection_pool is not self.pool:
            self._asks_in_turn = super()._create_client()  # type: ignore[misc]  # nor this
        return self._asks_in_turn

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection.client is None:
            raise redis.ConnectionError("the channel's connection is closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]  # kombu-stubs does not know it


def look_into(value: Any, depth: int = 0) -> None:
    """Refuse what is nested deeply.

    Raises:
        ValueError: it is.

    """
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        look_into(each, depth + 1)


def _read(read: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return read(*args, **options)
    except LOST:
        raise
    except Exception as exc:  # noqa: BLE001 - a stranger's message may provoke any
        tell_of_dropped(exc)
        return None


def tell_of_dropped(exc: Exception) -> None:
    """Log that a message is not taken, and why."""
    said = one_line(f"{type(exc).__name__}: {exc}"[:_MOST_SAID])
    log.error("worker.message_dropped: what came from Redis is nothing that a worker takes: %s", said)


def _decimal(text: str) -> Decimal:
    """Refuse a number that is an int of millions of digits to whoever takes it for one."""
    found = Decimal(text)
    if abs(found.adjusted()) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return found


def install(*, takes_compressed: bool) -> None:
    """Make kombu's Redis transport use this channel in this process, and its JSON no number without bounds."""
    Channel.takes_compressed = takes_compressed
    redis_transport.Transport.Channel = Channel
    redis_transport.time = redis_clock  # type: ignore[attr-defined]  # kombu-stubs do not know it
    json.register_type(Decimal, "decimal", str, _decimal)
