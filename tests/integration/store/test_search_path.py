"""Sessions of ours call what PostgreSQL has, whatever others put into schemas on the usual path."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store import connect as module
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import Administrator, provision
from tests.databases import as_admin, rows, run

TRAP = """
CREATE FUNCTION {place}.trap(name, name) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE pg_catalog.format('ALTER ROLE {role} SUPERUSER');
    RETURN false;
END $$
"""
"""A function that is called in the place of PostgreSQL's where types are alike, as those of names are not there."""


@pytest.fixture
def new(postgres_server: PostgresServer, admin: Credentials) -> Iterator[Credentials]:
    """Credentials of a user and a database that do not exist yet."""
    name = f"trap-{uuid.uuid4().hex[:6]}"
    yield Credentials(user=name, password="p", database=name)
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
        run(conn, "DROP ROLE IF EXISTS {name}", name=name)


def set_trap(conn: Connection, user: str) -> None:
    """Make an operator in the schema where a user's session looks first."""
    with closing(conn):
        conn.autocommit = True
        run(conn, "CREATE SCHEMA {place}", place=user)
        run(conn, TRAP, place=user, role=conn.info.user)
        run(conn, "CREATE OPERATOR {place}.~ (LEFTARG = name, RIGHTARG = name, FUNCTION = {place}.trap)", place=user)


@pytest.mark.parametrize("are_options_dropped", [False, True], ids=["directly", "by a pooler"])
def test_who_records_is_not_made_a_superuser_by_the_administrator(
    postgres_server: PostgresServer,
    admin: Credentials,
    new: Credentials,
    monkeypatch: pytest.MonkeyPatch,
    are_options_dropped: bool,
) -> None:
    provision(postgres_server, admin, new)
    set_trap(connect(postgres_server, new, application_name="test"), admin.user)
    if are_options_dropped:
        monkeypatch.setattr(module, "_SETTINGS", {})
    provision(postgres_server, admin, new)
    with closing(as_admin(postgres_server, admin)) as conn:
        assert rows(conn, "SELECT rolsuper FROM pg_roles WHERE rolname = %s", (new.user,)) == [(False,)]


def test_a_session_looks_into_no_schema_that_others_may_fill(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials
) -> None:
    for who in (owner, admin):
        with closing(connect(postgres_server, who, application_name="test")) as conn:
            assert rows(conn, "SELECT current_schemas(true)::text[]") == [(["pg_catalog"],)]
            Administrator(conn)
            assert rows(conn, "SHOW search_path") == [("pg_catalog, pg_temp",)]
