"""An event that asks for a slot a second since a day ago is taken in within the time that a statement has."""

from datetime import timedelta

from sitemon import clock
from sitemon.model.marks import Reign
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.fold import MOST_CLOSED_SLOTS
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import close_account, open_account, rows
from tests.integration.store.test_slices import UNEVEN


def test_its_rows_are_derived_in_slices_of_which_the_next_finds_its_way_at_once(conn: Connection, names: Names) -> None:
    """PostgreSQL knows nothing yet of a table that the slice before has filled."""
    now = clock.utc_now()
    from_ms = to_ms(now - timedelta(hours=25))
    open_account(conn, now - timedelta(hours=25))
    write_notices(conn, names, [Reign(token=1, from_ms=from_ms, until_ms=to_ms(now))])
    close_account(conn, now)
    event = Started(
        site="shop",
        region="default",
        token=1,
        sequence=1,
        at_ms=from_ms,
        interval_ms=1_000,
        from_slot_ms=from_ms + 1_000,
        patience_ms=1_000,
    )
    write_notices(conn, names, [event])
    ((derived,),) = rows(conn, "SELECT count(*) FROM sitemon.result WHERE is_derived")
    assert MOST_CLOSED_SLOTS - 2 <= derived <= MOST_CLOSED_SLOTS
    assert rows(conn, UNEVEN) == [(0, 0, 0)]
