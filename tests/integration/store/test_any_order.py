"""Any events and results, in any order, with any repetition and any batch borders, give the same rows and rollups."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.marks import Reign
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Result
from sitemon.model.schedule import Ended, Started, Told
from sitemon.model.stretches import Edit, stretches_of
from sitemon.schedule.slots import next_slot_ms
from sitemon.store import fold
from sitemon.store.account import close, count_away_hours, light
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import Notice, write_notices
from sitemon.store.steps import Steps
from sitemon.store.write import prepare_session, write_batch
from tests.databases import dicts, execute, fresh_database
from tests.results import a_result, this_hour

START_MS = to_ms(this_hour() - timedelta(hours=6)) + 1_400_000
"""So that an hour ends among the slots."""
LASTS_MS = 2_400_000
END_MS = START_MS + LASTS_MS + 1_500_000
"""All patience has ended by then, and more than ten minutes have passed since any part was closed."""
SITES = ("shop", "blog")
INTERVALS_MS = (60_000, 90_000, 240_000)

LOOKED_AT = {
    "rows": """
        SELECT site.name, slot_at, checked_at, result.outcome::text, reason.name AS reason, is_derived
        FROM sitemon.result JOIN sitemon.site USING (site_id) LEFT JOIN sitemon.reason USING (reason_id)
        ORDER BY 1, 2
    """,
    "hours": "SELECT * FROM sitemon.uptime_hourly ORDER BY site, hour_at",
    "days": "SELECT * FROM sitemon.uptime_daily ORDER BY site, day",
    "states": """
        SELECT site, outcome, since_at, slot_at, checked_at, reason, seen_at FROM sitemon.site_status ORDER BY site
    """,
    "ledger": "SELECT * FROM sitemon.ledger ORDER BY site, hour_at",
    "stretches": "SELECT * FROM sitemon.schedule_stretch ORDER BY 1, 2, 3",
}

EMPTY = """
    DELETE FROM sitemon.result;
    DELETE FROM sitemon.current_state;
    DELETE FROM sitemon.count_hour;
    DELETE FROM sitemon.latency_hour;
    DELETE FROM sitemon.count_day;
    DELETE FROM sitemon.latency_day;
    DELETE FROM sitemon.schedule_event;
    DELETE FROM sitemon.telling;
    DELETE FROM sitemon.watch;
    DELETE FROM sitemon.changed_watch;
    DELETE FROM sitemon.schedule_stretch;
    DELETE FROM sitemon.reign;
    DELETE FROM sitemon.away;
    DELETE FROM sitemon.away_hour;
    UPDATE sitemon.account SET from_ms = %(start)s, closed_ms = %(start)s, away_ms = %(start)s;
    UPDATE sitemon.watermark SET hours_until_at = sitemon.from_ms(%(start)s) - '1 hour'::interval,
        days_until = sitemon.day_of(sitemon.from_ms(%(start)s) - '1 day'::interval);
