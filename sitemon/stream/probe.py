"""Whether Kafka is there and takes us: asked at the start of a command, and again whenever Kafka seems to be away.

kafka-python waits for a server that refuses us as for one that is away, and says "Unable to bootstrap" of both. So
this asks each server over one connection, whose end carries the reason. It stands on inner parts of kafka-python;
the integration tests say when a new version changes them.
"""

import logging
import ssl
import threading
from collections.abc import Sequence
from typing import Any, Final

from kafka.errors import KafkaError
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.errors import model_error, words

log = logging.getLogger(__name__)

_ANSWER_S: Final = 4.0
_PAUSE_S: Final = 1.0
_UNEXPLAINED: Final = ("socket disconnected", "EOF occurred", "Connection reset", "Broken pipe", "Invalid frame length")
_OTHER_TLS: Final = {"PLAINTEXT": "SSL", "SASL_PLAINTEXT": "SSL", "SSL": "PLAINTEXT", "SASL_SSL": "PLAINTEXT"}


def probe(server: KafkaServer, stop: threading.Event | None = None) -> bool:
    """Wait until a server answers and takes us; say once that it is waited for. False: `stop` was set meanwhile.

    Raises RefusedError, within 10 s, when a server refuses us (TLS, SASL), in the server's words.
    """
    stop = stop or threading.Event()
    is_said = False
    while not stop.is_set():
        try:
            visit(server)
        except UnreachableError as exc:
            if not is_said:
                log.warning("kafka.waiting: no server answers yet: %s", exc)
                is_said = True
            stop.wait(_PAUSE_S)
        else:
            return True
    return False


def visit(server: KafkaServer) -> None:
    """Connect to one configured server after the other, until one takes us.

    Raises:
        UnreachableError: none answers; with the reason of the last.
        RefusedError: one refuses us.

    """
    quiet_kafka_loggers()
    failure: SitemonError = UnreachableError("no server is configured")
    for place in servers_of(server):
        settings = arguments(server, bootstrap_servers=place, request_timeout_ms=int(_ANSWER_S * 1000))
        outcome = _refusal_or_absence(_Visit(settings), settings)
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


def _refusal_or_absence(visit: "_Visit", settings: dict[str, Any]) -> SitemonError | None:
    exc = visit.error
    if exc is None:
        return None
    place = settings["bootstrap_servers"]
    if _is_tls_refusal(exc):
        return RefusedError(f"{place}: {words(exc)}")
    if isinstance(exc, OSError):
        return RefusedError(f"{place}: the TLS files cannot be read: {exc.strerror}")
    known = model_error(exc) if isinstance(exc, KafkaError) else UnreachableError(words(exc))
    if isinstance(known, RefusedError):
        return RefusedError(f"{place}: {known}")
    if not visit.is_unexplained:
        return UnreachableError(f"{place}: {known}")
    return _explanation(place, visit, settings)


def _explanation(place: str, visit: "_Visit", settings: dict[str, Any]) -> SitemonError:
    """Tell what a server means that closes the connection without a word: it wants TLS, or SASL, or is going."""
    protocol = settings.get("security_protocol", "PLAINTEXT")
    if visit.is_kafka:
        if not protocol.startswith("SASL"):
            return RefusedError(f"{place} closes the connection: it may want SASL, security_protocol is {protocol}")
    elif _Visit({**settings, "security_protocol": _OTHER_TLS[protocol], "ssl_context": _anybody()}).is_understood:
        wants = "does not speak TLS" if protocol.endswith("SSL") else "speaks TLS"
        return RefusedError(f"{place} {wants}, security_protocol is {protocol}")
    return UnreachableError(f"{place} closes the connection")


def _is_tls_refusal(exc: BaseException | None) -> bool:
    """Tell a failed handshake, of which kafka-python keeps OpenSSL's error inside its own, from a lost connection."""
    if exc is None:
        return False
    if isinstance(exc, ssl.SSLError):
        return not isinstance(exc, ssl.SSLEOFError)
    inner = exc.args[0] if exc.args and isinstance(exc.args[0], BaseException) else exc.__context__
    return _is_tls_refusal(inner)


def _anybody() -> ssl.SSLContext:
    """Return a TLS context that only finds out whether the other side speaks TLS at all; nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Visit:
    """One try to be taken by one server: TCP, TLS, the versions, SASL, and a first request."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.error: Exception | None = None
        self.is_kafka = False
        net = NetworkSelector(**settings)
        manager = _Manager(net, **settings)
        try:
            net.run(self._talk, manager)
        except (KafkaError, OSError, ValueError) as exc:
            self.error = exc
        finally:
            manager.close()
            net.close()

    @property
    def is_understood(self) -> bool:
        """Whether the server speaks this security protocol, even if it does not take us."""
        return self.error is None or self.is_kafka or _is_tls_refusal(self.error)

    @property
    def is_unexplained(self) -> bool:
        """Whether the connection stood, and the server ended it without saying why, or said what is not Kafka."""
        text = words(self.error) if self.error else ""
        return any(sign in text for sign in _UNEXPLAINED)

    async def _talk(self, manager: KafkaConnectionManager) -> None:
        node = manager.cluster.bootstrap_brokers()[0].node_id
        connection = manager.get_connection(
            node, timeout_ms=_ANSWER_S * 1000, pop_on_close=False, refresh_metadata_on_err=False
        )
        try:
            await connection
            await manager.cluster.refresh_metadata(node)
        finally:
            self.is_kafka = connection.broker_version_data is not None


class _Manager(KafkaConnectionManager):  # type: ignore[misc] # kafka has no types
    """kafka-python's connections, but the last words of a server that hangs up are heard.

    A broker sends why it refuses a password and closes at once; both arrive together, and kafka-python drops what
    arrives together with the end.
    """

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._build_transport(*args, **kwargs)
        receive = transport._sock_recv  # noqa: SLF001 - the only place that sees both

        def receive_data_first() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = receive_data_first  # noqa: SLF001
        return transport
