"""What complete tellings that do not name a site say of it is read in short, and means the same."""

import random
from collections import defaultdict
from typing import Final
from unittest.mock import Mock

import pytest

from sitemon.model.stretches import Edit, Stretch, order_of, stretches_of
from sitemon.store.connect import Connection
from sitemon.store.edits import Edits
from sitemon.store.names import Names, WatchId
from sitemon.store.schedule import write_notices
from tests.databases import execute, looks_at, rows
from tests.integration.store.events import started

BASE: Final = (Stretch(0, 50, 2, 5), Stretch(51, 2**63 - 1, 3, 5))

EVERY_TELLING: Final = """
    WITH given AS (
        SELECT watch.site_id, watch.region_id, base.token, base.sequence, base.at_ms AS base_ms
        FROM sitemon.watch
        LEFT JOIN sitemon.schedule_event AS base
            ON base.site_id = watch.site_id AND base.region_id = watch.region_id AND base.is_base
    ), told AS (
        SELECT
            token,
            sequence,
            greatest(first, lag(sequence) OVER (PARTITION BY token ORDER BY sequence) + 1) AS first,
            at_ms
        FROM sitemon.telling
        WHERE is_complete
    )
    SELECT site_id, region_id, event.token, event.sequence, at_ms, from_ms, interval_ms, patience_ms
    FROM sitemon.schedule_event AS event
    JOIN given USING (site_id, region_id)
    WHERE given.token IS NULL OR (event.token, event.sequence, at_ms) >= (given.token, given.sequence, base_ms)
    UNION ALL
    SELECT site_id, region_id, told.token, told.sequence, at_ms, NULL, NULL, NULL
    FROM told
    CROSS JOIN given
    WHERE (given.token IS NULL OR (told.token, told.sequence) > (given.token, given.sequence))
        AND NOT EXISTS (
            SELECT
            FROM sitemon.schedule_event AS event
            WHERE event.site_id = given.site_id
                AND event.region_id = given.region_id
                AND event.token = told.token
                AND event.sequence >= told.first
                AND event.sequence <= told.sequence
        )
"""
"""What edits must mean: the events of each site, and each telling that does not name it."""


@pytest.fixture(autouse=True)
def _sites(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [started(0, site=site) for site in ("shop", "blog", "wiki")])


def test_tellings_that_do_not_name_a_site_are_one_edit_of_it_between_two_events(conn: Connection) -> None:
    execute(
        conn,
        "INSERT INTO sitemon.telling (token, sequence, first, at_ms, is_complete) "
        "SELECT 2, number, number, 1000 - number, true FROM generate_series(1, 100) AS number",
    )
    edits = edits_of(conn).of_watches
    assert [len(own) for own in edits.values()] == [2, 2, 2]
    assert all(max(own, key=order_of)[:3] == (2, 100, 900) for own in edits.values())


@pytest.mark.parametrize("seed", range(4))
def test_they_mean_what_each_of_them_means(conn: Connection, seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(20):
        make_history(conn, rnd)
        every: dict[WatchId, list[Edit]] = defaultdict(list)
        for site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, patience_ms in rows(conn, EVERY_TELLING):
            every[site_id, region_id].append(Edit(token, sequence, at_ms, from_ms, interval_ms or 0, patience_ms or 0))
        with_base = set(rows(conn, "SELECT site_id, region_id FROM sitemon.schedule_event WHERE is_base"))
        edits = edits_of(conn)
        assert set(edits.of_watches) == set(every)
        for watch, own in every.items():
            assert edits.wanted(watch, BASE) == stretches_of(own, BASE if watch in with_base else ())
            assert max(edits.of_watches[watch], key=order_of)[:2] == max(own, key=order_of)[:2]


def make_history(conn: Connection, rnd: random.Random) -> None:
    """Make up events, some of which are bases, and tellings; many of them at once or with the same numbers."""
    execute(conn, "DELETE FROM sitemon.schedule_event")
    execute(conn, "DELETE FROM sitemon.telling")
    for site_id, region_id in watches(conn):
        for number in range(rnd.randint(0, 6)):
            interval_ms = rnd.choice([None, 2, 3])
            at_ms, from_ms = rnd.randint(1, 40), None if interval_ms is None else rnd.randint(1, 60)
            execute(
                conn,
                "INSERT INTO sitemon.schedule_event (site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, "
                "patience_ms, is_base) VALUES (%s, %s, %s, %s, %s, %s, %s, 5, %s) ON CONFLICT DO NOTHING",
                (
                    *(site_id, region_id, rnd.randint(1, 2), rnd.randint(1, 5), at_ms, from_ms, interval_ms),
                    number == 0 and rnd.random() < 0.4,
                ),
            )
    for _ in range(rnd.randint(1, 8)):
        sequence = rnd.randint(1, 6)
        execute(
            conn,
            "INSERT INTO sitemon.telling (token, sequence, first, at_ms, is_complete) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (rnd.randint(1, 3), sequence, rnd.randint(1, sequence), rnd.randint(1, 40), rnd.random() < 0.8),
        )


def watches(conn: Connection) -> list[WatchId]:
    return [
        (site_id, region_id)
        for site_id, region_id in rows(conn, "SELECT site_id, region_id FROM sitemon.watch ORDER BY 1, 2")
    ]


def edits_of(conn: Connection) -> Edits:
    edits, all_of_them = Edits(), watches(conn)
    with conn, conn.cursor() as cursor:
        edits.read(cursor, all_of_them)
    return edits


def test_they_are_read_once_for_all_slices(conn: Connection) -> None:
    edits = edits_of(conn)
    nobody_asks = Mock(spec_set=[])
    edits.read(nobody_asks, watches(conn))
    assert set(edits.of_watches) == set(watches(conn))


def test_each_event_of_a_site_is_read_a_few_times(conn: Connection) -> None:
    events = 8_000
    execute(
        conn,
        "INSERT INTO sitemon.schedule_event "
        "(site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, patience_ms) "
        "SELECT site_id, region_id, 2, number, number, number, 1000, 5000 "
        "FROM (SELECT * FROM sitemon.watch LIMIT 1) AS watch, generate_series(1, %s) AS number",
        (events,),
    )
    before = looks_at(conn, "schedule_event")
    assert max(map(len, edits_of(conn).of_watches.values())) >= events
    assert looks_at(conn, "schedule_event") - before < 4 * events
