"""What each file of a server may hold, and in the environment the variables of the same names."""

import re
from typing import Final
from urllib.parse import urlsplit

from sitemon.config import kafka_names
from sitemon.config.fields import FileKind
from sitemon.config.values import UnfitError, boolean, integer, one_of, secret, text
from sitemon.config.web_file import WEB

DEFAULT_TOPIC: Final = "sitemon.results"
BROKERS_REPLICATION_FACTOR: Final = -1
CODECS: Final = ("lz4", "gzip", "none")
"""Those that every recorder can read. Snappy and Zstandard need libraries that it does not bring."""

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")


def _topic(value: object) -> str:
    """Read the topic of results: a name that Kafka takes, also with what is appended to it for the other topics."""
    name = text(value)
    if not _TOPIC.fullmatch(name) or name in {".", ".."}:
        raise UnfitError(f"expected at most 200 letters, digits, dots, dashes and underscores, such as {DEFAULT_TOPIC}")
    return name


def _redis_url(value: object) -> str:
    url = text(value)
    try:
        parts = urlsplit(url)
        is_fit = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or parts.scheme not in {"redis", "rediss"} or not _is_database(parts.path):
        raise UnfitError("expected redis://host:port/number, or rediss:// for TLS")
    return url


def _is_database(path: str) -> bool:
    return path in {"", "/"} or (path[1:].isascii() and path[1:].isdigit())


_replication_factor: Final = integer(1, 1_000)


def _replication(value: object) -> int:
    """Read -1, the broker's default, or a number of copies."""
    return BROKERS_REPLICATION_FACTOR if value in (-1, "-1") else _replication_factor(value)


PG_SERVER: Final = FileKind(
    "pg-server.json",
    "SITEMON_PG_",
    {
        "host": text,
        "port": integer(1, 65535),
        "is_ssl": boolean,
        "sslmode": one_of(*_SSL_MODES),
        "ssl_root_cert": text,
        "ssl_cert": text,
        "ssl_key": text,
    },
    required=("host",),
    paths=("ssl_root_cert", "ssl_cert", "ssl_key"),
    keys=("ssl_key",),
)
_CREDENTIALS: Final = {"user": text, "password": secret, "database": text}
DB_ADMIN: Final = FileKind(
    "db-admin.json", "SITEMON_DB_ADMIN_", _CREDENTIALS, required=("user", "password"), secrets=("password",)
)
SITEMON_DB: Final = FileKind(
    "sitemon-db.json", "SITEMON_DB_", _CREDENTIALS, required=tuple(_CREDENTIALS), secrets=("password",)
)
KAFKA_SERVER: Final = FileKind(
    "kafka-server.json",
    "SITEMON_KAFKA_",
    {
        **kafka_names.NAMES,
        "topic": _topic,
        "partitions": integer(1, 10_000),
        "replication_factor": _replication,
        "compression_type": one_of(*CODECS),
    },
    required=("bootstrap_servers",),
    paths=kafka_names.PATHS,
    keys=("ssl_keyfile",),
    secrets=kafka_names.SECRETS,
)
REDIS: Final = FileKind(
    "redis.json",
    "SITEMON_REDIS_",
    {"url": _redis_url, "ssl_cafile": text, "ssl_certfile": text, "ssl_keyfile": text},
    required=("url",),
    paths=("ssl_cafile", "ssl_certfile", "ssl_keyfile"),
    keys=("ssl_keyfile",),
    secrets=("url",),
)
KINDS: Final = (PG_SERVER, DB_ADMIN, SITEMON_DB, KAFKA_SERVER, REDIS, WEB)
