"""Making the database: role, database, schema, partitions. Idempotent.

The administrator needs no superuser's rights, only CREATEROLE and CREATEDB. The database stays the administrator's;
the recorder's role owns the schema in it and nothing else, so neither has to become a member of the other.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import psycopg2.errors
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, encrypt_password

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RefusedError
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import translated
from sitemon.store.maintain import maintain, not_ahead
from sitemon.store.migrate import migrate
from sitemon.store.partitions import DEFAULT_RETENTION, Retention
from sitemon.store.queries import load_queries

log = logging.getLogger(__name__)

_sql: Final = load_queries("provision.sql")

READER: Final = "sitemon_reader"
GUARD: Final = "sitemon_guard"
MARK: Final = "sitemon: made by `sitemon provision`"
"""The comment on a database that is ours to drop, and on a role whose password is ours to set."""

SERVERS_OWN: Final = ("postgres", "template0", "template1")
"""Databases that every server has."""

_TEMPORARY_FILES: Final = "1GB"
"""What each process of a reader's query may write to disk at once."""

_NAME_LIMIT_BYTES: Final = 63
_UNFINISHED: Final = ":unfinished"
_APPLICATION: Final = "sitemon provision"


class Administrator:
    """A session of the administrator, in which each statement is its own transaction."""

    def __init__(self, conn: Connection) -> None:
        conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        self.conn = conn
        # Also where a pooler drops our options: the recorder's operators would be called with a superuser's rights.
        self.do("SET search_path TO pg_catalog, pg_temp")

    def ask(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a named query."""
        with translated(), self.conn.cursor() as cursor:
            cursor.execute(_sql[query], values)
            return cursor.fetchall()

    def do(self, statement: str, **parts: str | sql.Composable) -> None:
        """Run a statement; a part that is text is a name, whatever is in it."""
        with translated(), self.conn.cursor() as cursor:
            names = {key: sql.Identifier(part) if isinstance(part, str) else part for key, part in parts.items()}
            cursor.execute(sql.SQL(statement).format(**names))

    def password_verifier(self, of: Credentials) -> sql.Composable:
        """Return what the server keeps of a password, so that the password itself is in nobody's log."""
        with translated():
            return sql.Literal(encrypt_password(of.password, of.user, self.conn, "scram-sha-256"))


@contextmanager
def administration(server: PostgresServer, admin: Credentials) -> Iterator[Administrator]:
    """Open the administrator's session; one at a time on a server makes or drops databases of ours.

    Raises:
        RefusedError: the administrator's database does not exist, or as `sitemon.store.connect.connect` says.

    """
    with closing(connect(server, admin, application_name=_APPLICATION)) as conn:
        session = Administrator(conn)
        session.ask("wait_for_other_provisioning")
        yield session


def provision(
    server: PostgresServer,
    admin: Credentials,
    owner: Credentials,
    retention: Retention = DEFAULT_RETENTION,
) -> None:
    """Bring role, database, schema and partitions to what they should be.

    A new database gets its name only when all is in it: an interrupted run leaves none. Of a role or database that
    somebody else made nothing is changed but what the schema needs; above all not its password.

    Raises:
        RefusedError: the administrator may not, a name is in somebody's way, or role or database are the server's own.
        UnreachableError: the server does not answer.

    """

    def fill(database: str) -> None:
        place = Credentials(user=owner.user, password=owner.password, database=database)
        with closing(connect(server, place, application_name=_APPLICATION)) as conn:
            migrate(conn)
            maintain(conn, retention, not_ahead(conn, clock.utc_now()))
        here = Credentials(user=admin.user, password=admin.password, database=database)
        if session.ask("is_superuser"):
            with closing(connect(server, here, application_name=_APPLICATION)) as conn:
                keep_from_readers(Administrator(conn), owner)
        try:
            with closing(connect(server, here, application_name=_APPLICATION)) as conn:
                guard_from_readers(Administrator(conn), owner)
        except RefusedError as exc:
            log.info("provision.readers_unguarded: what ends old transactions of readers was not made: %s", exc)

    with administration(server, admin) as session:
        refuse_servers_own(session, owner)
        ensure_reader(session)
        ensure_owner(session, owner)
        ensure_database(session, owner, fill)


def refuse_servers_own(session: Administrator, owner: Credentials) -> None:
    """Look whether somebody meant something else.

    Raises:
        RefusedError: the database is one that every server has, or the role is a superuser.

    """
    if owner.database in SERVERS_OWN:
        raise RefusedError(f"database {owner.database} is the server's own; name another one, which is made")
    for is_superuser, _ in session.ask("find_role", name=owner.user):
        if is_superuser:
            raise RefusedError(f"user {owner.user} is a superuser; name another one, which is made")


def ensure_reader(session: Administrator) -> None:
    """Make the role that reads the views. It belongs to the cluster: databases of ours share it."""
    if not session.ask("find_role", name=READER):
        try:
            session.do("CREATE ROLE {role} NOLOGIN", role=READER)
        except RefusedError as exc:
            # Somebody without our lock, in another database, may have been faster.
            if not isinstance(exc.__cause__, psycopg2.errors.DuplicateObject):
                raise


def ensure_owner(session: Administrator, owner: Credentials) -> None:
    """Make the recorder's role, or give one that we made the configured password.

    Connecting as it shows whether the password of one that somebody else made is right.
    """
    password = session.password_verifier(owner)
    comments = [comment for _, comment in session.ask("find_role", name=owner.user)]
    if not comments:
        session.do("CREATE ROLE {role} LOGIN PASSWORD {password}", role=owner.user, password=password)
        session.do("COMMENT ON ROLE {role} IS {mark}", role=owner.user, mark=sql.Literal(MARK))
    elif comments != [MARK]:
        log.info("provision.password_kept: role %s was not made by sitemon", owner.user)
    elif not session.ask("is_current_role", name=owner.user):
        try:
            session.do("ALTER ROLE {role} LOGIN PASSWORD {password}", role=owner.user, password=password)
        except RefusedError as exc:
            log.info("provision.password_kept: role %s is not ours to change: %s", owner.user, exc)


def keep_from_readers(session: Administrator, owner: Credentials) -> None:
    """Let nobody but the recorder's role take advisory locks, by which readers could stop it, or write to disk.

    Nor hand on a snapshot, which would outlive its transaction. Large objects stay; messages in the write-ahead log
    have no bound. PostgreSQL lets everybody, and only a superuser can change that. Recorders that go on meanwhile may
    at every moment.
    """
    for (function,) in session.ask("functions_that_stop_or_keep"):
        session.do("GRANT EXECUTE ON FUNCTION {function} TO {role}", function=sql.SQL(function), role=owner.user)
        session.do("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC", function=sql.SQL(function))


def guard_from_readers(session: Administrator, owner: Credentials) -> None:
    """Let the recorder's role end readers' transactions that keep old versions of rows, by a function and no right.

    Raises:
        RefusedError: the administrator may not, or a role or schema of the guard's name is somebody else's.

    """
    comments = [comment for _, comment in session.ask("find_role", name=GUARD)]
    if comments not in ([], [MARK]):
        raise RefusedError(f"role {GUARD} was not made by sitemon")
    # In one transaction: who may not go on leaves no role behind, to which another would give more.
    making = _sql["guard_from_readers"] if comments else _sql["make_guard"] + _sql["guard_from_readers"]
    session.do(making, recorder=owner.user, mark=sql.Literal(MARK))


def ensure_database(session: Administrator, owner: Credentials, fill: Callable[[str], None]) -> None:
    """Make the database, or bring its schema up to date."""
    if session.ask("find_database", name=owner.database):
        _let_in(session, owner, owner.database)
        fill(owner.database)
        return
    unfinished = unfinished_name(owner.database)
    _clear_away(session, unfinished)
    _create(session, unfinished)
    try:
        _prepare(session, owner, unfinished)
        fill(unfinished)
        session.do("ALTER DATABASE {old} RENAME TO {new}", old=unfinished, new=owner.database)
    except BaseException:
        session.do("DROP DATABASE IF EXISTS {database} WITH (FORCE)", database=unfinished)
        raise


def _clear_away(session: Administrator, unfinished: str) -> None:
    """Drop what an earlier run left that was killed."""
    for (comment,) in session.ask("find_database", name=unfinished):
        if comment != MARK:
            raise RefusedError(f"database {unfinished} is in the way, and has not our mark: drop it if it is nobody's")
        session.do("DROP DATABASE {database} WITH (FORCE)", database=unfinished)


def _create(session: Administrator, database: str) -> None:
    # The C locale sorts names by bytes, the same on every machine and after every upgrade of its libraries.
    session.do(
        "CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", database=database
    )


def _prepare(session: Administrator, owner: Credentials, database: str) -> None:
    session.do("COMMENT ON DATABASE {database} IS {mark}", database=database, mark=sql.Literal(MARK))
    session.do("REVOKE ALL ON DATABASE {database} FROM PUBLIC", database=database)
    _let_in(session, owner, database)


def _let_in(session: Administrator, owner: Credentials, database: str) -> None:
    """Let the recorder's role make its schema and temporary tables, and readers connect, where that is ours to give."""
    if not session.ask("may_grant_on_database", name=database):
        return
    session.do("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {role}", database=database, role=owner.user)
    session.do("GRANT CONNECT ON DATABASE {database} TO {role}", database=database, role=READER)
    # For readers too; `sitemon.store.connect` says why.
    session.do("ALTER DATABASE {database} SET jit = off", database=database)
    if session.ask("find_database", name=database) == [(MARK,)]:
        _bound_temporary_files(session, owner, database)


def _bound_temporary_files(session: Administrator, owner: Credentials, database: str) -> None:
    """Let readers not fill the disk, where the administrator may: a role that they are members of gives no settings."""
    with suppress(RefusedError):
        # The recorder's role first: it sorts what it makes indexes of.
        session.do(
            "ALTER ROLE {role} IN DATABASE {database} SET temp_file_limit = -1", role=owner.user, database=database
        )
        session.do(
            "ALTER DATABASE {database} SET temp_file_limit = {limit}",
            database=database,
            limit=sql.Literal(_TEMPORARY_FILES),
        )


def unfinished_name(database: str) -> str:
    """Return the name that a database has until it is finished. PostgreSQL cuts names to 63 bytes."""
    kept = database.encode()[: _NAME_LIMIT_BYTES - len(_UNFINISHED)].decode(errors="ignore")
    return kept + _UNFINISHED
