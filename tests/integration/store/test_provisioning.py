"""Role, database and schema are made, made again, made anew, and never left half made."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2 import sql

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RefusedError
from sitemon.store import provision as module
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import NotProvisionedError
from sitemon.store.names import Names
from sitemon.store.provision import MARK, READER, provision, unfinished_name
from sitemon.store.recreate import recreate
from sitemon.store.write import Written, prepare_session, write_batch
from tests.databases import as_admin, reading_role, rows, run
from tests.results import a_result

VIEWS = {
    "results",
    "sites",
    "site_status",
    "uptime_hourly",
    "uptime_daily",
    "uptime_recent",
    "latency_hourly",
    "latency_daily",
    "ledger",
    "incidents",
    "alerts",
    "notes",
    "maintenance",
    "freshness",
    "certificates",
    "site_info",
    "site_state",
}

RELATIONS = """
SELECT relname FROM pg_class WHERE relnamespace = 'sitemon'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""


@pytest.fixture
def new(postgres_server: PostgresServer, admin: Credentials) -> Iterator[Credentials]:
    """Credentials of a user and a database that do not exist yet, with names that are only names."""
    tag = uuid.uuid4().hex[:6]
    credentials = Credentials(
        user=f'u"{tag}; DROP ROLE postgres', password="it's %s {secret}", database=f"d'{tag}\"; drop database postgres"
    )
    yield credentials
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=credentials.database)
        run(conn, "DROP ROLE IF EXISTS {name}", name=credentials.user)


@pytest.fixture
def modest_admin(postgres_server: PostgresServer, admin: Credentials) -> Iterator[Credentials]:
    """An administrator who is no superuser, but may create roles and databases."""
    name = f"admin-{uuid.uuid4().hex[:6]}"
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD 'modest'", name=name)
        yield Credentials(user=name, password="modest", database="postgres")
        run(conn, "DROP OWNED BY {name}", name=name)
        run(conn, "DROP ROLE {name}", name=name)


def databases(server: PostgresServer, admin: Credentials, new: Credentials) -> set[str]:
    """The databases that somebody might take for the new one, or for what is left of it; others have their own."""
    with closing(as_admin(server, admin)) as conn:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        return {name for (name,) in rows(conn, query, (new.database,))}


def can_record(server: PostgresServer, owner: Credentials) -> bool:
    with closing(connect(server, owner, application_name="test")) as conn:
        prepare_session(conn)
        return write_batch(conn, Names(), [a_result()]) == Written(inserted=1, scheduled=1)


