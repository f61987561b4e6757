"""Databases for tests: one template a day, a fresh copy of it for each test."""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from psycopg2 import sql

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.stack import Stack
from sitemon.model.moment import to_ms
from sitemon.store.account import close, count_away_hours, light
from sitemon.store.connect import Connection, connect
from sitemon.store.maintain import Maintained, Maintenance
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.places import EVERYWHERE
from sitemon.store.provision import provision
from sitemon.store.queries import load_queries
from sitemon.store.write import prepare_session
from tests.results import this_hour

WAITS_FOR_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND NOT granted
"""
"""In this database alone: that of another test has the same tables, of the same numbers."""


_RECENT: Final = load_queries("recent.sql")


def sum_last_days(conn: Connection) -> None:
    """Sum the last days of all sites, as maintenance does once hours were rolled up."""
    with conn, conn.cursor() as cursor:
        cursor.execute(_RECENT["sum_recent"], EVERYWHERE._asdict())


def a_turn(conn: Connection) -> Maintained:
    """Maintain for a turn in which nothing fails."""

    def fail(step: str, exc: Exception) -> None:
        raise AssertionError(step) from exc

    return Maintenance(DEFAULT_RETENTION, fail).turn(conn, this_hour())


def template_of_today(stack: Stack, server: PostgresServer, admin: Credentials) -> Credentials:
    """Return the owner of a provisioned database with nothing in it. The first process that asks on a day makes it.

    Of the day (UTC), since it has a partition for each day that can be recorded, and a run may go on past midnight.
    """
    name = f"template-{clock.utc_now().date()}"
    owner = Credentials(user="template", password="o'w\"ner", database=name)
    with (stack.folder / name).open("a") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        if not os.fstat(made.fileno()).st_size:
            provision(server, admin, owner)
            made.write("made")
    return owner


@pytest.fixture(scope="module")
def template(stack: Stack, postgres_server: PostgresServer, admin: Credentials) -> Credentials:
    """That database, which a module may replace by one with rows of its own."""
    return template_of_today(stack, postgres_server, admin)


@pytest.fixture
def owner(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Credentials]:
    """The credentials of a fresh database of the test's own."""
    with fresh_database(postgres_server, admin, template) as owner:
        yield owner


@contextmanager
def fresh_database(server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Credentials]:
    """Make a copy of the template for the length of the block.

    As files: without fsync its checkpoints cost less than writing each page to the WAL as well, the default.
    """
    name = f"test-{uuid.uuid4().hex[:8]}"
    with closing(as_admin(server, admin)) as conn:
        run(conn, "CREATE DATABASE {new} TEMPLATE {old} STRATEGY FILE_COPY", new=name, old=template.database)
        yield Credentials(user=template.user, password=template.password, database=name)
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)


@contextmanager
def filled(
    server: PostgresServer, admin: Credentials, template: Credentials, fill: Callable[[Connection], object]
) -> Iterator[Credentials]:
    """Make a copy of the template for the length of the block, and fill it."""
    with fresh_database(server, admin, template) as full:
        with closing(connect(server, full, application_name="test")) as conn:
            prepare_session(conn)
            fill(conn)
        yield full


def template_filled_by(fill: Callable[[Connection], object]) -> Any:
    """Return the fixture `template` of a module whose tests all begin with the same rows, which are written once."""

    @pytest.fixture(scope="module")
    def template(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Credentials]:
        with filled(postgres_server, admin, template, fill) as full:
            yield full

    return template


@pytest.fixture
def conn(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Connection]:
    """A connection of the recorder's role, ready to write batches."""
    with closing(connect(postgres_server, owner, application_name="test")) as conn:
        prepare_session(conn)
        yield conn


@pytest.fixture
def names() -> Names:
    """The names of that connection."""
    return Names()


@contextmanager
def reading_role(server: PostgresServer, admin: Credentials, database: str) -> Iterator[tuple[Connection, Credentials]]:
    """Make, for the length of the block, a role that may only read; give it, and the administrator to grant it more."""
    reader = Credentials(user=f"page-{database}", password="p", database=database)
    with closing(as_admin(server, admin, database)) as conn:
        run(conn, "CREATE ROLE {role} LOGIN PASSWORD 'p' IN ROLE sitemon_reader", role=reader.user)
        try:
            yield conn, reader
        finally:
            rows(conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (reader.user,))
            run(conn, "DROP OWNED BY {role}", role=reader.user)
            run(conn, "DROP ROLE {role}", role=reader.user)