"""

Message = Notice | Result


class Close(NamedTuple):
    """The account is closed up to a moment, and hours are rolled up to it."""

    at_ms: int


class History(NamedTuple):
    """What happened, and an order in which it came to the recorder."""

    messages: list[Message]
    arrival: list[list[Message | Close]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    messages: list[Message] = [*draw(schedules()), *draw(reigns()), *draw(results())]
    again = draw(st.lists(st.sampled_from(messages), max_size=10)) if messages else []
    moments = sorted(draw(st.lists(st.integers(0, LASTS_MS), min_size=1, max_size=5)))
    order: list[Message | Close] = list(draw(st.permutations([*messages, *again])))
    at = sorted(draw(places(len(order), len(moments))))
    if draw(st.booleans()):
        # All of a kind comes after the account was closed over what it says.
        kind = draw(st.sampled_from([Reign, Result, Started | Ended | Told]))
        order.sort(key=lambda one: isinstance(one, kind))
        at[-1] = sum(not isinstance(one, kind) for one in order)
        at.sort()
    for place, moment in zip(reversed(at), reversed(moments), strict=True):
        order.insert(place, Close(START_MS + moment))
    cuts = sorted(draw(places(len(order), draw(st.integers(0, 6)))))
    bounds = [0, *cuts, len(order)]
    return History(messages, [order[one:other] for one, other in itertools.pairwise(bounds)])


def places(length: int, count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, length), min_size=count, max_size=count)


@st.composite
def schedules(draw: st.DrawFn) -> list[Notice]:
    """What up to three leaders said: changes, and tellings of the whole schedule with their closing marks."""
    said: list[Notice] = []
    for token in range(1, draw(st.integers(1, 3)) + 1):
        sequence = 1
        for _ in range(draw(st.integers(1, 4))):
            at_ms = START_MS + draw(st.integers(-60, LASTS_MS // 1_000)) * 1_000
            named = draw(st.lists(st.sampled_from(SITES), max_size=2, unique=True))
            first = sequence
            for site in named:
                said.append(draw(event(site, token, sequence, at_ms)))
                sequence += 1
            if draw(st.booleans()):
                said.append(Told(token=token, sequence=sequence, first=first, at_ms=at_ms))
                sequence += 1
    return said


@st.composite
def event(draw: st.DrawFn, site: str, token: int, sequence: int, at_ms: int) -> Notice:
    if draw(st.integers(0, 3)) == 0:
        return Ended(site=site, region="default", token=token, sequence=sequence, at_ms=at_ms)
    interval_ms = draw(st.sampled_from(INTERVALS_MS))
    late_ms = draw(st.sampled_from([0, 0, interval_ms, 2 * interval_ms]))
    return Started(
        site=site,
        region="default",
        token=token,
        sequence=sequence,
        at_ms=at_ms,
        interval_ms=interval_ms,
        from_slot_ms=next_slot_ms(site, interval_ms, at_ms - late_ms),
        patience_ms=interval_ms + draw(st.sampled_from([20_000, 50_000])),
    )


@st.composite
def reigns(draw: st.DrawFn) -> list[Notice]:
    """Reigns of leaders one after the other, each told several times."""
    said: list[Notice] = []
    at_s = draw(st.integers(-60, 600))
    for token in range(1, draw(st.integers(0, 3)) + 1):
        until_s = at_s
        for _ in range(draw(st.integers(1, 3))):
            until_s += draw(st.integers(10, 700))
            said.append(Reign(token=token, from_ms=START_MS + at_s * 1_000, until_ms=START_MS + until_s * 1_000))
        at_s = until_s + draw(st.integers(1, 1_200))
    return said


@st.composite
def results(draw: st.DrawFn) -> list[Result]:
    """Of some slots a real result, a told one, or both; each key has one of a rank, as workers make them."""
    found: list[Result] = []
    for site in SITES:
        slots = sorted(
            {
                slot_ms
                for interval_ms in INTERVALS_MS
                for slot_ms in range(next_slot_ms(site, interval_ms, START_MS), START_MS + LASTS_MS, interval_ms)
            }
        )
        for slot_ms in draw(st.lists(st.sampled_from(slots), max_size=25, unique=True)):
            slot_at = from_ms(slot_ms)
            what = draw(st.sampled_from(["up", "up", "down", "late", "both"]))
            if what in ("late", "both"):
                found.append(a_result(site, slot_at=slot_at, outcome=Outcome.MISSED, reason=Reason.LATE))
            if what != "late":
                outcome = Outcome.DOWN if what == "down" else Outcome.UP
                found.append(a_result(site, slot_at=slot_at, outcome=outcome))
    return found


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Connection]:
    with (
        fresh_database(postgres_server, admin, template) as owner,
        closing(connect(postgres_server, owner, application_name="test")) as conn,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Small slices, so that there are several of them.
        patch.setattr(fold, "_WATCHES_AT_ONCE", 1)
        patch.setattr(fold, "_SLOTS_AT_ONCE", 20)
        prepare_session(conn)
        execute(conn, "SET synchronous_commit = off")
        yield conn


def deliver(conn: Connection, arrival: Sequence[Sequence[Message | Close]]) -> dict[str, list[dict[str, Any]]]:
    """Let a recorder have these batches, close the account at the end, and return what is to be seen then."""
    execute(conn, EMPTY, {"start": START_MS})
    names = Names()
    for batch in arrival:
        pending: list[Message] = []
        for one in batch:
            if isinstance(one, Close):
                write(conn, names, pending)
                pending = []
                close_up_to(conn, one.at_ms)
            else:
                pending.append(one)
        write(conn, names, pending)
    close_up_to(conn, END_MS)
    return {name: dicts(conn, query) for name, query in LOOKED_AT.items()}


def write(conn: Connection, names: Names, messages: Sequence[Message]) -> None:
    best: dict[tuple[str, object], Result] = {}
    for one in messages:
        if isinstance(one, Result) and (
            (key := (one.site, one.slot_at)) not in best or best[key].outcome is Outcome.MISSED
        ):
            best[key] = one
    write_batch(conn, names, list(best.values()))
    write_notices(conn, names, [one for one in messages if not isinstance(one, Result)])


def close_up_to(conn: Connection, at_ms: int) -> None:
    close(conn, at_ms)
    while light(conn, 600_000):
        pass
    while count_away_hours(conn):
        pass
    roll_up(Steps(conn), from_ms(at_ms))


@pytest.mark.timeout(600)
@given(histories())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_it_gives_the_same_rows_rollups_and_states(database: Connection, history: History) -> None:
    in_order = sorted(history.messages, key=lambda one: isinstance(one, Result))
    expected = deliver(database, [in_order])
    assert deliver(database, history.arrival) == expected
    check_account(history, expected)


def check_account(history: History, seen: dict[str, list[dict[str, Any]]]) -> None:
    """Against the definition: each expected slot has one row or is counted, and derived rows are on expected slots."""
    asked = {site: expected_slots(history.messages, site) for site in SITES}
    told = {(one.site, to_ms(one.slot_at)) for one in history.messages if isinstance(one, Result)}
    there = {(row["name"], to_ms(row["slot_at"])) for row in seen["rows"]}
    derived = {(row["name"], to_ms(row["slot_at"])) for row in seen["rows"] if row["is_derived"]}
    expected = {(site, slot_ms) for site in SITES for slot_ms in asked[site]}
    assert there - derived == told
    assert derived <= expected - told
    total = {name: sum(line[name] for line in seen["ledger"]) for name in ("expected", "unaccounted", "unexpected")}
    assert total == {"expected": len(expected), "unaccounted": 0, "unexpected": len(told - expected)}
    missing = expected - told
    assert sum(line["derived"] for line in seen["ledger"]) == len(missing)
    assert sum(hour["missed"] for hour in seen["hours"]) == len(missing) + sum(
        row["outcome"] == "missed" and not row["is_derived"] for row in seen["rows"]
    )


def expected_slots(messages: Sequence[Message], site: str) -> set[int]:
    edits = []
    tellings = [one for one in messages if isinstance(one, Told)]
    own = [one for one in messages if isinstance(one, Started | Ended) and one.site == site]
    for one in own:
        started = (one.from_slot_ms, one.interval_ms, one.patience_ms) if isinstance(one, Started) else (None, 0, 0)
        edits.append(Edit(one.token, one.sequence, one.at_ms, *started))
    edits += [
        Edit(told.token, told.sequence, told.at_ms)
        for told in tellings
        if not any(one.token == told.token and told.first <= one.sequence < told.sequence for one in own)
    ]
    return {
        slot_ms
        for stretch in stretches_of(edits)
        for slot_ms in range(
            stretch.from_ms, min(stretch.until_ms, END_MS - stretch.patience_ms + 1), stretch.interval_ms
        )
        if slot_ms >= START_MS
    }
