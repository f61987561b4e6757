"""The state of a site: its newest result, and since when its outcome is what it is, not counting what was missed."""

import itertools
from datetime import datetime, timedelta

import pytest
from msgspec import structs
from msgspec.structs import replace

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.schedule import Ended, Started, Told
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.read import SiteStatus, read_status
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour


def state(conn: Connection) -> tuple[str, float, float]:
    """Return the outcome, and the minutes of its beginning and of its newest result."""
    ((outcome, since_at, slot_at),) = rows(conn, "SELECT outcome, since_at, slot_at FROM sitemon.site_status")
    return outcome, (since_at - this_hour()) / MINUTE, (slot_at - this_hour()) / MINUTE


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[a_result()]], ("up", 0, 0)),
        ([[a_result()], [a_result(minute=1)]], ("up", 0, 1)),
        ([[a_result()], [a_down(minute=1)]], ("down", 1, 1)),
        ([[a_result()], [a_down(minute=1)], [a_down(minute=2)]], ("down", 1, 2)),
        ([[a_result()], [a_result(minute=1), a_result(minute=2)]], ("up", 0, 2)),
        ([[a_result()], [a_down(minute=1), a_result(minute=2), a_result(minute=3)]], ("up", 2, 3)),
        ([[a_result()], [a_down(minute=1), a_down(minute=2), a_down(minute=3)]], ("down", 1, 3)),
        ([[a_down()], [a_result(minute=2), a_result(minute=1)]], ("up", 1, 2)),
        ([[a_down()], [a_result(minute=2)], [a_result(minute=1), a_result(minute=3)]], ("up", 1, 3)),
        ([[a_missed()], [a_result(), a_result(minute=1)]], ("up", 0, 1)),
    ],
    ids=[
        "first",
        "same",
        "other",
        "twice",
        "several the same",
        "several others",
        "several of one other",
        "out of order",
        "around the newest",
        "replacing the newest",
    ],
)
def test_in_order(conn: Connection, names: Names, batches: list[list[Result]], expected: tuple[str, int, int]) -> None:
    for batch in batches:
        write_batch(conn, names, batch)
    assert state(conn) == expected


@pytest.mark.parametrize(
    ("late", "since"),
    [
        (a_result(minute=3), 2),
        (a_down(minute=3), 4),
        (a_result(minute=1), 1),
        (a_down(minute=1), 2),
        (a_result(minute=-1), 2),
        (a_missed(minute=3), 2),
        (a_missed(minute=1), 2),
    ],
    ids=[
        "the same within",
        "another within",
        "before, joining",
        "before, not joining",
        "long before",
        "missed within",
        "missed before",
    ],
)
def test_a_late_result_moves_the_beginning_only_where_it_matters(
    conn: Connection, names: Names, late: Result, since: int
) -> None:
    for result in (a_down(), a_result(minute=2), a_result(minute=4)):
        write_batch(conn, names, [result])
    write_batch(conn, names, [late])
    assert state(conn) == ("up", since, 4)


DOWN_AGAIN = [a_down(), a_missed(minute=1), a_missed(minute=2), a_down(minute=3)]


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (3,), (1, 2, 3), (1, 3)])
def test_a_missed_slot_never_resets_since_when_a_site_is_down(
    conn: Connection, names: Names, cuts: tuple[int, ...]
) -> None:
    write_batch(conn, names, [a_result(minute=-1)])
    for start, end in itertools.pairwise((0, *cuts, len(DOWN_AGAIN))):
        write_batch(conn, names, DOWN_AGAIN[start:end])
    assert state(conn) == ("down", 0, 3)


def test_nor_does_it_in_any_order(conn: Connection, names: Names) -> None:
    orders = {"".join(map(str, order)): order for order in itertools.permutations(range(4))}
    write_batch(conn, names, [a_result(site, minute=-1) for site in orders])
    for step in range(4):
        write_batch(conn, names, [replace(DOWN_AGAIN[order[step]], site=site) for site, order in orders.items()])
    found = rows(conn, "SELECT site, outcome, since_at FROM sitemon.site_status")
    assert sorted(found) == [(site, "down", this_hour()) for site in sorted(orders)]