def end_sessions(conn: Connection, application_name: str) -> None:
    """End the sessions of this name in the database of the connection: other tests have theirs on the same server."""
    ended = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = %s
    """
    rows(conn, ended, (application_name,))


def environment_of(server: PostgresServer, owner: Credentials) -> dict[str, str]:
    """Return what the environment of a process says of a database."""
    return {
        "SITEMON_PG_HOST": server.host,
        "SITEMON_PG_PORT": str(server.port),
        "SITEMON_PG_SSLMODE": "disable",
        "SITEMON_DB_USER": owner.user,
        "SITEMON_DB_PASSWORD": owner.password,
        "SITEMON_DB_DATABASE": owner.database,
    }


def as_admin(server: PostgresServer, admin: Credentials, database: str | None = None) -> Connection:
    """Connect as the administrator; each statement is its own transaction."""
    place = Credentials(user=admin.user, password=admin.password, database=database or admin.database)
    conn = connect(server, place, application_name="test")
    conn.autocommit = True
    return conn


def run(conn: Connection, statement: str, **names: str) -> None:
    """Run a statement with names in it."""
    with conn.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


def rows(conn: Connection, query: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Return the rows of a query, and end its transaction."""
    with conn, conn.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def dicts(conn: Connection, query: str, values: Any = None) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts, and end its transaction."""
    with conn, conn.cursor() as cursor:
        cursor.execute(query, values)
        assert cursor.description is not None
        return [dict(zip((column.name for column in cursor.description), row, strict=True)) for row in cursor]


DERIVED = ("current_state", "count_hour", "latency_hour", "count_day", "latency_day", "away_hour")
"""The tables that follow from results and schedule."""

CHECKED = (
    "result",
    "schedule_event",
    "telling",
    "schedule_stretch",
    "watch",
    "reign",
    "away",
    *DERIVED,
    "site",
    "target",
    "uptime_hourly",
    "uptime_daily",
    "site_status",
)


def checksums(conn: Connection) -> dict[str, str]:
    """Return of each table and view whose content must not change by itself a checksum of all its rows.

    But for the gaps of states: they are known of what came late, and a rebuild does not look for them.
    """
    one = """
        SELECT md5(coalesce(string_agg(kept, '|' ORDER BY kept), ''))
        FROM (SELECT (to_jsonb(row) - 'gap_from_at' - 'gap_until_at')::text AS kept FROM sitemon.{} AS row) AS rows
    """
    with conn, conn.cursor() as cursor:
        found = {}
        for table in CHECKED:
            cursor.execute(sql.SQL(one).format(sql.Identifier(table)))
            ((found[table],),) = cursor.fetchall()
        return found


def execute(conn: Connection, statement: str, values: Any = None) -> int:
    """Run a statement in its own transaction and return how many rows it concerned."""
    with conn, conn.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def have_counted(conn: Connection) -> None:
    """Have what this session did so far counted in PostgreSQL's statistics: else that may be seconds later."""
    execute(conn, "SELECT pg_stat_force_next_flush()")


def looks_at(conn: Connection, table: str) -> int:
    """Return how many rows of a table or materialized view of ours were read so far, this session's included."""
    have_counted(conn)
    found = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relid = %s::regclass"
    ((number,),) = rows(conn, found, (f"sitemon.{table}",))
    return int(number)


def cpu_s(conn: Connection) -> float:
    """Return the CPU seconds of the server's process so far."""
    return int(Path(f"/proc/{conn.get_backend_pid()}/schedstat").read_text().split()[0]) / 1e9


def open_account(conn: Connection, from_at: datetime) -> None:
    """Let the account begin at a moment, be closed no further, and hours and days be rolled up to its hour only.

    In a fresh database it begins now, so that slots of before are nobody's.
    """
    execute(
        conn,
        "UPDATE sitemon.account SET from_ms = %(at)s, closed_ms = %(at)s, away_ms = %(at)s",
        {"at": to_ms(from_at)},
    )
    rolled_up = "UPDATE sitemon.watermark SET hours_until_at = %(hour)s, days_until = %(day)s"
    hour_at = from_at.replace(minute=0, second=0, microsecond=0)
    execute(conn, rolled_up, {"hour": hour_at, "day": hour_at.date()})


def close_account(conn: Connection, at: datetime) -> None:
    """Close the account up to a moment, as the reconciler does."""
    close(conn, to_ms(at))
    while light(conn, 3_600_000):
        pass
    while count_away_hours(conn):
        pass


__all__ = ["conn", "names", "owner", "template"]
