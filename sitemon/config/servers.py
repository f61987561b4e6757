"""The servers, and who we are to them: the JSON files of ``conf_templates/``, or the environment.

Every reader raises ConfigurationError with all mistakes that it found. A field's variable is the prefix of its file
and its name in capitals (``SITEMON_PG_HOST``); a variable that is set wins over the file.
"""

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from sitemon.config.fields import Fields, FileKind
from sitemon.config.kafka_names import MECHANISMS, NAMES, PATHS, SECRETS, WITH_PASSWORD
from sitemon.config.values import UnfitError, boolean, integer, one_of, secret, text

DEFAULT_TOPIC: Final = "sitemon.results"
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TOPIC_SUFFIX: Final = ".results"


class PostgresServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where PostgreSQL is. `sslmode` is libpq's; the files' paths are absolute."""

    host: str
    port: int = 5432
    sslmode: str = "prefer"
    ssl_root_cert: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to PostgreSQL, and in which database. The password is masked in every repr."""

    user: str
    password: str
    database: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=***, database={self.database!r})"


class KafkaServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where Kafka is. `client` holds kafka-python's own keyword arguments, and is masked in every repr.

    `replication_factor` -1 is the broker's own default.
    """

    client: dict[str, Any]
    topic: str = DEFAULT_TOPIC
    partitions: int = 12
    replication_factor: int = -1

    def __repr__(self) -> str:
        return f"KafkaServer(client={self.client.get('bootstrap_servers')!r}, topic={self.topic!r})"


class RedisServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is. The URL may hold a password, and is masked in every repr; the files' paths are absolute."""

    url: str
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def __repr__(self) -> str:
        return f"RedisServer({urlsplit(self.url).hostname!r})"


def _topic(value: object) -> str:
    """Read the topic of results; the other topics take its first part."""
    name = text(value)
    if not name.endswith(_TOPIC_SUFFIX) or name == _TOPIC_SUFFIX:
        raise UnfitError(f"expected a topic that ends in {_TOPIC_SUFFIX}, such as {DEFAULT_TOPIC}")
    if len(name) > 200 or not set(name) <= _TOPIC_CHARACTERS:
        raise UnfitError("expected at most 200 letters, digits, dots, dashes and underscores")
    return name


_TOPIC_CHARACTERS: Final = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def _redis_url(value: object) -> str:
    """Read ``redis://[[user]:password@]host[:port][/database]``, or the same with ``rediss``."""
    expected = UnfitError("expected redis://host:port/database, or rediss:// for TLS")
    try:
        parts = urlsplit(text(value))
        is_url = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise expected from exc
    if not is_url or not (parts.path.strip("/") or "0").isdigit():
        raise expected
    return text(value)


_port: Final = integer(1, 65535)
_CREDENTIALS: Final = {"user": text, "password": secret, "database": text}
_POSTGRES: Final = FileKind(
    "pg-server.json",
    "SITEMON_PG_",
    {
        "host": text,
        "port": _port,
        "is_ssl": boolean,
        "sslmode": one_of(*_SSL_MODES),
        "ssl_root_cert": text,
        "ssl_cert": text,
        "ssl_key": text,
    },
    required=("host",),
    paths=("ssl_root_cert", "ssl_cert", "ssl_key"),
)
_ADMIN: Final = FileKind(
    "db-admin.json", "SITEMON_DB_ADMIN_", _CREDENTIALS, required=("user", "password"), secrets=("password",)
)
_DATABASE: Final = FileKind(
    "sitemon-db.json", "SITEMON_DB_", _CREDENTIALS, required=("user", "password", "database"), secrets=("password",)
)
_KAFKA: Final = FileKind(
    "kafka-server.json",
    "SITEMON_KAFKA_",
    {**NAMES, "topic": _topic, "partitions": integer(1, 10_000), "replication_factor": integer(-1, 1_000)},
    required=("bootstrap_servers",),
    paths=PATHS,
    secrets=SECRETS,
)
_REDIS: Final = FileKind(
    "redis.json",
    "SITEMON_REDIS_",
    {"url": _redis_url, "ssl_cafile": text, "ssl_certfile": text, "ssl_keyfile": text},
    required=("url",),
    paths=("ssl_cafile", "ssl_certfile", "ssl_keyfile"),
    secrets=("url",),
)