def test_what_was_missed_at_first_is_no_beginning(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_missed(), a_missed(minute=1)])
    assert state(conn) == ("missed", 0, 1)
    write_batch(conn, names, [a_result(minute=2)])
    assert state(conn) == ("up", 2, 2)


def test_another_outcome_after_missed_slots_begins_with_its_first_result(conn: Connection, names: Names) -> None:
    for result in (a_down(), a_missed(minute=1), a_result(minute=2), a_missed(minute=3), a_result(minute=4)):
        write_batch(conn, names, [result])
    assert state(conn) == ("up", 2, 4)


def test_what_is_missed_begins_with_the_first_slot_that_nobody_looked_at(conn: Connection, names: Names) -> None:
    for result in (a_missed(minute=-1), a_down(), a_missed(minute=1), a_missed(minute=2)):
        write_batch(conn, names, [result])
    assert state(conn) == ("missed", 1, 2)


def test_a_real_result_in_place_of_a_missed_one_changes_nothing_of_what_it_lies_in(
    conn: Connection, names: Names
) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1), a_result(minute=2)])
    assert state(conn) == ("up", 0, 2)
    write_batch(conn, names, [a_result(minute=1)])
    assert state(conn) == ("up", 0, 2)


def test_a_real_result_in_place_of_a_missed_one_may_part_what_it_joined(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1), a_result(minute=2)])
    write_batch(conn, names, [a_down(minute=1)])
    assert state(conn) == ("up", 2, 2)


def test_the_newest_result_may_itself_be_replaced(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1)])
    assert state(conn) == ("missed", 1, 1)
    write_batch(conn, names, [a_down(minute=1)])
    assert state(conn) == ("down", 1, 1)


def test_a_check_that_somebody_asked_for_is_no_part_of_it(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    write_batch(conn, names, [a_down(minute=1, kind=Kind.ADHOC)])
    write_batch(conn, names, [a_result(minute=2), a_result(minute=3)])
    assert state(conn) == ("up", 0, 3)


def test_each_region_has_its_own(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_down(region="asia")])
    found = rows(conn, "SELECT region, outcome FROM sitemon.site_status ORDER BY region")
    assert found == [("asia", "down"), ("default", "up")]


# What the view shows by the clock: slots of a minute, of which the newest but one was due 100 s ago.

FIRST_AGO = timedelta(seconds=100 + 9 * 60)
INTERVAL = timedelta(minutes=1)


@pytest.fixture
def first_at(conn: Connection) -> datetime:
    """The first of eleven slots that are due by now: the last was due 40 s ago, and the next is due in 20 s."""
    first_at = clock.utc_now() - FIRST_AGO
    open_account(conn, first_at)
    return first_at


def started(first_at: datetime, patience_s: float, site: str = "shop") -> Started:
    first_ms = to_ms(first_at)
    return Started(
        site=site,
        region="default",
        token=1,
        sequence=1,
        at_ms=first_ms - 1,
        interval_ms=60_000,
        from_slot_ms=first_ms,
        patience_ms=int(patience_s * 1_000),
    )


def slot(first_at: datetime, number: int) -> datetime:
    """Return a slot as the schedule counts: in whole milliseconds."""
    return first_at.replace(microsecond=first_at.microsecond // 1_000 * 1_000) + number * INTERVAL


def status(conn: Connection) -> SiteStatus:
    (found,) = read_status(conn, clock.utc_now())
    return found


INTERVAL_AND_LABELS = "SELECT interval_s, labels FROM sitemon.site_status ORDER BY site"


def test_a_status_says_how_often_somebody_looks_and_the_labels_of_the_newest_event(
    conn: Connection, names: Names, first_at: datetime
) -> None:
    old = structs.replace(started(first_at, patience_s=80), labels={"team": "web", "tier": "1"})
    new = structs.replace(old, sequence=2, at_ms=old.at_ms + 1, labels={"team": "ops"})
    write_notices(conn, names, [old])
    assert rows(conn, INTERVAL_AND_LABELS) == [(60.0, {"team": "web", "tier": "1"})]
    write_notices(conn, names, [new])
    assert rows(conn, INTERVAL_AND_LABELS) == [(60.0, {"team": "ops"})]
    write_notices(conn, names, [old, structs.replace(old, sequence=3, at_ms=old.at_ms + 2, interval_ms=30_000)])
    assert rows(conn, INTERVAL_AND_LABELS) == [(30.0, {"team": "web", "tier": "1"})]
    write_notices(conn, names, [structs.replace(old, sequence=4, at_ms=old.at_ms + 3, labels={})])
    assert rows(conn, INTERVAL_AND_LABELS) == [(60.0, {})]


def test_a_status_of_what_a_monitor_looks_at_has_the_time_between_its_results(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(minute=minute, kind="monitor") for minute in range(2)])
    assert rows(conn, INTERVAL_AND_LABELS) == [(60.0, {})]


