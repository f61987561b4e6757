"""A reader keeps no snapshot for ever: whoever records ends it, by a function that can do nothing else."""

import logging
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RefusedError
from sitemon.store import provision as module
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import Retention
from sitemon.store.provision import GUARD, provision
from sitemon.store.readers import end_old_readers
from tests.databases import as_admin, fresh_database, reading_role, rows, run
from tests.pipeline import wait_for

CALL = "SELECT sitemon_guard.end_old_readers()"
TRAP = """
CREATE FUNCTION sitemon_guard.end_old_readers() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'called';
END $$
"""


@pytest.fixture
def reading(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials
) -> Iterator[tuple[Connection, Credentials]]:
    """The administrator in the database, and a reader of it."""
    with reading_role(postgres_server, admin, owner.database) as reading:
        yield reading


def let_all_be_old(granting: Connection) -> None:
    """Make the guard's function take each transaction for an old one."""
    [(made,)] = rows(granting, "SELECT pg_get_functiondef('sitemon_guard.end_old_readers'::regproc)")
    assert "'15 minutes'" in made
    with granting.cursor() as cursor:
        cursor.execute(made.replace("'15 minutes'", "'0 minutes'"))


def begun(server: PostgresServer, who: Credentials, query: str = "SELECT 1") -> Connection:
    """Return a connection that keeps the snapshot of a query."""
    conn = connect(server, who, application_name="test")
    with conn.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(query)
    return conn


def is_there(conn: Connection) -> bool:
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.OperationalError:
        return False
    return True


def keeps_a_snapshot(conn: Connection, who: Credentials) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE usename = %s AND backend_xmin IS NOT NULL"
    return bool(rows(conn, query, (who.user,)))


def test_what_a_reader_kept_is_let_go(
    postgres_server: PostgresServer, conn: Connection, reading: tuple[Connection, Credentials]
) -> None:
    granting, reader = reading
    with closing(begun(postgres_server, reader, "SELECT count(*) FROM sitemon.site_info")) as old:
        assert keeps_a_snapshot(granting, reader)
        let_all_be_old(granting)
        assert end_old_readers(conn) == 1
        assert not is_there(old)
    wait_for(lambda: not keeps_a_snapshot(granting, reader))
    assert end_old_readers(conn) == 0


def test_a_reader_of_less_than_15_minutes_stays(
    postgres_server: PostgresServer, conn: Connection, reading: tuple[Connection, Credentials]
) -> None:
    with closing(begun(postgres_server, reading[1])) as fresh:
        assert end_old_readers(conn) == 0
        assert is_there(fresh)


def test_an_idle_reader_stays(
    postgres_server: PostgresServer, conn: Connection, reading: tuple[Connection, Credentials]
) -> None:
    granting, reader = reading
    let_all_be_old(granting)
    with closing(begun(postgres_server, reader)) as idle:
        idle.rollback()
        assert end_old_readers(conn) == 0
        assert is_there(idle)


def test_only_readers_of_this_database_are_ended(
    postgres_server: PostgresServer,
    admin: Credentials,
    template: Credentials,
    owner: Credentials,
    conn: Connection,
    reading: tuple[Connection, Credentials],
) -> None:
    granting, reader = reading
    let_all_be_old(granting)
    here = Credentials(user=admin.user, password=admin.password, database=owner.database)
    with fresh_database(postgres_server, admin, template) as other:
        elsewhere = Credentials(user=reader.user, password=reader.password, database=other.database)
        sessions = [begun(postgres_server, who) for who in (owner, here, elsewhere)]
        try:
            assert end_old_readers(conn) == 0
            assert all(map(is_there, sessions))
        finally:
            for session in sessions:
                session.close()


def test_who_records_as_well_as_reads_is_not_ended(
    postgres_server: PostgresServer, owner: Credentials, conn: Connection, reading: tuple[Connection, Credentials]
) -> None:
    granting, reader = reading
    let_all_be_old(granting)
    run(granting, "GRANT {recorder} TO {reader}", recorder=owner.user, reader=reader.user)
    with closing(begun(postgres_server, reader)) as both:
        assert end_old_readers(conn) == 0
        assert is_there(both)


def test_a_reader_by_another_role_is_one(
    postgres_server: PostgresServer, conn: Connection, reading: tuple[Connection, Credentials]
) -> None:
    granting, reader = reading
    let_all_be_old(granting)
    team = f"team-{reader.user}"
    run(granting, "CREATE ROLE {team} IN ROLE sitemon_reader", team=team)
    try:
        run(granting, "REVOKE sitemon_reader FROM {reader}", reader=reader.user)
        run(granting, "GRANT {team} TO {reader}", team=team, reader=reader.user)
        with closing(begun(postgres_server, reader)):
            assert end_old_readers(conn) == 1
    finally:
        run(granting, "DROP ROLE {team}", team=team)


