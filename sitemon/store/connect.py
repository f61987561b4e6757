"""Connecting to PostgreSQL.

Errors while connecting have no SQLSTATE: libpq gives only words, in the server's language. The English ones are
known here; other words count as "not now", are shown as they came, and the connection is tried again.
"""

import logging
import re
from typing import Final

import psycopg2
import psycopg2.extensions

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.store.errors import NotProvisionedError
from sitemon.store.typecasts import register_types

Connection = psycopg2.extensions.connection

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 5

_SETTINGS: Final = {
    "timezone": "UTC",
    "statement_timeout": "60s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "20s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "4",
    "tcp_user_timeout": "40s",
    "jit": "off",
    "search_path": "pg_catalog,pg_temp",
}
"""Of each session. A process that is frozen amid a transaction, or its machine gone, keeps others from recording until
PostgreSQL ends its session, which by itself takes two hours.

Without JIT, which Debian's servers turn on: it compiles the query of the ledger for seconds, to save nothing.

All SQL of ours names its schema: what others put into schemas on the usual path is not called in our name.
"""

_REQUIRE_AUTH: Final = "!password" if psycopg2.extensions.libpq_version() >= 160000 else None
"""What is asked of a server that is not verified: to take less than the password itself."""

_NOT_PROVISIONED: Final = re.compile(r'(database|role) ".*" does not exist', re.DOTALL)
_REFUSED: Final = re.compile(
    r"password authentication failed|authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|is not permitted to log in|permission denied for database|certificate verify failed"
    r"|server certificate for|root certificate file|could not load|private key|SSL error|sslv3 alert|tlsv1 alert"
    r"|does not support SSL|certificate .* does not exist|requires a valid client certificate"
    r"|authentication method requirement|unsupported startup parameter",
    re.IGNORECASE,
)


def connect(server: PostgresServer, credentials: Credentials, *, application_name: str) -> Connection:
    """Open a connection whose session counts in UTC.

    Only a server that is verified (verify-full) is given the password itself, for which LDAP and PAM ask; every other
    one has to do with a hash of it. That needs libpq 16, which psycopg2-binary has.

    A connection that is dead without saying so is noticed within a minute, by the kernels of both sides.

    Raises:
        UnreachableError: nobody answers, or the server cannot take us now.
        NotProvisionedError: it has no such database or role.
        RefusedError: it refuses our password, certificate or rights.

    """
    try:
        conn = psycopg2.connect(
            host=server.host,
            port=server.port,
            user=credentials.user,
            password=credentials.password,
            dbname=credentials.database,
            sslmode=server.sslmode,
            sslrootcert=server.ssl_root_cert,
            sslcert=server.ssl_cert,
            sslkey=server.ssl_key,
            gssencmode="disable",
            require_auth=None if server.sslmode == "verify-full" else _REQUIRE_AUTH,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=application_name,
            client_encoding="UTF8",
            options=" ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
            keepalives_idle=20,
            keepalives_interval=5,
            keepalives_count=4,
            tcp_user_timeout=40_000,
        )
    except psycopg2.OperationalError as exc:
        raise _connect_error(f"{server.host}:{server.port}", str(exc)) from exc
    except UnicodeDecodeError as exc:
        # psycopg2 cannot show what a server says in another encoding than ours.
        raise UnreachableError("the server refused the connection in words that are not UTF-8") from exc
    register_types(conn)
    return conn


def _connect_error(place: str, text: str) -> SitemonError:
    words = f"PostgreSQL at {place}: {_last_words(text)}"
    if _NOT_PROVISIONED.search(text):
        return NotProvisionedError(words)
    if _REFUSED.search(text):
        return RefusedError(words)
    return UnreachableError(words)


def _last_words(text: str) -> str:
    """Return what was said of the last address that libpq tried, without its place and libpq's own hint."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("connection to server")] or lines or ["no connection"]
    return re.sub(r"^connection to server .*? failed: (?:FATAL:\s*)?", "", said[-1])
