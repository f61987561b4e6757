"""The schema is the sum of its migrations, and they can be run again and at once."""

import re
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.incident.connectivity import NETWORK_REASONS
from sitemon.model.errors import FatalError
from sitemon.model.outcome import REASONS, Outcome
from sitemon.model.result import Kind
from sitemon.store import migrate as module
from sitemon.store.connect import Connection, connect
from sitemon.store.migrate import FILE_NAME, Migration, migrate, migrations, pending
from tests.databases import rows
from tests.migration.old_rows import granted_views

CATALOGUE = Path(__file__).parent / "catalogue.txt"

COLUMNS = """
SELECT format('%s %s: %s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'kept view' ELSE 'table' END, c.relname,
    string_agg(
        format('%s %s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' ELSE '' END),
        ', ' ORDER BY attnum))
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
WHERE c.relnamespace = 'sitemon'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
    AND attnum > 0 AND NOT attisdropped
GROUP BY c.relkind, c.relname ORDER BY 1
"""
INDEXES = """
SELECT format('index %s', pg_get_indexdef(c.oid)) FROM pg_class c JOIN pg_index ON indexrelid = c.oid
WHERE c.relnamespace = 'sitemon'::regnamespace AND NOT c.relispartition ORDER BY 1
"""
FUNCTIONS = """
SELECT format('function %s(%s) %s%s', proname, pg_get_function_identity_arguments(oid), provolatile,
    CASE WHEN prosecdef THEN ' security definer' ELSE '' END)
FROM pg_proc WHERE pronamespace = 'sitemon'::regnamespace ORDER BY 1
"""
TYPES = """
SELECT format('enum %s: %s', typname, string_agg(enumlabel, ', ' ORDER BY enumsortorder))
FROM pg_enum JOIN pg_type t ON t.oid = enumtypid GROUP BY typname ORDER BY 1
"""


def catalogue(conn: Connection) -> list[str]:
    return [line for query in (TYPES, COLUMNS, INDEXES, FUNCTIONS) for (line,) in rows(conn, query)]


def test_all_migrations_together_make_the_expected_schema(bare: Connection) -> None:
    migrate(bare)
    assert catalogue(bare) == CATALOGUE.read_text().splitlines()


def test_a_second_run_has_nothing_to_do(bare: Connection) -> None:
    assert pending(bare) == migrations()
    assert migrate(bare) == migrations()
    assert pending(bare) == ()
    assert migrate(bare) == ()


def test_two_at_once_run_each_migration_once(postgres_server: PostgresServer, empty: Credentials) -> None:
    ran: list[Migration] = []

    def run_all() -> None:
        with closing(connect(postgres_server, empty, application_name="test")) as conn:
            ran.extend(migrate(conn))

    threads = [threading.Thread(target=run_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran, key=lambda migration: migration.number) == list(migrations())


def test_a_migration_that_fails_leaves_nothing_and_those_before_it_stay(
    bare: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Migration(9999, "9999_bad", "CREATE TABLE sitemon.half (); SELECT 1 / 0;")
    monkeypatch.setattr(module, "migrations", lambda: (*migrations(), bad))
    with pytest.raises(Exception, match="division by zero"):
        migrate(bare)
    monkeypatch.undo()
    assert pending(bare) == ()
    assert rows(bare, "SELECT to_regclass('sitemon.half')") == [(None,)]


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql", "0001_Upper.sql", "0001_.sql", "first.sql"])
def test_a_file_with_another_name_is_no_migration(name: str) -> None:
    assert FILE_NAME.fullmatch(name) is None
    with pytest.raises(FatalError, match=name):
        module._migration(name, "")


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("migration", migrations(), ids=lambda migration: migration.name)
def test_each_migration_limits_how_long_it_waits_and_works(migration: Migration) -> None:
    assert "SET LOCAL lock_timeout = " in migration.sql
    assert "SET LOCAL statement_timeout = " in migration.sql


@pytest.mark.parametrize("migration", migrations(), ids=lambda migration: migration.name)
def test_each_index_and_key_of_many_rows_names_its_query(migration: Migration) -> None:
    for index in re.finditer(r"^(.*)\n\s*CREATE (?:UNIQUE )?INDEX", migration.sql, re.MULTILINE):
        before = migration.sql[: index.end()].rsplit("\n\n", 1)[-1]
        assert re.search(r"-- (Query|Queries|View) ", before), index[0]


def test_the_database_has_the_words_of_the_model(bare: Connection) -> None:
    migrate(bare)
    assert rows(bare, "SELECT unnest(enum_range(NULL::sitemon.outcome))::text") == [(word,) for word in Outcome]
    assert rows(bare, "SELECT unnest(enum_range(NULL::sitemon.kind))::text") == [(word,) for word in Kind]
    known = [(reason, outcome, meaning) for reason, (outcome, meaning) in REASONS.items()]
    assert rows(bare, "SELECT name, outcome::text, meaning FROM sitemon.reason ORDER BY reason_id") == known
    assert {name for (name,) in rows(bare, "SELECT name FROM sitemon.reason WHERE is_network")} == NETWORK_REASONS


def test_each_public_view_says_what_it_is(bare: Connection) -> None:
    migrate(bare)
    granted = granted_views()
    assert len(granted) == 17
    for view in granted:
        ((comment,),) = rows(bare, "SELECT obj_description(%s::regclass)", (f"sitemon.{view}",))
        assert comment, view
