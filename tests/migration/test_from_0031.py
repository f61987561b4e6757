"""Windows of maintenance of a database of migration 0031 keep their numbers, and new ones get those beyond 32 bits."""

from datetime import timedelta

import pytest
from psycopg2 import DataError

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.maintenance_windows import Declaration, Declared, declare, read_windows
from sitemon.store.migrate import migrate
from tests.databases import execute
from tests.migration.old_rows import migrate_to

LAST = 2**31 - 1
"""Of the numbers of 32 bits."""


def declare_hour(conn: Connection) -> Declared:
    now = clock.utc_now()
    return declare(conn, Declaration(now, now + timedelta(hours=1), ["shop"]))


OLD_WINDOW = """
INSERT INTO sitemon.maintenance_window (maintenance_id, site_id, from_at, until_at)
SELECT nextval('sitemon.maintenance_number'), site_id, now(), now() + '1 hour'::interval FROM sitemon.site
"""


def test_numbers_of_windows_go_on_where_those_of_32_bits_ended(
    bare: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to(bare, 31, monkeypatch)
    execute(bare, "INSERT INTO sitemon.site (name) VALUES ('shop')")
    execute(bare, f"SELECT setval('sitemon.maintenance_number', {LAST - 1})")
    execute(bare, OLD_WINDOW)
    with pytest.raises(DataError, match="reached maximum value of sequence"):
        execute(bare, OLD_WINDOW)
    migrate(bare)
    assert declare_hour(bare) == (LAST + 1, ["shop"])
    found = read_windows(bare, clock.utc_now(), 100)
    assert [(one.maintenance_id, one.sites) for one in found] == [(LAST + 1, ["shop"]), (LAST, ["shop"])]
