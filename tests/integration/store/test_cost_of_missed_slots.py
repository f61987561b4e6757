"""To find a site's state nobody reads the rows of what was missed, however many there are."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.rebuild import rebuild
from sitemon.store.slots_ahead import take_what_came
from sitemon.store.write import write_batch
from tests.databases import have_counted, rows
from tests.results import a_down, a_missed, a_result, this_hour
from tests.slots_ahead import DAY_AHEAD, MANY, bring_nearer

MISSED = 1_000
FEW = 60
EVERY = 1 / 60
"""A slot a second, in minutes: so that all lie within an hour."""
READ = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname LIKE 'result%'"
STATES = "SELECT outcome::text, since_at, slot_at, seen_slot_at, seen_since_at FROM sitemon.current_state"


def at(slot: int) -> float:
    """Return the minute of a slot: those from 1 to `MISSED` were missed."""
    return slot * EVERY


def missed(slot: int) -> Result:
    return a_missed(minute=at(slot))


def up(slot: int) -> Result:
    return a_result(minute=at(slot))


def down(slot: int) -> Result:
    return a_down(minute=at(slot))


NEXT = MISSED + 1
BEFORE = {"nothing": [], "up": [up(0)], "down": [down(0)]}
BATCHES = {
    "a second one comes before the first": [[missed(NEXT + 1)], [missed(NEXT)]],
    "it is up, and missed": [[up(NEXT), missed(NEXT + 1)]],
    "it was down, and is up": [[down(NEXT), up(NEXT + 1)]],
    "it is up, and what was missed before is told": [[up(NEXT)], [missed(-1)], [missed(-2)]],
    "it is up, and was in between": [[up(NEXT)], [up(-1)], [down(NEXT + 2)], [up(NEXT + 1)]],
    "it is down, and was up in between": [[down(NEXT)], [missed(NEXT + 1), up(NEXT + 2), down(NEXT + 3)], [up(-3)]],
}


def read(conn: Connection) -> int:
    """Return how many results were read so far."""
    have_counted(conn)
    ((number,),) = rows(conn, READ)
    return int(number or 0)


def write(conn: Connection, names: Names, batches: Sequence[Sequence[Result]]) -> None:
    for batch in batches:
        write_batch(conn, names, batch)


def write_at_little_cost(conn: Connection, names: Names, batches: Sequence[Sequence[Result]]) -> None:
    """Write them; fail where many results are read for that, or where a rebuild finds another state."""
    before = read(conn)
    write(conn, names, batches)
    assert read(conn) - before < FEW * len(batches)
    found = rows(conn, STATES)
    rebuild(conn, this_hour(), lambda _: None)
    assert rows(conn, STATES) == found


@pytest.fixture(params=[*BEFORE.values()], ids=[*BEFORE])
def _long_missed(request: pytest.FixtureRequest, conn: Connection, names: Names) -> None:
    """A site that was seen before, or never, and then not for so many slots."""
    write(conn, names, [*([one] for one in request.param), [missed(slot) for slot in range(1, NEXT)]])


@pytest.mark.usefixtures("_long_missed")
@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES.keys())
def test_what_comes_then_does_not_have_them_read(
    conn: Connection, names: Names, batches: Sequence[Sequence[Result]]
) -> None:
    write_at_little_cost(conn, names, batches)


@pytest.mark.usefixtures("_long_missed")
def test_nor_does_a_slot_that_lay_ahead_once_it_has_come(conn: Connection, names: Names) -> None:
    write(conn, names, [[a_result(slot_at=this_hour() + timedelta(minutes=at(NEXT)) + DAY_AHEAD)]])
    bring_nearer(conn)
    before = read(conn)
    take_what_came(conn, MANY)
    assert read(conn) - before < FEW
    assert [row[0] for row in rows(conn, STATES)] == ["up"]


MIDST = {
    "down": [[down(slot)] for slot in range(2, 6)],
    "up, then down": [[up(2)], [down(3)], [up(4)], [up(5)], [down(6)], [up(7), down(8)], [down(9), up(10)], [down(11)]],
    "from the end on": [[down(NEXT - 1)], [up(NEXT - 2)], [down(NEXT - 3)], [up(NEXT - 4)]],
    "far from each other": [[up(500)], [up(2)], [down(3)], [up(4)], [down(5)], [up(300)], [up(6)], [down(7)]],
}


@pytest.mark.parametrize("batches", MIDST.values(), ids=MIDST.keys())
def test_what_is_seen_in_the_midst_of_a_state_has_them_read_once(
    conn: Connection, names: Names, batches: Sequence[Sequence[Result]]
) -> None:
    write(conn, names, [[up(0)], [missed(slot) for slot in range(2, NEXT)], [up(NEXT)]])
    write(conn, names, [[down(1)]])
    write_at_little_cost(conn, names, batches)