def test_while_its_newest_slot_is_within_its_patience_a_site_is_as_it_was_seen(
    conn: Connection, names: Names, first_at: datetime
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=80)])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number)) for number in range(10)])
    found = status(conn)
    assert (found.state, found.state_since, found.seen_at) == ("up", slot(first_at, 0), slot(first_at, 9))


@pytest.mark.parametrize("outcome", [Outcome.UP, Outcome.DEGRADED, Outcome.DOWN])
def test_as_soon_as_its_newest_slot_is_older_than_its_patience_it_is_unknown(
    conn: Connection, names: Names, first_at: datetime, outcome: Outcome
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number), outcome=outcome) for number in range(10)])
    found = status(conn)
    assert (found.state, found.state_since, found.seen_at) == ("unknown", slot(first_at, 10), slot(first_at, 9))
    assert (found.outcome, found.since_at) == (outcome, slot(first_at, 0)), "what was found last is still there"


def test_the_slot_that_comes_late_makes_it_known_again(conn: Connection, names: Names, first_at: datetime) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    write_batch(conn, names, [a_down(slot_at=slot(first_at, number)) for number in range(10)])
    assert status(conn).state == "unknown"
    write_batch(conn, names, [a_down(slot_at=slot(first_at, 10))])
    assert (status(conn).state, status(conn).state_since) == ("down", slot(first_at, 0))


def test_unknown_began_with_the_first_slot_that_nobody_looked_at(
    conn: Connection, names: Names, first_at: datetime
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number)) for number in range(4)])
    assert status(conn).state_since == slot(first_at, 4)
    close_account(conn, clock.utc_now())
    found = status(conn)
    assert (found.state, found.state_since, found.seen_at) == ("unknown", slot(first_at, 4), slot(first_at, 3))
    assert (found.outcome, found.reason) == ("missed", "beat_down")


@pytest.mark.parametrize("told", [True, False], ids=["told", "derived"])
def test_a_newest_slot_that_was_missed_is_unknown(
    conn: Connection, names: Names, first_at: datetime, told: bool
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=50)])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number)) for number in range(9)])
    if told:
        write_batch(conn, names, [a_missed(slot_at=slot(first_at, 9), reason=Reason.WORKER_LOST)])
    else:
        close_account(conn, clock.utc_now())
    found = status(conn)
    assert (found.state, found.outcome, found.state_since) == ("unknown", "missed", slot(first_at, 9))
    assert found.reason == ("worker_lost" if told else "beat_down")
    assert found.seen_at == slot(first_at, 8)


def test_a_site_that_is_scheduled_and_has_no_row_is_unknown(conn: Connection, names: Names, first_at: datetime) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    found = status(conn)
    assert (found.site, found.region, found.url) == ("shop", "default", "")
    assert (found.state, found.state_since, found.seen_at) == ("unknown", slot(first_at, 0), None)
    assert (found.outcome, found.slot_at, found.since_at, found.reason) == (None, None, None, None)


def test_never_is_it_green_while_its_newest_slot_is_missing(conn: Connection, names: Names, first_at: datetime) -> None:
    seen = [range(0), range(1), range(10), range(0, 10, 2), range(9, 10)]
    sites = {f"{patience_s}-{one}": (patience_s, one) for patience_s in (0.001, 30, 39) for one in seen}
    write_notices(conn, names, [started(first_at, patience_s, site) for site, (patience_s, _) in sites.items()])
    for number in range(10):
        looked_at = [site for site, (_, one) in sites.items() if number in one]
        write_batch(conn, names, [a_result(site, slot_at=slot(first_at, number)) for site in looked_at])
    assert {one.site: one.state for one in read_status(conn, clock.utc_now())} == dict.fromkeys(sites, "unknown")
    close_account(conn, clock.utc_now())
    assert {one.site: one.state for one in read_status(conn, clock.utc_now())} == dict.fromkeys(sites, "unknown")


