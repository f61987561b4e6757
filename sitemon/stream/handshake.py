"""One try to be taken by one server of Kafka, in which the reason for a refusal is heard.

It stands on inner parts of kafka-python; the integration tests say when a new version changes them.
"""

import socket
import ssl
from typing import Any, NamedTuple

from kafka.errors import KafkaError
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport


class Handshake(NamedTuple):
    """What came of it: no `error` when the server takes us. `is_kafka`: it told the versions of its protocol."""

    host: str
    port: int
    answer_s: float
    is_kafka: bool
    error: Exception | None


def shake_hands(settings: dict[str, Any]) -> Handshake:
    """Try TCP, TLS, the protocol's versions, SASL, and a first request, with kafka-python's own settings.

    Each of them may take as long as a request may, ``request_timeout_ms``.

    TCP and TLS are tried alone first, since kafka-python leaves a socket open where they fail.
    """
    net = NetworkSelector(**settings)
    manager = _Manager(net, **settings)
    node = manager.cluster.bootstrap_brokers()[0]
    host, port = node.host.strip("[]"), node.port
    answer_s = settings["request_timeout_ms"] / 1000
    is_kafka, error = False, None

    async def talk() -> None:
        nonlocal is_kafka
        connection = manager.get_connection(
            node.node_id, timeout_ms=answer_s * 1000, pop_on_close=False, refresh_metadata_on_err=False
        )
        try:
            await connection
            await manager.cluster.refresh_metadata(node.node_id)
        finally:
            is_kafka = connection.broker_version_data is not None

    try:
        if not manager.config["proxy_url"]:
            reach(host, port, manager.tls_context(), answer_s)
        net.run(talk)
    except (KafkaError, OSError, ValueError) as exc:
        error = exc
    finally:
        manager.close()
        net.close()
    return Handshake(host, port, answer_s, is_kafka, error)


def reach(host: str, port: int, context: ssl.SSLContext | None, within_s: float) -> None:
    """Open a connection, with TLS if there are settings for it, and close it. Raises OSError, as ssl.SSLError is."""
    with socket.create_connection((host, port), timeout=within_s) as connection:
        if context is not None:
            with context.wrap_socket(connection, server_hostname=host):
                pass


def is_tls_refusal(exc: BaseException) -> bool:
    """Tell a handshake that failed for a reason from a lost connection; kafka-python hides the one in the other.

    Which error a lost connection is depends on Python's version.
    """
    inner = exc.args[0] if exc.args and isinstance(exc.args[0], BaseException) else exc
    return isinstance(inner, ssl.SSLError) and not isinstance(inner, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def speaks_tls(server: Handshake) -> bool:
    """Tell whether the other side speaks TLS at all, with whatever certificate. Nothing is sent over it."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        reach(server.host, server.port, anybody, server.answer_s)
    except OSError as exc:
        return is_tls_refusal(exc)
    return True


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