def postgres_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> PostgresServer:
    """Read ``pg-server.json`` and ``SITEMON_PG_…``.

    ``is_ssl: true`` alone means verify-full when a CA is given, require otherwise; ``false`` means disable.
    """
    fields = Fields(_POSTGRES, file, environ)
    is_ssl = fields.values.pop("is_ssl", None)
    sslmode = fields.values.get("sslmode")
    if is_ssl is False and sslmode in ("require", "verify-ca", "verify-full"):
        fields.complain("sslmode", f"{sslmode} contradicts is_ssl: false")
    if ("ssl_cert" in fields.values) != ("ssl_key" in fields.values):
        fields.complain("ssl_cert", "a client certificate needs both ssl_cert and ssl_key")
    if sslmode in ("verify-ca", "verify-full") and "ssl_root_cert" not in fields.values:
        fields.complain("sslmode", f"{sslmode} needs ssl_root_cert")
    fields.finish()
    if is_ssl is not None:
        secure = "verify-full" if "ssl_root_cert" in fields.values else "require"
        fields.values.setdefault("sslmode", secure if is_ssl else "disable")
    return PostgresServer(**fields.values)


def admin_credentials(file: str | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Read ``db-admin.json`` and ``SITEMON_DB_ADMIN_…``: a role that may create roles and databases."""
    fields = Fields(_ADMIN, file, environ)
    fields.finish()
    return Credentials(**{"database": "postgres", **fields.values})


def database_credentials(file: str | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Read ``sitemon-db.json`` and ``SITEMON_DB_…``: sitemon's own role and database."""
    fields = Fields(_DATABASE, file, environ)
    fields.finish()
    return Credentials(**fields.values)


def kafka_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> KafkaServer:
    """Read ``kafka-server.json`` and ``SITEMON_KAFKA_…``."""
    fields = Fields(_KAFKA, file, environ)
    _check_sasl(fields)
    fields.finish()
    ours = {
        name: fields.values.pop(name) for name in ("topic", "partitions", "replication_factor") & fields.values.keys()
    }
    return KafkaServer(client=fields.values, **ours)


def redis_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> RedisServer:
    """Read ``redis.json`` and ``SITEMON_REDIS_…``."""
    fields = Fields(_REDIS, file, environ)
    if not fields.values.get("url", "rediss:").startswith("rediss:") and len(fields.values) > 1:
        fields.complain("url", "certificates are given, so expected rediss://")
    fields.finish()
    return RedisServer(**fields.values)


def _check_sasl(fields: Fields) -> None:
    protocol = fields.values.get("security_protocol", "PLAINTEXT")
    mechanism = fields.values.get("sasl_mechanism")
    if protocol.startswith("SASL") and mechanism is None:
        fields.complain("sasl_mechanism", f"{protocol} needs one of {', '.join(MECHANISMS)}")
    if mechanism is not None and not protocol.startswith("SASL"):
        fields.complain("security_protocol", "sasl_mechanism is given, so expected SASL_PLAINTEXT or SASL_SSL")
    if mechanism in WITH_PASSWORD:
        for name in ("sasl_plain_username", "sasl_plain_password"):
            if name not in fields.values:
                fields.complain(name, f"{mechanism} needs it")
    if ("ssl_certfile" in fields.values) != ("ssl_keyfile" in fields.values):
        fields.complain("ssl_certfile", "a client certificate needs both ssl_certfile and ssl_keyfile")
    if protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and {"ssl_cafile", "ssl_certfile"} & fields.values.keys():
        fields.complain("security_protocol", "certificates are given, so expected SSL or SASL_SSL")
