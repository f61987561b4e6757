"""Tellings that wait for events are few, however many are said: each event of their token looks at all of them."""

import logging
import random
from typing import Any

import pytest
from msgspec.structs import replace

from sitemon.model.schedule import Told
from sitemon.store import schedule as module
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import execute, looks_at, rows
from tests.integration.store.events import at_ms, started, told

TOKEN = 7
MOST = 10


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", MOST)
    monkeypatch.setattr(module, "_FORGOTTEN_AT_ONCE", 100)


def forged(number: int) -> Told:
    """One for which events would have to come that nobody says."""
    return told(1, token=TOKEN, first=1, sequence=1_000 + number)


def waiting(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "SELECT token, sequence FROM sitemon.telling WHERE NOT is_complete ORDER BY 1, 2")


def test_of_very_many_the_newest_stay(conn: Connection, names: Names, caplog: pytest.LogCaptureFixture) -> None:
    write_notices(conn, names, [forged(number) for number in range(250)])
    with caplog.at_level(logging.WARNING):
        write_notices(conn, names, [started(0)])
    assert waiting(conn) == [(TOKEN, 1_000 + number) for number in range(250 - MOST, 250)]
    assert [record.message for record in caplog.records] == [
        f"reconciler.tellings_forgotten: {250 - MOST}, beside the {MOST} that wait for events"
    ]


def test_an_event_looks_at_few_however_many_came_before(conn: Connection, names: Names) -> None:
    event = replace(started(0), token=TOKEN, sequence=1)
    for number in range(3):
        write_notices(conn, names, [forged(number * 500 + each) for each in range(500)])
        write_notices(conn, names, [event])
    before = looks_at(conn, "telling")
    write_notices(conn, names, [replace(event, sequence=2)])
    assert looks_at(conn, "telling") - before <= 10 * MOST


def test_one_whose_events_are_there_counts_however_many_come_with_it(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [forged(number) for number in range(50)])
    write_notices(conn, names, [replace(started(0), token=TOKEN, sequence=1)])
    tellings = [forged(number) for number in range(50, 100)]
    write_notices(conn, names, [*tellings[:20], told(2, token=TOKEN, first=1, sequence=2), *tellings[20:]])
    assert rows(conn, "SELECT token, sequence FROM sitemon.telling WHERE is_complete") == [(TOKEN, 2)]


def test_one_that_waited_counts_once_its_events_are_there(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [told(2, token=TOKEN, first=1, sequence=3), *map(forged, range(MOST - 1))])
    for number in (1, 2):
        assert rows(conn, "SELECT FROM sitemon.telling WHERE is_complete") == []
        write_notices(conn, names, [replace(started(0), token=TOKEN, sequence=number)])
    assert rows(conn, "SELECT token, sequence FROM sitemon.telling WHERE is_complete") == [(TOKEN, 3)]


@pytest.mark.parametrize("seed", range(4))
def test_those_count_of_whose_numbers_there_are_as_many_events(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rnd = random.Random(seed)
    monkeypatch.setattr(module, "_MOST_WAITING", 1_000)
    write_notices(conn, names, [started(0)])
    monkeypatch.setattr(module, "fold", lambda _: None)
    for _ in range(20):
        execute(conn, "DELETE FROM sitemon.telling; DELETE FROM sitemon.schedule_event")
        events = [(rnd.randint(1, 2), rnd.randint(1, 8)) for _ in range(rnd.randint(0, 20))]
        for moment, (token, number) in enumerate(events):
            execute(
                conn,
                "INSERT INTO sitemon.schedule_event (site_id, region_id, token, sequence, at_ms) "
                "SELECT site_id, region_id, %s, %s, %s FROM sitemon.watch",
                (token, number, moment),
            )
        tellings = {(rnd.randint(1, 3), rnd.randint(1, 10)): rnd.choice([0, 1, 2, 3, 5, 9]) for _ in range(12)}
        tellings[2, 2**63 - 1] = 0
        write_notices(
            conn,
            names,
            [
                Told(token=token, sequence=last, first=first, at_ms=at_ms(0))
                for (token, last), first in tellings.items()
            ],
        )
        assert set(rows(conn, "SELECT token, sequence FROM sitemon.telling WHERE is_complete")) == {
            (token, last)
            for (token, last), first in tellings.items()
            if first <= last and sum(one == token and first <= number < last for one, number in events) == last - first
        }
