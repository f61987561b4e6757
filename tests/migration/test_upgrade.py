"""What processes of this version say to the schema of an earlier one, and what ``sitemon migrate`` makes of it."""

from contextlib import closing
from dataclasses import replace

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RetryableError
from sitemon.store import migrate as module
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import NotProvisionedError
from sitemon.store.migrate import migrate, migrations, pending, require_schema
from tests.databases import execute, rows
from tests.migration.old_rows import migrate_to

NOTES = """
INSERT INTO sitemon.site (name) VALUES ('shop');
INSERT INTO sitemon.incident (site_id, started_at, opened_by_at, regions)
SELECT site_id, now(), now(), '{default}' FROM sitemon.site;
INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published)
SELECT incident_id, 'anna', note, note = 'for all'
FROM sitemon.incident
CROSS JOIN unnest('{for all,for us}'::text[]) AS note;
"""
READ = "SELECT site, written_by, written_at, note, is_published FROM sitemon.notes ORDER BY note_id"


@pytest.mark.parametrize(("earlier", "lacking"), [(12, "0013_offline"), (17, "0018_listed_sites")])
def test_they_wait_for_what_it_lacks_and_go_on_once_that_has_run(
    bare: Connection, monkeypatch: pytest.MonkeyPatch, earlier: int, lacking: str
) -> None:
    migrate_to(bare, earlier, monkeypatch)
    said = f"its schema lacks {lacking}: run `sitemon provision` or `sitemon migrate`"
    with pytest.raises(NotProvisionedError, match=said):
        require_schema(bare)
    assert migrate(bare) == migrations()[earlier:]
    require_schema(bare)


def test_a_migration_that_a_reader_holds_up_is_said_and_what_had_run_is_kept(
    bare: Connection, postgres_server: PostgresServer, empty: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to(bare, 17, monkeypatch)
    execute(bare, NOTES)
    hurried = tuple(replace(one, sql=one.sql.replace("'4s'", "'50ms'")) for one in migrations())
    with closing(connect(postgres_server, empty, application_name="test")) as reader:
        with reader, reader.cursor() as cursor, monkeypatch.context() as impatient:
            cursor.execute(READ)
            impatient.setattr(module, "migrations", lambda: hurried)
            with pytest.raises(RetryableError, match="lock timeout"):
                migrate(bare)
            noted = cursor.fetchall()
        assert pending(bare) == migrations()[18:]
        assert migrate(bare) == migrations()[18:]
        assert [note[3:] for note in noted] == [("for all", True), ("for us", False)]
        assert rows(reader, READ) == noted
        assert rows(reader, "SELECT count(withdrawn_at), count(*) FROM sitemon.notes") == [(0, 2)]
