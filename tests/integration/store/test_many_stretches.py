"""A site with thousands of stretches: what its rows should be takes time by the sum of both."""

from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import cpu_s, execute, open_account, rows
from tests.integration.store.events import at, at_ms, reign

STRETCHES = 1_000
ROWS = 10_000
FROM_MS = at_ms(199) - ROWS * 1_000


def begun(number: int, slot_ms: int, interval_ms: int, patience_ms: int) -> Started:
    return Started(
        site="shop",
        region="default",
        token=5,
        sequence=number,
        at_ms=slot_ms - 1,
        interval_ms=interval_ms,
        from_slot_ms=slot_ms,
        patience_ms=patience_ms,
    )


def test_a_row_is_not_compared_with_each(conn: Connection, names: Names) -> None:
    open_account(conn, at(-300))
    execute(conn, "UPDATE sitemon.account SET closed_ms = %s, away_ms = %s", (at_ms(200), at_ms(200)))
    stretches = [
        begun(number, FROM_MS - 4_000 * (STRETCHES - number), 3_600_000, 40_000) for number in range(STRETCHES)
    ]
    write_notices(conn, names, [reign(-400, 500), *stretches, begun(STRETCHES, FROM_MS, 1_000, 40_000)])
    began_s = cpu_s(conn)
    write_notices(conn, names, [begun(STRETCHES + 1, FROM_MS + 1_000, 1_000, 41_000)])
    assert cpu_s(conn) - began_s < 2
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_stretch") == [(STRETCHES + 2,)]
    assert rows(conn, "SELECT (checked_at - slot_at)::text, count(*) FROM sitemon.result GROUP BY 1 ORDER BY 1") == [
        ("00:00:40", STRETCHES + 1),
        ("00:00:41", ROWS + 19),
    ]