def test_nobody_else_may_call_it(postgres_server: PostgresServer, reading: tuple[Connection, Credentials]) -> None:
    granting, reader = reading
    run(granting, "GRANT USAGE ON SCHEMA sitemon_guard TO {reader}", reader=reader.user)
    with (
        closing(connect(postgres_server, reader, application_name="test")) as conn,
        pytest.raises(psycopg2.errors.InsufficientPrivilege, match="function end_old_readers"),
    ):
        rows(conn, CALL)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP FUNCTION sitemon_guard.end_old_readers()",
        "ALTER FUNCTION sitemon_guard.end_old_readers() RESET ALL",
        "CREATE OR REPLACE FUNCTION sitemon_guard.end_old_readers() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        "CREATE FUNCTION sitemon_guard.mine() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        "DROP SCHEMA sitemon_guard CASCADE",
        "ALTER SCHEMA sitemon_guard RENAME TO mine",
        "SET ROLE sitemon_guard",
        "GRANT pg_signal_backend TO CURRENT_USER",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    ],
)
def test_who_records_can_do_nothing_to_it_and_nothing_more_by_it(conn: Connection, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(conn, statement)


def test_it_runs_as_a_role_that_can_end_and_see_sessions_and_nothing_else(conn: Connection) -> None:
    made = rows(
        conn,
        "SELECT proowner::regrole::text, prosecdef, proconfig FROM pg_proc"
        " WHERE oid = 'sitemon_guard.end_old_readers'::regproc",
    )
    assert made == [(GUARD, True, ["search_path=pg_catalog, pg_temp"])]
    rights = (
        "SELECT rolsuper OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
        " FROM pg_roles WHERE rolname = %s"
    )
    assert rows(conn, rights, (GUARD,)) == [(False,)]
    member = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole ORDER BY 1"
    assert rows(conn, member, (GUARD,)) == [("pg_read_all_stats",), ("pg_signal_backend",)]


def test_what_somebody_made_in_its_place_is_not_called(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials, conn: Connection
) -> None:
    with closing(as_admin(postgres_server, admin, owner.database)) as granting:
        run(granting, "DROP SCHEMA sitemon_guard CASCADE")
        run(granting, "GRANT CREATE ON DATABASE {database} TO {role}", database=owner.database, role=owner.user)
    with conn:
        run(conn, "CREATE SCHEMA sitemon_guard")
        run(conn, "GRANT ALL ON SCHEMA sitemon_guard TO PUBLIC")
        run(conn, TRAP)
    assert end_old_readers(conn) is None
    provision(postgres_server, admin, owner)
    assert end_old_readers(conn) is None


def test_where_it_is_gone_it_is_said_and_made_again(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin, owner.database)) as granting:
        run(granting, "DROP SCHEMA sitemon_guard CASCADE")
    database = Database(lambda: connect(postgres_server, owner, application_name="test"), Retention())
    with closing(database):
        with pytest.raises(RefusedError, match="sitemon provision"):
            database.end_old_readers()
        for _ in range(2):
            provision(postgres_server, admin, owner)
            assert database.end_old_readers() == 0


def test_a_restored_schema_lacks_nothing_of_it(conn: Connection) -> None:
    run(conn, "DROP SCHEMA sitemon CASCADE")
    assert end_old_readers(conn) == 0


@pytest.fixture
def modest_admin(
    reading: tuple[Connection, Credentials], admin: Credentials, owner: Credentials
) -> Iterator[Credentials]:
    """Who owns the database, has nothing in it yet that ends readers, and is no superuser."""
    granting, login = reading
    run(granting, "DROP SCHEMA sitemon_guard CASCADE")
    run(granting, "ALTER ROLE {role} CREATEROLE", role=login.user)
    run(granting, "ALTER DATABASE {database} OWNER TO {role}", database=owner.database, role=login.user)
    yield Credentials(user=login.user, password=login.password, database="postgres")
    run(granting, "ALTER DATABASE {database} OWNER TO {role}", database=owner.database, role=admin.user)


def test_an_administrator_who_may_give_the_rights_makes_it(
    postgres_server: PostgresServer,
    owner: Credentials,
    conn: Connection,
    reading: tuple[Connection, Credentials],
    modest_admin: Credentials,
) -> None:
    for right in ("pg_signal_backend", "pg_read_all_stats", GUARD):
        run(reading[0], "GRANT {right} TO {role} WITH ADMIN OPTION", right=right, role=modest_admin.user)
    provision(postgres_server, modest_admin, owner)
    assert end_old_readers(conn) == 0


def test_one_who_may_not_provisions_all_the_same(
    postgres_server: PostgresServer,
    owner: Credentials,
    conn: Connection,
    modest_admin: Credentials,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        provision(postgres_server, modest_admin, owner)
    assert "provision.readers_unguarded" in caplog.text
    assert end_old_readers(conn) is None


def test_a_role_of_its_name_that_somebody_else_made_is_given_nothing(
    postgres_server: PostgresServer,
    admin: Credentials,
    owner: Credentials,
    reading: tuple[Connection, Credentials],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "GUARD", reading[1].user)
    with caplog.at_level(logging.INFO):
        provision(postgres_server, admin, owner)
    assert "was not made by sitemon" in caplog.text