def test_an_edit_of_the_interval_makes_it_unknown_by_the_new_slots(
    conn: Connection, names: Names, first_at: datetime
) -> None:
    old = started(first_at, patience_s=30)
    edit_ms = to_ms(slot(first_at, 9)) + 1_000
    new = Started(
        site="shop",
        region="default",
        token=1,
        sequence=2,
        at_ms=edit_ms,
        interval_ms=10_000,
        from_slot_ms=edit_ms + 9_000,
        patience_ms=30_000,
    )
    write_notices(conn, names, [old, new])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number)) for number in range(10)])
    found = status(conn)
    assert (found.state, to_ms(found.state_since)) == ("unknown", edit_ms + 9_000)


@pytest.mark.parametrize(
    ("seconds_ago", "state"),
    [([400], "up"), ([70, 60], "up"), ([91, 81], "up"), ([103, 93], "unknown"), ([240, 180, 120], "up")],
)
def test_what_a_monitor_looks_at_is_unknown_once_it_should_have_looked_twice(
    conn: Connection, names: Names, seconds_ago: list[int], state: str
) -> None:
    slots = [clock.utc_now() - timedelta(seconds=seconds) for seconds in seconds_ago]
    write_batch(conn, names, [a_result(kind=Kind.MONITOR, slot_at=slot_at) for slot_at in slots])
    found = status(conn)
    assert (found.state, found.seen_at) == (state, slots[-1])
    assert found.state_since == (slots[0] if state == "up" else slots[-1] + (slots[-1] - slots[-2]))


@pytest.mark.parametrize("by", ["its own event", "a telling that does not name it"])
def test_a_site_that_ended_is_marked_and_no_longer_shown(
    conn: Connection, names: Names, first_at: datetime, by: str
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    write_batch(conn, names, [a_result(slot_at=slot(first_at, number)) for number in range(10)])
    assert rows(conn, "SELECT is_ended FROM sitemon.site_status") == [(False,)]
    at_ms = to_ms(slot(first_at, 9)) + 1
    if by == "its own event":
        write_notices(conn, names, [Ended(site="shop", region="default", token=1, sequence=2, at_ms=at_ms)])
    else:
        write_notices(conn, names, [Told(token=2, sequence=1, first=1, at_ms=at_ms)])
    assert rows(conn, "SELECT is_ended FROM sitemon.site_status") == [(True,)]
    assert read_status(conn, clock.utc_now()) == []


def test_the_worst_come_first(conn: Connection, names: Names, first_at: datetime) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    fine = [a_result("fine"), a_result("slow", outcome=Outcome.DEGRADED), a_down("broken"), a_missed("unseen")]
    write_batch(conn, names, fine)
    found = [(one.site, one.state) for one in read_status(conn, clock.utc_now())]
    assert found == [
        ("broken", "down"),
        ("shop", "unknown"),
        ("unseen", "unknown"),
        ("slow", "degraded"),
        ("fine", "up"),
    ]


@pytest.mark.parametrize(("beyond", "year"), [("200000-01-01", 9999), ("0044-03-15 BC", 1)])
def test_a_moment_that_nobody_can_read_hides_no_site(
    conn: Connection, names: Names, first_at: datetime, beyond: str, year: int
) -> None:
    write_notices(conn, names, [started(first_at, patience_s=30)])
    write_batch(conn, names, [a_result("shop"), a_result("home")])
    forge = """
        UPDATE sitemon.current_state
        SET slot_at = %s
        WHERE site_id = (SELECT site_id FROM sitemon.site WHERE name = 'shop')
    """
    execute(conn, forge, (beyond,))
    found = {one.site: one.slot_at.year for one in read_status(conn, clock.utc_now()) if one.slot_at}
    assert found == {"home": a_result().slot_at.year, "shop": year}
