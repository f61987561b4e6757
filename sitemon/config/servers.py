"""The servers: PostgreSQL, Kafka, Redis, and the credentials for PostgreSQL.

Each comes from its file, from the environment (which wins, field by field), or from both. Every function here
raises `ConfigurationError` with all mistakes that it found.
"""

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from sitemon.config import kafka_names, locate
from sitemon.config.fields import Fields
from sitemon.config.server_files import (
    BROKERS_REPLICATION_FACTOR,
    CODECS,
    DB_ADMIN,
    DEFAULT_TOPIC,
    KAFKA_SERVER,
    PG_SERVER,
    REDIS,
    SITEMON_DB,
)

DEFAULT_PARTITIONS: Final = 12

_MASK: Final = "***"
_OURS: Final = ("topic", "partitions", "replication_factor", "compression_type")
"""What kafka-server.json holds that not every client of kafka-python takes."""


class PostgresServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where PostgreSQL is. `sslmode` is libpq's; the files are absolute paths."""

    host: str
    port: int = 5432
    sslmode: str = "prefer"
    ssl_root_cert: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user of PostgreSQL and the database that it connects to."""

    user: str
    password: str
    database: str

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("user", self.user), ("password", _MASK), ("database", self.database)]

    def __repr__(self) -> str:
        return _repr_of(self)


class KafkaServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where Kafka is. `client` holds keyword arguments for any client of kafka-python, file paths absolute.

    A `replication_factor` of -1 is the broker's default. What we write is compressed as `compression_type` says.
    """

    client: dict[str, Any]
    topic: str = DEFAULT_TOPIC
    partitions: int = DEFAULT_PARTITIONS
    replication_factor: int = BROKERS_REPLICATION_FACTOR
    compression_type: str = CODECS[0]

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        client = {name: _MASK if name in kafka_names.SECRETS else value for name, value in self.client.items()}
        return [("client", client), *((name, getattr(self, name)) for name in _OURS)]

    def __repr__(self) -> str:
        return _repr_of(self)


class RedisServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is. `url` may hold a password; `public_url` is for messages. The files are absolute paths."""

    url: str
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    @property
    def public_url(self) -> str:
        """The URL without user, password and query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("url", self.public_url), *((name, getattr(self, name)) for name in REDIS.paths)]

    def __repr__(self) -> str:
        return _repr_of(self)


def _repr_of(server: msgspec.Struct) -> str:
    """Return the repr of what may be shown. `rich` would show a Struct's secrets, hence both kinds of repr."""
    shown = ", ".join(f"{name}={value!r}" for name, value in server.__rich_repr__())
    return f"{type(server).__name__}({shown})"


def postgres_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> PostgresServer:
    """Read pg-server.json.

    Without `sslmode`: a CA means verify-full; `is_ssl: true` means require and `is_ssl: false` disable; and when
    nothing is said, libpq's own default, prefer.
    """
    fields = Fields.read(PG_SERVER, file, environ)
    is_ssl, mode = fields.values.pop("is_ssl", None), fields.values.get("sslmode")
    if is_ssl is False and mode not in (None, "disable"):
        fields.complain("sslmode", "contradicts is_ssl: false")
    if is_ssl is True and mode == "disable":
        fields.complain("sslmode", "contradicts is_ssl: true")
    if is_ssl is False or mode == "disable":
        fields.refuse(PG_SERVER.paths, "has no effect without TLS")
    fields.require_together("ssl_cert", "ssl_key")
    fields.finish()
    usual = (
        "verify-full"
        if "ssl_root_cert" in fields.values
        else {True: "require", False: "disable", None: "prefer"}[is_ssl]
    )
    return PostgresServer(**{"sslmode": usual, **fields.values})


def admin_credentials(file: str | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Read db-admin.json: a user who may create roles and databases. Without a database, it connects to postgres."""
    fields = Fields.read(DB_ADMIN, file, environ)
    fields.finish()
    return Credentials(**{"database": "postgres", **fields.values})


def database_credentials(file: str | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Read sitemon-db.json: our own user and database."""
    fields = Fields.read(SITEMON_DB, file, environ)
    fields.finish()
    return Credentials(**fields.values)


def kafka_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> KafkaServer:
    """Read kafka-server.json."""
    fields = Fields.read(KAFKA_SERVER, file, environ)
    protocol = fields.values.get("security_protocol", "PLAINTEXT")
    if "SSL" not in protocol.split("_"):
        names = [name for name in fields.values if name.startswith("ssl_")]
        fields.refuse(names, "has no effect unless security_protocol is SSL or SASL_SSL")
    if not protocol.startswith("SASL_"):
        names = [name for name in fields.values if name.startswith("sasl_")]
        fields.refuse(names, "has no effect unless security_protocol is SASL_SSL or SASL_PLAINTEXT")
    else:
        _require_sasl(fields)
    if "ssl_keyfile" in fields.values:
        fields.require("ssl_certfile", "missing; ssl_keyfile needs it")
    fields.finish()
    ours = {name: fields.values.pop(name) for name in _OURS if name in fields.values}
    return KafkaServer(client=fields.values, **ours)


def is_kafka_configured(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether somebody says where Kafka is, for what can do without."""
    named = environ.get(KAFKA_SERVER.variable("bootstrap_servers"))
    return bool(named) or locate.usual_place(KAFKA_SERVER.file_name, environ).exists()


def _require_sasl(fields: Fields) -> None:
    fields.require("sasl_mechanism", "missing; this security_protocol needs it")
    if fields.values.get("sasl_mechanism") in kafka_names.WITH_PASSWORD:
        for name in ("sasl_plain_username", "sasl_plain_password"):
            fields.require(name, "missing; this sasl_mechanism needs it")


def is_redis_configured(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether redis.json or its variable is there, well or badly: the alerter does without."""
    return bool(environ.get(REDIS.variable("url"))) or locate.usual_place(REDIS.file_name, environ).exists()


def redis_server(file: str | None = None, environ: Mapping[str, str] = os.environ) -> RedisServer:
    """Read redis.json."""
    fields = Fields.read(REDIS, file, environ)
    if fields.values.get("url", "").startswith("redis://"):
        fields.refuse(REDIS.paths, "has no effect unless the url starts with rediss://")
    fields.require_together("ssl_certfile", "ssl_keyfile")
    fields.finish()
    return RedisServer(**fields.values)
