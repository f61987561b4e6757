"""Every server with TLS: Kafka with client certificates and SASL, PostgreSQL with verify-full, Redis over rediss://."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from sitemon import clock
from sitemon.config.servers import KafkaServer, PostgresServer
from sitemon.local.certificates import Authority
from sitemon.local.chains import new_authority, new_leaf, write_chain
from sitemon.local.part import MissingToolError
from sitemon.local.ports import LOOPBACK
from sitemon.local.postgres import WITH_RIGHT_TO_READ, Postgres
from sitemon.local.valkey import Valkey
from tests.databases import as_admin, rows
from tests.faults.relay import Relay
from tests.integration.stream.secure_kafka import SecureKafka, login

_DEBIAN: Final = Path("/usr/lib/postgresql")


class TlsPostgres(Postgres):
    """PostgreSQL of Debian's package `postgresql`, with TLS: the wheel's is built without it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder.mkdir(parents=True)
        self._now = clock.utc_now()
        self._signer = new_authority(
            "faults", begins_at=self._now - timedelta(days=2), ends_at=self._now + timedelta(days=9)
        )
        self.authority = self.folder / "ca.pem"
        self.authority.write_bytes(self._signer.pem)
        self._keys = self.folder / "server.pem"
        self._use(hosts=(LOOPBACK,), days_left=9)

    def program(self, name: str) -> Path:
        """Return one of the newest version's programs. Raises MissingToolError when there is none."""
        found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda file: int(file.parts[-3]))
        if not found:
            raise MissingToolError("PostgreSQL with TLS is missing: apt install postgresql")
        return found[-1]

    def command(self) -> Sequence[str | Path]:
        """Return the server's command line, with TLS.

        Before version 16 PostgreSQL leaves its working folder to look for itself, and comes back by the folder's name.
        """
        tls = ["--ssl=on", f"--ssl_cert_file={self._keys}", f"--ssl_key_file={self._keys}"]
        return [*self.as_its_user(*WITH_RIGHT_TO_READ), *self.server_command(self.data), *tls]

    @contextmanager
    def certificate(self, *, hosts: Sequence[str] = (LOOPBACK,), days_left: int = 9) -> Iterator[None]:
        """Show another certificate for a while."""
        self._use(hosts, days_left)
        self._reload()
        try:
            yield
        finally:
            self._use((LOOPBACK,), 9)
            self._reload()

    def _use(self, hosts: Sequence[str], days_left: int) -> None:
        ends_at = self._now + timedelta(days=days_left)
        leaf = new_leaf(self._signer, hosts=hosts, begins_at=self._now - timedelta(days=2), ends_at=ends_at)
        chain = write_chain(self.folder, leaf)
        chain.chmod(0o600)
        chain.rename(self._keys)

    def _reload(self) -> None:
        server = PostgresServer(host=LOOPBACK, port=self.port, sslmode="require")
        with closing(as_admin(server, self.admin)) as conn:
            rows(conn, "SELECT pg_reload_conf()")


class SecureServers:
    """The three servers, and the environments with which a command uses them."""

    def __init__(self, folder: Path, valkey: Valkey) -> None:
        self.folder = folder
        self._valkey = valkey
        now = clock.utc_now()
        authority = Authority(folder, now)
        self._authority = authority.file
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.issue("redis", expires_at=now + timedelta(days=9)))
        self._relay = Relay(valkey.port, context)
        (folder / "other").mkdir()
        self.other_authority = Authority(folder / "other", now).file
        self.postgres = TlsPostgres(folder)
        self.kafka = SecureKafka(folder)

    def __enter__(self) -> Self:
        self.postgres.start()
        self.kafka.start()
        self._relay.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._relay.__exit__(None, None, None)
        self.kafka.kill()
        self.postgres.kill()

    def postgres_environment(self) -> dict[str, str]:
        """PostgreSQL: a CA alone means verify-full."""
        where = {"SITEMON_PG_IS_SSL": "true", "SITEMON_PG_SSL_ROOT_CERT": str(self.postgres.authority)}
        return self.postgres.environment | where

    def redis_environment(self, database: int) -> dict[str, str]:
        """Redis by rediss://."""
        plain = self._valkey.url(database)
        url = plain.replace("redis://", "rediss://").replace(f":{self._valkey.port}/", f":{self._relay.port}/")
        return {"SITEMON_REDIS_URL": url, "SITEMON_REDIS_SSL_CAFILE": str(self._authority)}

    def kafka_environment(self, way_in: str) -> dict[str, str]:
        """Kafka by a way in: a client certificate, or SCRAM over TLS."""
        server = {
            "client certificate": lambda: self.kafka.server("SSL", **self.kafka.tls),
            "scram": lambda: self.kafka.server(
                "SASL_SSL", ssl_cafile=str(self.kafka.authority), **login(mechanism="SCRAM-SHA-256")
            ),
        }[way_in]()
        return environment_of(server)


def environment_of(server: KafkaServer) -> dict[str, str]:
    """Return the variables that say the same as a server's description."""
    return {f"SITEMON_KAFKA_{name.upper()}": str(value) for name, value in server.client.items()}
