"""Of the schedule's history so much is kept that later events fold to the same slots as with all of it."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.marks import Published, Reign
from sitemon.model.moment import from_ms
from sitemon.model.schedule import Ended, Started, Told
from sitemon.model.stretches import FOR_EVER_MS, Edit, stretches_of
from sitemon.schedule.slots import next_slot_ms
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.schedule import forget_history, write_notices
from sitemon.store.write import prepare_session
from tests.databases import execute, fresh_database, rows
from tests.integration.store.events import at_ms, reign

Event = Started | Ended | Told

RAW_FROM_MS = at_ms(0)
"""Slots from here on are kept."""
END_MS = at_ms(200)
SITES = ("shop", "blog")
INTERVALS_MS = (60_000, 90_000, 240_000)
STRETCHES = """
SELECT stretch.from_ms, stretch.until_ms, stretch.interval_ms
FROM sitemon.schedule_stretch AS stretch
JOIN sitemon.site USING (site_id)
WHERE site.name = %s
"""
EMPTY = "TRUNCATE sitemon.schedule_event, sitemon.telling, sitemon.watch, sitemon.schedule_stretch, sitemon.reign"
KEPT_FROM = "UPDATE sitemon.watermark SET raw_from_at = %s"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Connection]:
    with (
        fresh_database(postgres_server, admin, template) as owner,
        closing(connect(postgres_server, owner, application_name="test")) as conn,
    ):
        prepare_session(conn)
        execute(conn, "SET synchronous_commit = off")
        yield conn


def started(site: str, token: int, sequence: int, minute: int, interval_ms: int, late: int = 0) -> Started:
    return Started(
        site=site,
        region="default",
        token=token,
        sequence=sequence,
        at_ms=at_ms(minute),
        interval_ms=interval_ms,
        from_slot_ms=next_slot_ms(site, interval_ms, at_ms(minute) - late * interval_ms),
        patience_ms=interval_ms + 20_000,
    )


def ended(site: str, token: int, sequence: int, minute: int) -> Ended:
    return Ended(site=site, region="default", token=token, sequence=sequence, at_ms=at_ms(minute))


@st.composite
def steps(draw: st.DrawFn) -> list[list[Event]]:
    """What up to three leaders said at a time, around the moment from which slots are kept; clocks go back, too."""
    found: list[list[Event]] = []
    for token in range(1, draw(st.integers(1, 3)) + 1):
        sequence = 1
        for _ in range(draw(st.integers(1, 4))):
            minute, first = draw(st.integers(-90, 60)), sequence
            said: list[Event] = []
            for site in draw(st.lists(st.sampled_from(SITES), max_size=2, unique=True)):
                interval_ms = draw(st.sampled_from([0, *INTERVALS_MS]))
                late = draw(st.sampled_from([0, 0, 1, 2]))
                one = started(site, token, sequence, minute, interval_ms, late) if interval_ms else None
                said.append(one or ended(site, token, sequence, minute))
                sequence += 1
            if draw(st.booleans()):
                said.append(Told(token=token, sequence=sequence, first=first, at_ms=at_ms(minute)))
                sequence += 1
            found.append(said)
    return found


def joined(steps: Sequence[Sequence[Event]]) -> list[Event]:
    return list(itertools.chain.from_iterable(steps))


def slots(said: Sequence[Event], site: str, since_ms: int = RAW_FROM_MS) -> set[int]:
    """Return the slots that are kept, as the definition has it."""
    own = [one for one in said if not isinstance(one, Told) and one.site == site]
    edits = [Edit(one.token, one.sequence, one.at_ms, *asked_for(one)) for one in own]
    edits += [
        Edit(told.token, told.sequence, told.at_ms)
        for told in said
        if isinstance(told, Told)
        and not any(one.token == told.token and told.first <= one.sequence < told.sequence for one in own)
    ]
    return kept(((one.from_ms, one.until_ms, one.interval_ms) for one in stretches_of(edits)), since_ms)


def asked_for(event: Started | Ended) -> tuple[int, ...]:
    return (event.from_slot_ms, event.interval_ms) if isinstance(event, Started) else ()


def slots_in(conn: Connection, site: str, since_ms: int = RAW_FROM_MS) -> set[int]:
    return kept(rows(conn, STRETCHES, (site,)), since_ms)


def kept(stretches: Iterator[tuple[int, int, int]] | Sequence[tuple[int, ...]], since_ms: int) -> set[int]:
    return {
        slot_ms
        for from_ms, until_ms, interval_ms in stretches
        for slot_ms in range(from_ms, min(until_ms, END_MS), interval_ms)
        if slot_ms >= since_ms
    }


AHEAD: list[Event] = [started("shop", 1, 1, 60, 60_000), ended("shop", 1, 2, -60)]
"""A clock that was ahead by two hours, and put right: the site ended before its first slot."""


def forget(conn: Connection, minute: int) -> None:
    """Forget what is history for good, when all that was said up to a minute is read."""
    execute(conn, "UPDATE sitemon.account SET closed_ms = %s, from_ms = %s", (at_ms(minute) + DAY_MS, FOR_EVER_MS // 2))
    site = forget_history(conn, 1)
    while site:
        site = forget_history(conn, 1, site)


@given(steps(), st.integers(-100, 100), st.data())
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
def test_what_is_said_after_a_part_was_forgotten_asks_for_the_same_slots_as_with_all_of_it(
    database: Connection, said: list[list[Event]], minute: int, data: st.DataObject
) -> None:
    execute(database, EMPTY)
    execute(database, KEPT_FROM, (from_ms(at_ms(-200)),))
    names = Names()
    known = data.draw(st.integers(0, len(said)))
    first, later = joined(said[:known]), joined(said[known:])
    write_notices(database, names, data.draw(st.permutations(first)))
    forget(database, minute)
    for half in (later[::2], later[1::2], first):
        write_notices(database, names, data.draw(st.permutations(half)))
    forget(database, minute)
    for site in SITES:
        assert slots_in(database, site, at_ms(-200)) == slots([*first, *later], site, at_ms(-200))


NAMED_BEFORE_THE_BASE: list[Event] = [
    started("blog", 2, 1, -1, 60_000),
    ended("shop", 3, 1, -1),
    Told(token=3, sequence=2, first=1, at_ms=at_ms(-1)),
    ended("shop", 3, 3, -1),
    ended("shop", 3, 4, 0),
]
"""Read once more, the telling is complete only if what it names counts, which is of before the base."""


@given(steps().map(joined))
@example(AHEAD)
@example(NAMED_BEFORE_THE_BASE)
@example([started("shop", 1, 1, -90, 60_000), Told(token=2, sequence=1, first=1, at_ms=at_ms(-60))])
@example([started("shop", 1, 1, -90, 60_000), started("shop", 1, 2, 30, 90_000), ended("shop", 2, 1, -60)])
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
def test_what_is_forgotten_asks_for_no_slot_whatever_comes_later(database: Connection, said: list[Event]) -> None:
    execute(database, EMPTY)
    execute(database, KEPT_FROM, (from_ms(RAW_FROM_MS),))
    names = Names()
    write_notices(database, names, said)
    forget(database, 0)
    for site in SITES:
        assert slots_in(database, site) == slots(said, site)
    later: list[Event] = [
        started("shop", 9, 1, 70, 240_000, late=1),
        started("blog", 9, 2, 70, 90_000),
        Told(token=9, sequence=3, first=1, at_ms=at_ms(70)),
    ]
    write_notices(database, names, later)
    for site in SITES:
        assert slots_in(database, site) == slots([*said, *later], site)
    # As it is read from Kafka once more.
    write_notices(database, names, said)
    forget(database, 0)
    for site in SITES:
        assert slots_in(database, site) == slots([*said, *later], site)


def test_what_comes_from_before_the_base_is_lost(database: Connection) -> None:
    execute(database, EMPTY)
    execute(database, KEPT_FROM, (from_ms(at_ms(-200)),))
    said: list[Event] = [started("shop", token, 1, minute, 60_000) for token, minute in ((1, -90), (2, -80), (3, -70))]
    write_notices(database, Names(), said)
    forget(database, -60)
    write_notices(database, Names(), [started("shop", 1, 2, -85, 90_000)])
    assert slots_in(database, "shop", at_ms(-200)) == slots(said, "shop", at_ms(-200))
    forget(database, -60)
    assert rows(database, "SELECT token, is_base FROM sitemon.schedule_event") == [(3, True)]


def count(conn: Connection, table: str) -> int:
    return int(rows(conn, f"SELECT count(*) FROM sitemon.{table}")[0][0])  # noqa: S608 - our own names


def test_of_what_holds_for_long_little_is_kept(database: Connection) -> None:
    execute(database, EMPTY)
    execute(database, KEPT_FROM, (from_ms(RAW_FROM_MS),))
    told: list[Event] = []
    for number in range(1, 20):
        told.append(started("shop", number, 1, -100 + number, 60_000))
        told.append(Told(token=number, sequence=2, first=1, at_ms=at_ms(-100 + number)))
    gone: list[Event] = [started("blog", 1, 3, -90, 60_000), ended("blog", 1, 4, -80)]
    marks: list[Reign | Published] = [
        reign(-90, -60),
        reign(-50, 5, token=2),
        Published(publisher="old", up_to_ms=at_ms(-1), made=1),
        Published(publisher="new", up_to_ms=at_ms(1), made=1),
    ]
    write_notices(database, Names(), [*told, *gone, *marks])
    forget(database, 0)
    assert count(database, "schedule_event") == 1
    assert count(database, "telling") <= 1
    assert rows(database, "SELECT until_ms FROM sitemon.schedule_stretch") == [(FOR_EVER_MS,)]
    assert rows(database, "SELECT token FROM sitemon.reign") == [(2,)]
    assert rows(database, "SELECT name FROM sitemon.publisher") == [("new",)]
