"""However events come, and wherever a fold is broken off, a site's stretches are what all its events ask for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.marks import Reign
from sitemon.model.schedule import Ended, Started, Told
from sitemon.model.stretches import FOR_EVER_MS, Edit, Stretch, stretches_of
from sitemon.model.tellings import Telling, Tellings
from sitemon.store import fold, schedule
from sitemon.store.account import close, light
from sitemon.store.connect import Connection, connect
from sitemon.store.edits import Edits
from sitemon.store.names import Names, WatchId
from sitemon.store.write import prepare_session
from tests.databases import execute, fresh_database, rows
from tests.integration.store.test_any_order import EMPTY, SITES, START_MS

LASTS_S: Final = 600
END_MS: Final = START_MS + 2 * LASTS_S * 1_000
LATEST_MS: Final = 120_000
STRETCHES: Final = """
SELECT from_ms, until_ms, interval_ms, patience_ms
FROM sitemon.schedule_stretch JOIN sitemon.site USING (site_id)
WHERE name = %s
ORDER BY from_ms
"""
DERIVED: Final = """
SELECT sitemon.to_ms(slot_at) FROM sitemon.result JOIN sitemon.site USING (site_id) WHERE name = %s ORDER BY 1
"""

Event = Started | Ended | Told


class Batch(NamedTuple):
    """Events that come together; `transactions`: their fold is broken off after so many. None: it is not."""

    events: Sequence[Event]
    transactions: int | None


class Close(NamedTuple):
    """The account is closed up to a moment, and what is known for long enough then may be forgotten."""

    at_ms: int
    forgets: bool


class History(NamedTuple):
    """What was said, and how it came to the recorder."""

    events: Sequence[Event]
    steps: Sequence[Batch | Close]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Where history is forgotten, clocks only go on, and nothing comes so late that it counts as lost."""
    forgets = draw(st.booleans())
    events = draw(schedules(is_in_order=forgets))
    left: list[Event] = draw(st.permutations(events)) if draw(st.booleans()) else list(events)
    if events and not forgets:
        left += draw(st.lists(st.sampled_from(events), max_size=4))
    steps: list[Batch | Close] = []
    while left:
        count = draw(st.integers(1, 4))
        steps.append(Batch(left[:count], draw(st.sampled_from([None, None, None, 0, 1, 3]))))
        left = left[count:]
        if draw(st.integers(0, 2)) == 0:
            latest_ms = min((one.at_ms + LATEST_MS for one in left), default=END_MS) if forgets else END_MS
            steps.append(Close(min(latest_ms, START_MS + 1_000 * draw(st.integers(0, LASTS_S))), forgets))
    return History(events, steps)


@st.composite
def schedules(draw: st.DrawFn, *, is_in_order: bool) -> list[Event]:
    said: list[Event] = []
    at_s = draw(st.integers(0, 100))
    for token in range(1, draw(st.integers(1, 3)) + 1):
        sequence = 1
        for _ in range(draw(st.integers(1, 5))):
            at_s = at_s + draw(st.integers(0, 120)) if is_in_order else draw(st.integers(0, LASTS_S))
            first = sequence
            for site in draw(st.lists(st.sampled_from(SITES), max_size=2, unique=True)):
                said.append(draw(changes(site, token, sequence, at_s)))
                sequence += 1
            if draw(st.integers(0, 2)) == 0:
                said.append(Told(token=token, sequence=sequence, first=first, at_ms=START_MS + at_s * 1_000))
                sequence += 1
    return said


@st.composite
def changes(draw: st.DrawFn, site: str, token: int, sequence: int, at_s: int) -> Event:
    at_ms = START_MS + at_s * 1_000
    said: dict[str, Any] = {"site": site, "region": "default", "token": token, "sequence": sequence, "at_ms": at_ms}
    if draw(st.integers(0, 3)) == 0:
        return Ended(**said)
    interval_s, late_s = draw(st.sampled_from([10, 15, 20])), draw(st.sampled_from([0, 0, 0, 25, 60, 300]))
    return Started(
        **said,
        interval_ms=interval_s * 1_000,
        from_slot_ms=START_MS + ((at_s - late_s) // interval_s + 1) * interval_s * 1_000,
        patience_ms=draw(st.sampled_from([20_000, 30_000])),
    )


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Connection]:
    with (
        fresh_database(postgres_server, admin, template) as owner,
        closing(connect(postgres_server, owner, application_name="test")) as conn,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Small slices, so that there are several of them.
        patch.setattr(fold, "_WATCHES_AT_ONCE", 1)
        patch.setattr(fold, "_SLOTS_AT_ONCE", 5)
        patch.setattr(schedule, "_LATEST_MS", LATEST_MS)
        patch.setattr(schedule, "_FEW_SLOTS", 20)
        prepare_session(conn)
        execute(conn, "SET synchronous_commit = off")
        yield conn


def deliver(conn: Connection, steps: Sequence[Batch | Close]) -> None:
    execute(conn, EMPTY, {"start": START_MS})
    names = Names()
    schedule.write_notices(conn, names, [Reign(token=1, from_ms=START_MS - 600_000, until_ms=END_MS)])
    for step in steps:
        if isinstance(step, Batch) and step.transactions is None:
            schedule.write_notices(conn, names, step.events)
        elif isinstance(step, Batch):
            schedule._write(conn, names, step.events, {})
            fold_some(conn, step.transactions or 0)
        else:
            # Whoever takes up the work folds first.
            fold.fold(conn)
            close(conn, step.at_ms)
            last_site = 0
            while step.forgets and (last_site := schedule.forget_history(conn, 1, last_site)):
                pass
    fold.fold(conn)
    close(conn, END_MS)
    while light(conn, 600_000):
        pass


def fold_some(conn: Connection, transactions: int) -> None:
    until_ms: int | None = FOR_EVER_MS
    edits, changed = Edits(), Counter[WatchId]()
    while transactions and until_ms is not None:
        with conn, conn.cursor() as cursor:
            until_ms = fold._fold_part(cursor, fold._AtOnce(1, 5), until_ms, changed, edits)
        transactions -= 1


@pytest.mark.timeout(600)
@given(histories())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_stretches_and_rows_are_what_all_events_ask_for(database: Connection, history: History) -> None:
    deliver(database, history.steps)
    for site in SITES:
        asked_for = stretches(history.events, site)
        assert rows(database, STRETCHES, (site,)) == [tuple(one) for one in asked_for]
        assert [slot_ms for (slot_ms,) in rows(database, DERIVED, (site,))] == sorted(
            slot_ms
            for one in asked_for
            for slot_ms in range(one.from_ms, min(one.until_ms, END_MS - one.patience_ms + 1), one.interval_ms)
            if slot_ms >= START_MS
        )


def stretches(events: Sequence[Event], site: str) -> list[Stretch]:
    own = [
        Edit(one.token, one.sequence, one.at_ms, *asked)
        for one in events
        if not isinstance(one, Told) and one.site == site
        for asked in [(one.from_slot_ms, one.interval_ms, one.patience_ms) if isinstance(one, Started) else ()]
    ]
    told = sorted(Telling(one.token, one.first, one.sequence, one.at_ms) for one in events if isinstance(one, Told))
    return stretches_of([*own, *Tellings(told).unnamed(own, is_all=True)])
