"""Whether Kafka is there and takes us: asked at the start of a command, and again whenever Kafka seems to be away.

kafka-python waits for a server that refuses us as for one that is away, and says "Unable to bootstrap" of both. So
this asks each server over one connection, whose end carries the reason.
"""

import logging
import math
import threading
from collections.abc import Sequence
from typing import Any, Final

from kafka.errors import KafkaError

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.errors import model_error, words
from sitemon.stream.handshake import Handshake, is_tls_refusal, shake_hands, speaks_tls

log = logging.getLogger(__name__)

_ANSWER_S: Final = 4.0
_PAUSE_S: Final = 1.0
_HANG_UPS: Final = ("disconnected", "EOF", "reset by peer", "Broken pipe", "Invalid frame length")


def wait_for_kafka(server: KafkaServer, stop: threading.Event | None = None) -> bool:
    """Wait until a server answers and takes us; say once that it is waited for. False: `stop` was set meanwhile.

    Raises RefusedError, within 10 s, when a server refuses us (TLS, SASL), in the server's words.
    """
    stop = stop or threading.Event()
    is_said = False
    while not stop.is_set():
        try:
            ping_kafka(server)
        except UnreachableError as exc:
            if not is_said:
                log.warning("kafka.waiting: no server answers yet: %s", exc)
                is_said = True
            stop.wait(_PAUSE_S)
        else:
            return True
    return False


def ping_kafka(server: KafkaServer, within_s: float = math.inf) -> None:
    """Connect to one configured server after the other, until one takes us or the time is over.

    Raises:
        UnreachableError: none answers; with the reason of the last.
        RefusedError: one refuses us.

    """
    quiet_kafka_loggers()
    until_s = clock.monotonic_s() + within_s
    failure: SitemonError = UnreachableError("no server is configured")
    for place in servers_of(server):
        answer_s = min(_ANSWER_S, until_s - clock.monotonic_s())
        if answer_s <= 0:
            break
        settings = arguments(server, bootstrap_servers=place, request_timeout_ms=max(1, int(answer_s * 1000)))
        outcome = _refusal_or_absence(place, settings)
        if outcome is None:
            return
        failure = outcome
        if isinstance(failure, RefusedError):
            break
    raise failure


def servers_of(server: KafkaServer) -> Sequence[str]:
    """Return the configured ``host:port`` of each server."""
    servers: str | Sequence[str] = server.client.get("bootstrap_servers", "localhost:9092")
    return servers.split(",") if isinstance(servers, str) else servers


def _refusal_or_absence(place: str, settings: dict[str, Any]) -> SitemonError | None:
    """Return why the server does not take us; None when it does."""
    handshake = shake_hands(settings)
    exc = handshake.error
    if exc is None:
        return None
    if isinstance(exc, FileNotFoundError | PermissionError):
        return RefusedError(f"{place}: a TLS file cannot be read: {exc.strerror}")
    if is_tls_refusal(exc):
        return RefusedError(f"{place}: {words(exc)}")
    known = model_error(exc) if isinstance(exc, KafkaError) else UnreachableError(words(exc))
    if isinstance(known, RefusedError):
        return RefusedError(f"{place}: {known}")
    if any(sign in words(exc) for sign in _HANG_UPS):
        return _meaning_of_a_hang_up(place, settings, handshake) or UnreachableError(f"{place}: {known}")
    return UnreachableError(f"{place}: {known}")


def _meaning_of_a_hang_up(place: str, settings: dict[str, Any], handshake: Handshake) -> RefusedError | None:
    """Tell what a server wants that hung up without a word, or said what is not Kafka; None: it is just not there."""
    protocol = settings.get("security_protocol", "PLAINTEXT")
    if handshake.is_kafka and not protocol.startswith("SASL"):
        return RefusedError(f"{place} hangs up: it may want SASL, security_protocol is {protocol}")
    if protocol.endswith("SSL"):
        if shake_hands({**settings, "security_protocol": "PLAINTEXT"}).is_kafka:
            return RefusedError(f"{place} does not speak TLS, security_protocol is {protocol}")
    elif not handshake.is_kafka and speaks_tls(handshake):
        return RefusedError(f"{place} speaks TLS, security_protocol is {protocol}")
    return None
