"""Whether a server proves over the network that it is the one we mean."""

import ipaddress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from sitemon.config.servers import KafkaServer, PostgresServer, RedisServer

_RISK: Final = "whoever stands between can read and change what is said"
_WEAKEN_REDIS: Final = frozenset({"ssl_cert_reqs", "ssl_check_hostname"})


def warning_of(server: object) -> str | None:
    """Return what to say of a server that is reached over a network and not verified; None of any other.

    What stays on this machine (loopback, a Unix socket) needs no proof.
    """
    match server:
        case PostgresServer():
            is_verified, mending = server.sslmode == "verify-full", "ssl_root_cert, which makes sslmode verify-full"
            hosts = [server.host]
        case KafkaServer():
            is_tls = server.client.get("security_protocol", "PLAINTEXT") in {"SSL", "SASL_SSL"}
            is_verified = is_tls and server.client.get("ssl_check_hostname", True)
            hosts = [urlsplit(f"//{place}").hostname or place for place in server.client["bootstrap_servers"]]
            mending = "security_protocol SSL or SASL_SSL, and ssl_check_hostname as it is by default"
        case RedisServer():
            parts = urlsplit(server.url)
            is_verified = parts.scheme == "rediss" and _WEAKEN_REDIS.isdisjoint(parse_qs(parts.query))
            hosts, mending = [parts.hostname or ""], "a url that begins with rediss:// and weakens nothing"
        case _:
            return None
    distant = next((host for host in hosts if not _is_here(host)), None)
    return None if is_verified or distant is None else f"{distant} is not verified: {_RISK}; {mending} mends it"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")
