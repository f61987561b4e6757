"""What comes late costs the recorder little, however long a site has been as it is."""

from datetime import datetime, timedelta

import pytest

from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import execute, have_counted, rows
from tests.results import a_down, a_missed, a_result, this_hour

SINCE = this_hour() - timedelta(hours=1)
LASTS_S = 3_000
"""So long the site has been up, with a slot a second."""
FEW = 200
READ = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname LIKE 'result%'"
FILL = """
INSERT INTO sitemon.result (slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, redirects)
SELECT slot_at + number * '1 s'::interval, checked_at, site_id, region_id, target_id, kind, outcome, 0, 0
FROM sitemon.result
CROSS JOIN generate_series(1, %(seconds)s - 1) AS number
WHERE slot_at = %(since)s
"""


def at(seconds: float) -> datetime:
    return SINCE + timedelta(seconds=seconds)


def read(conn: Connection) -> int:
    have_counted(conn)
    ((number,),) = rows(conn, READ)
    return int(number)


@pytest.mark.parametrize(
    ("late", "outcome", "since_s"),
    [
        ([a_result(slot_at=at(-30))], "up", -30),
        ([a_down(slot_at=at(-30))], "up", 0),
        ([a_missed(slot_at=at(-30))], "up", 0),
        ([a_result(slot_at=at(-90))], "up", 0),
        ([a_result(slot_at=at(-90)), a_result(slot_at=at(LASTS_S + 1))], "up", 0),
        ([a_down(slot_at=at(-30)), a_down(slot_at=at(-20)), a_result(slot_at=at(LASTS_S + 1))], "up", 0),
        ([a_result(slot_at=at(7.5)), a_result(slot_at=at(LASTS_S + 1))], "up", 0),
        ([a_down(slot_at=at(7.5))], "up", 8),
        ([a_down(slot_at=at(7.5)), a_result(slot_at=at(LASTS_S + 1))], "up", 8),
        ([a_down(slot_at=at(7.5)), a_missed(slot_at=at(LASTS_S + 1))], "missed", LASTS_S + 1),
        ([a_down(slot_at=at(-30)), a_down(slot_at=at(LASTS_S + 1))], "down", LASTS_S + 1),
        ([a_down(slot_at=at(7.5)), a_down(slot_at=at(LASTS_S + 1))], "down", LASTS_S + 1),
    ],
    ids=[
        "before, joining",
        "before, another",
        "before, missed",
        "long before",
        "long before, beside the next one",
        "others before, beside the next one",
        "the same within, beside the next one",
        "another within",
        "another within, beside the next one",
        "another within, beside one that was missed",
        "before, beside another outcome",
        "within, beside another outcome",
    ],
)
def test_few_rows_are_read(conn: Connection, names: Names, late: list[Result], outcome: str, since_s: float) -> None:
    for result in (a_down(slot_at=at(-60)), a_result(slot_at=at(0))):
        write_batch(conn, names, [result])
    assert execute(conn, FILL, {"since": at(0), "seconds": LASTS_S}) == LASTS_S - 1
    write_batch(conn, names, [a_result(slot_at=at(LASTS_S))])
    before = read(conn)
    write_batch(conn, names, late)
    assert read(conn) - before < FEW
    assert rows(conn, "SELECT outcome, since_at FROM sitemon.site_status") == [(outcome, at(since_s))]
