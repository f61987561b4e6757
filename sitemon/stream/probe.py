"""Whether Kafka is there and takes us: asked at the start of a command, and again whenever Kafka seems to be away.

kafka-python waits for a server that refuses us as for one that is away, and says "Unable to bootstrap" of both. So
this asks each server over one connection, whose end carries the reason. It stands on inner parts of kafka-python;
the integration tests say when a new version changes them.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any, Final

from kafka.errors import KafkaError
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.errors import model_error, words

log = logging.getLogger(__name__)

_ANSWER_S: Final = 4.0
_PAUSE_S: Final = 1.0
_HANG_UPS: Final = ("disconnected", "EOF", "reset by peer", "Broken pipe", "Invalid frame length")


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
    visit = _Visit(settings)
    exc = visit.error
    if exc is None:
        return None
    if isinstance(exc, FileNotFoundError | PermissionError):
        return RefusedError(f"{place}: a TLS file cannot be read: {exc.strerror}")
    if _is_tls_refusal(exc):
        return RefusedError(f"{place}: {words(exc)}")
    known = model_error(exc) if isinstance(exc, KafkaError) else UnreachableError(words(exc))
    if isinstance(known, RefusedError):
        return RefusedError(f"{place}: {known}")
    return _meaning_of_a_hang_up(place, settings, visit) or UnreachableError(f"{place}: {known}")


def _meaning_of_a_hang_up(place: str, settings: dict[str, Any], visit: "_Visit") -> RefusedError | None:
    """Tell what a server wants that hung up without a word, or said what is not Kafka; None: it is just not there."""
    protocol = settings.get("security_protocol", "PLAINTEXT")
    if not any(sign in words(visit.error or OSError()) for sign in _HANG_UPS):
        return None
    if visit.is_kafka and not protocol.startswith("SASL"):
        return RefusedError(f"{place} hangs up: it may want SASL, security_protocol is {protocol}")
    if protocol.endswith("SSL"):
        if _Visit({**settings, "security_protocol": "PLAINTEXT"}).is_kafka:
            return RefusedError(f"{place} does not speak TLS, security_protocol is {protocol}")
    elif not visit.is_kafka and _speaks_tls(visit.host, visit.port):
        return RefusedError(f"{place} speaks TLS, security_protocol is {protocol}")
    return None


def _is_tls_refusal(exc: BaseException) -> bool:
    """Tell a handshake that failed for a reason from a lost connection; kafka-python hides the one in the other.

    Which error a lost connection is depends on Python's version.
    """
    inner = exc.args[0] if exc.args and isinstance(exc.args[0], BaseException) else exc
    return isinstance(inner, ssl.SSLError) and not isinstance(inner, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _speaks_tls(host: str, port: int) -> bool:
    """Tell whether the other side speaks TLS at all, with whatever certificate. Nothing is sent over it."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        _shake_hands(host, port, anybody)
    except OSError as exc:
        return _is_tls_refusal(exc)
    return True


def _shake_hands(host: str, port: int, context: ssl.SSLContext | None) -> None:
    """Open a connection and close it. Raises OSError, of which ssl.SSLError is one."""
    with socket.create_connection((host, port), timeout=_ANSWER_S) as connection:
        if context is not None:
            with context.wrap_socket(connection, server_hostname=host):
                pass


class _Visit:
    """One try to be taken by one server: TCP, TLS, the protocol's versions, SASL, and a first request.

    TCP and TLS are tried alone first, since kafka-python leaves a socket open where they fail.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.error: Exception | None = None
        self.is_kafka = False
        net = NetworkSelector(**settings)
        manager = _Manager(net, **settings)
        node = manager.cluster.bootstrap_brokers()[0]
        self.host, self.port = node.host.strip("[]"), node.port
        try:
            if not manager.config["proxy_url"]:
                _shake_hands(self.host, self.port, manager.tls_context())
            net.run(self._talk, manager, node.node_id)
        except (KafkaError, OSError, ValueError) as exc:
            self.error = exc
        finally:
            manager.close()
            net.close()

    async def _talk(self, manager: "_Manager", node: str) -> None:
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

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS settings that a connection of this manager has."""
        context = KafkaSSLTransport._build_ssl_context(self.config) if self.ssl_enabled else None  # noqa: SLF001 - it is static
        return context if isinstance(context, ssl.SSLContext) else None

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._build_transport(*args, **kwargs)
        receive = transport._sock_recv  # noqa: SLF001 - the only place that sees both

        def receive_data_first() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = receive_data_first  # noqa: SLF001
        return transport
