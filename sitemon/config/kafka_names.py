"""The names of kafka-python that kafka-server.json may hold: those that producer, consumer and admin client share.

Names that take a Python object (``ssl_context``, ``sasl_oauth_token_provider``, ``metric_reporters`` …) cannot
stand in a file. What decides about delivery (``acks``, ``enable_idempotence`` …) is not for a file to change.
"""

from collections.abc import Mapping
from typing import Final

from sitemon.config.values import Parser, UnfitError, boolean, integer, one_of, secret, text

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "AWS_MSK_IAM")
WITH_PASSWORD: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PATHS: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
SECRETS: Final = ("sasl_plain_password", "ssl_password", "proxy_url")

_milliseconds: Final = integer(0, 2**31 - 1)
_bytes: Final = integer(1, 2**31 - 1)


def bootstrap_servers(value: object) -> list[str]:
    """Read ``host[:port]``, a list of them, or text with commas between them."""
    servers = value.split(",") if isinstance(value, str) else value
    if not isinstance(servers, list) or not servers:
        raise UnfitError("expected host:port, or a list of them")
    for place, server in enumerate(servers):
        if not isinstance(server, str) or not _is_host_and_port(server.strip()):
            raise UnfitError("expected host:port", (place,) if isinstance(value, list) else ())
    return [server.strip() for server in servers]


def _is_host_and_port(server: str) -> bool:
    host, colon, port = server.rpartition(":")
    if not colon or server.endswith("]"):
        return bool(server) and not set(server) & set("/@ ")
    is_ipv6_whole = host.startswith("[") == host.endswith("]")
    is_port = port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536
    return bool(host) and not set(host) & set("/@ ") and is_ipv6_whole and is_port


NAMES: Final[Mapping[str, Parser]] = {
    "bootstrap_servers": bootstrap_servers,
    "bootstrap_timeout_ms": _milliseconds,
    "client_dns_lookup": one_of("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
    "client_id": text,
    "connections_max_idle_ms": _milliseconds,
    "metadata_max_age_ms": _milliseconds,
    "proxy_url": text,
    "receive_buffer_bytes": _bytes,
    "reconnect_backoff_max_ms": _milliseconds,
    "reconnect_backoff_ms": _milliseconds,
    "request_timeout_ms": _milliseconds,
    "retry_backoff_ms": _milliseconds,
    "sasl_kerberos_domain_name": text,
    "sasl_kerberos_name": text,
    "sasl_kerberos_service_name": text,
    "sasl_mechanism": one_of(*MECHANISMS),
    "sasl_plain_password": secret,
    "sasl_plain_username": text,
    "security_protocol": one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "send_buffer_bytes": _bytes,
    "ssl_cafile": text,
    "ssl_certfile": text,
    "ssl_check_hostname": boolean,
    "ssl_crlfile": text,
    "ssl_keyfile": text,
    "ssl_password": secret,
}