def test_it_makes_all_that_the_recorder_needs(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    assert can_record(postgres_server, new)


def test_again_it_changes_nothing_but_the_password(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    assert can_record(postgres_server, new)
    changed = Credentials(user=new.user, password="another", database=new.database)
    provision(postgres_server, admin, changed)
    with closing(connect(postgres_server, changed, application_name="test")) as conn:
        assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(1,)]
    with pytest.raises(RefusedError, match="password"):
        connect(postgres_server, new, application_name="test")


def test_no_password_reaches_the_server_in_clear(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    real = module.Administrator.do

    def listen(self: module.Administrator, statement: str, **parts: str) -> None:
        statements.append(repr((statement, parts)))
        real(self, statement, **parts)

    monkeypatch.setattr(module.Administrator, "do", listen)
    provision(postgres_server, admin, new)
    assert any("SCRAM-SHA-256$" in statement for statement in statements)
    assert not any("secret" in statement for statement in statements)


def test_an_administrator_without_superuser_rights_is_enough(
    postgres_server: PostgresServer, modest_admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, modest_admin, new)
    provision(postgres_server, modest_admin, new)
    assert can_record(postgres_server, new)
    recreate(postgres_server, modest_admin, new, adopt=False)
    assert can_record(postgres_server, new)


def test_the_recorder_owns_nothing_but_its_schema(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    with closing(as_admin(postgres_server, admin, new.database)) as conn:
        owned = rows(conn, "SELECT nspname FROM pg_namespace WHERE nspowner = %s::regrole", (quoted(new.user),))
        assert owned == [("sitemon",)]
        outside = """
        SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relowner = %s::regrole AND nspname NOT IN ('sitemon', 'pg_toast')
        """
        assert rows(conn, outside, (quoted(new.user),)) == []
        own_databases = rows(conn, "SELECT datname FROM pg_database WHERE datdba = %s::regrole", (quoted(new.user),))
        assert own_databases == []
        rights = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = %s"
        assert rows(conn, rights, (new.user,)) == [(False, False, False, False)]


def test_the_reader_reads_the_views_and_nothing_else(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    can_record(postgres_server, new)
    with closing(as_admin(postgres_server, admin, new.database)) as conn:
        relations = [name for (name,) in rows(conn, RELATIONS)]
        run(conn, "SET ROLE {role}", role=READER)
        assert {name for name in relations if may_read(conn, name)} == VIEWS
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(conn, "CREATE TABLE sitemon.mine ()")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_advisory_lock(hashtextextended('sitemon.watermark', 0))",
        "SELECT pg_try_advisory_lock(hashtextextended('sitemon.reconciling', 0))",
        "SELECT pg_advisory_xact_lock_shared(0)",
        "SELECT pg_try_advisory_xact_lock(1, 2)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'kept')",
        "SELECT pg_logical_emit_message(false, 'kept', 'a text')",
        "SELECT pg_logical_emit_message(true, 'kept', 'bytes'::bytea)",
        "SELECT pg_export_snapshot()",
    ],
)
def test_a_reader_takes_no_lock_and_keeps_nothing(
    postgres_server: PostgresServer, admin: Credentials, template: Credentials, statement: str
) -> None:
    with closing(as_admin(postgres_server, admin, template.database)) as conn:
        run(conn, "SET ROLE {role}", role=READER)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(conn, statement)


def temp_file_limit(server: PostgresServer, who: Credentials) -> str:
    with closing(connect(server, who, application_name="test")) as conn:
        return str(rows(conn, "SHOW temp_file_limit")[0][0])


def test_a_reader_writes_little_into_temporary_files_and_the_recorder_what_it_needs(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    with reading_role(postgres_server, admin, new.database) as (_, reader):
        assert temp_file_limit(postgres_server, reader) == "1GB"
    assert temp_file_limit(postgres_server, new) == "-1"


def test_in_a_database_that_somebody_else_made_temporary_files_are_theirs(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=new.database)
    provision(postgres_server, admin, new)
    with reading_role(postgres_server, admin, new.database) as (_, reader):
        assert temp_file_limit(postgres_server, reader) == "-1"


def test_recorders_of_a_version_before_may_lock_at_every_moment(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(module, "keep_from_readers", lambda *_: None)
        provision(postgres_server, admin, new)
    do = module.Administrator.do

    def do_and_lock(session: module.Administrator, statement: str, **parts: str | sql.Composable) -> None:
        do(session, statement, **parts)
        rows(recorder, "SELECT pg_advisory_xact_lock(1)")

    with closing(connect(postgres_server, new, application_name="test")) as recorder:
        recorder.autocommit = True
        monkeypatch.setattr(module.Administrator, "do", do_and_lock)
        provision(postgres_server, admin, new)


def may_read(conn: Connection, relation: str) -> bool:
    try:
        run(conn, "SELECT * FROM sitemon.{relation}", relation=relation)
    except psycopg2.errors.InsufficientPrivilege:
        return False
    return True


def jit(server: PostgresServer, who: Credentials) -> str:
    """Return what a session has that is none of ours."""
    with closing(
        psycopg2.connect(host=server.host, port=server.port, dbname=who.database, user=who.user, password=who.password)
    ) as conn:
        return str(rows(conn, "SHOW jit")[0][0])


def test_jit_is_off_for_everybody_in_the_database_and_for_our_sessions_everywhere(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    assert (jit(postgres_server, new), jit(postgres_server, admin)) == ("off", "on")
    with closing(connect(postgres_server, admin, application_name="test")) as ours:
        assert rows(ours, "SHOW jit") == [("off",)]


def test_two_databases_of_one_server_share_the_reader(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, owner: Credentials
) -> None:
    provision(postgres_server, admin, new)
    for name in (new.database, owner.database):
        with closing(as_admin(postgres_server, admin, name)) as conn:
            run(conn, "SET ROLE {role}", role=READER)
            assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(0,)]


def test_an_interrupted_run_leaves_no_database(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = databases(postgres_server, admin, new)
    monkeypatch.setattr(module, "migrate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        provision(postgres_server, admin, new)
    assert databases(postgres_server, admin, new) == before


def test_what_a_killed_run_left_is_cleared_away(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=unfinished_name(new.database))
        run(conn, f"COMMENT ON DATABASE {{name}} IS '{MARK}'", name=unfinished_name(new.database))
    provision(postgres_server, admin, new)
    assert can_record(postgres_server, new)
    assert unfinished_name(new.database) not in databases(postgres_server, admin, new)


def test_a_foreign_database_in_the_place_of_the_unfinished_one_stays(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    foreign = unfinished_name(new.database)
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=foreign)
        try:
            with pytest.raises(RefusedError, match="is in the way, and has not our mark"):
                provision(postgres_server, admin, new)
            assert databases(postgres_server, admin, new) == {foreign}
        finally:
            run(conn, "DROP DATABASE {name} WITH (FORCE)", name=foreign)


def test_what_another_makes_meanwhile_in_its_place_stays(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = unfinished_name(new.database)
    real = module._clear_away
    with closing(as_admin(postgres_server, admin)) as conn:

        def be_faster(session: module.Administrator, unfinished: str) -> None:
            real(session, unfinished)
            run(conn, "CREATE DATABASE {name}", name=foreign)

        monkeypatch.setattr(module, "_clear_away", be_faster)
        try:
            with pytest.raises(RefusedError, match="already exists"):
                provision(postgres_server, admin, new)
            assert databases(postgres_server, admin, new) == {foreign}
        finally:
            run(conn, "DROP DATABASE {name} WITH (FORCE)", name=foreign)


def verifier(conn: Connection, role: str) -> str:
    """What the server keeps of a role's password."""
    return str(rows(conn, "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (role,))[0][0])


def test_the_password_of_a_role_that_somebody_else_made_is_not_reset(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE ROLE {name} LOGIN PASSWORD 'theirs'", name=new.user)
        before = verifier(conn, new.user)
        with pytest.raises(RefusedError, match="password authentication failed"):
            provision(postgres_server, admin, new)
        assert verifier(conn, new.user) == before
    theirs = Credentials(user=new.user, password="theirs", database=new.database)
    provision(postgres_server, admin, theirs)
    assert can_record(postgres_server, theirs)


def test_a_superuser_is_refused_before_anything_is_made(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE ROLE {name} SUPERUSER LOGIN PASSWORD 'theirs'", name=new.user)
        before = verifier(conn, new.user)
        for user in (new.user, admin.user):
            owner = Credentials(user=user, password="mine", database=new.database)
            with pytest.raises(RefusedError, match="is a superuser"):
                provision(postgres_server, admin, owner)
        assert verifier(conn, new.user) == before
    assert databases(postgres_server, admin, new) == set()


@pytest.mark.parametrize("database", ["postgres", "template0", "template1"])
def test_a_database_that_every_server_has_is_not_filled(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials, database: str
) -> None:
    owner = Credentials(user=new.user, password=new.password, database=database)
    with pytest.raises(RefusedError, match="is the server's own"):
        provision(postgres_server, admin, owner)
    with closing(as_admin(postgres_server, admin)) as conn:
        assert rows(conn, "SELECT FROM pg_roles WHERE rolname = %s", (new.user,)) == []
        assert rows(conn, "SELECT FROM pg_namespace WHERE nspname = 'sitemon'") == []


def test_an_unfinished_name_fits_into_postgresql() -> None:
    assert len(unfinished_name("ä" * 40).encode()) <= 63


def test_recreating_ends_other_sessions_and_starts_empty(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    can_record(postgres_server, new)
    with closing(connect(postgres_server, new, application_name="test")) as other:
        rows(other, "SELECT 1")
        recreate(postgres_server, admin, new, adopt=False)
        with pytest.raises(psycopg2.Error):
            rows(other, "SELECT 1")
    assert can_record(postgres_server, new)


def test_recreating_makes_what_was_not_there(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    recreate(postgres_server, admin, new, adopt=False)
    assert can_record(postgres_server, new)


def test_a_foreign_database_is_dropped_only_when_adopted(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=new.database)
        oid = "SELECT oid FROM pg_database WHERE datname = %s"
        before = rows(conn, oid, (new.database,))
        with pytest.raises(RefusedError, match="--adopt"):
            recreate(postgres_server, admin, new, adopt=False)
        assert rows(conn, oid, (new.database,)) == before
    recreate(postgres_server, admin, new, adopt=True)
    assert can_record(postgres_server, new)


def test_a_user_who_owns_another_database_is_not_dropped(
    postgres_server: PostgresServer, admin: Credentials, new: Credentials
) -> None:
    provision(postgres_server, admin, new)
    can_record(postgres_server, new)
    other = f"other-{uuid.uuid4().hex[:6]}"
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name} OWNER {role}", name=other, role=new.user)
        with pytest.raises(RefusedError, match=other):
            recreate(postgres_server, admin, new, adopt=False)
        run(conn, "DROP DATABASE {name}", name=other)
    with closing(connect(postgres_server, new, application_name="test")) as own:
        assert rows(own, "SELECT count(*) FROM sitemon.results") == [(1,)]


def test_an_administrator_is_not_dropped(postgres_server: PostgresServer, admin: Credentials, new: Credentials) -> None:
    for owner in (
        Credentials(user=admin.user, password="x", database=new.database),
        Credentials(user=new.user, password="x", database=admin.database),
    ):
        with pytest.raises(RefusedError, match="not dropped"):
            recreate(postgres_server, admin, owner, adopt=True)


def test_one_who_may_not_create_roles_is_refused_in_one_line(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials, new: Credentials
) -> None:
    nobody = Credentials(user=owner.user, password=owner.password, database=owner.database)
    with pytest.raises(RefusedError, match="permission denied") as caught:
        provision(postgres_server, nobody, new)
    assert "\n" not in str(caught.value)
    assert new.database not in databases(postgres_server, admin, new)


def test_a_database_that_is_not_there_is_told_from_a_wrong_password(
    postgres_server: PostgresServer, owner: Credentials
) -> None:
    absent = Credentials(user=owner.user, password=owner.password, database="absent")
    with pytest.raises(NotProvisionedError, match="absent"):
        connect(postgres_server, absent, application_name="test")
    wrong = Credentials(user=owner.user, password="wrong", database=owner.database)
    with pytest.raises(RefusedError, match="password authentication failed"):
        connect(postgres_server, wrong, application_name="test")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
