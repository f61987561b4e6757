"""However far back events reach, they change so many closed slots of a site, and the account stays even."""

import logging
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from sitemon import clock
from sitemon.model.schedule import Told
from sitemon.model.stretches import FOR_EVER_MS
from sitemon.store import fold as module
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import Notice, write_notices
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.events import at, at_ms, away, ended, reign, started, told
from tests.integration.store.test_slices import UNEVEN

MOST = 50
MOST_OF_ALL = 10 * MOST
A_PART_SPENT_MS = 1_000 * (MOST_OF_ALL - MOST)
ROWS = "SELECT site, slot_at, checked_at FROM sitemon.results WHERE outcome = 'missed'"
EVERY_SECOND = started(0, 1, "new", patience_s=1)
BEYOND_ALL = replace(EVERY_SECOND, at_ms=1, from_slot_ms=2, token=2**63 - 1, sequence=2**63 - 1)


@pytest.fixture(autouse=True)
def _account(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site has had a slot a minute for hours, and all of them are derived."""
    open_account(conn, at(-1))
    write_notices(conn, names, [reign(-60, 500), started(0)])
    close_account(conn, clock.utc_now())
    monkeypatch.setattr(module, "MOST_CLOSED_SLOTS", MOST)
    monkeypatch.setattr(module, "MOST_CHANGES", MOST_OF_ALL)


def slots(conn: Connection) -> set[tuple[str, object]]:
    """The closed slots of all sites that have a derived row."""
    return set(rows(conn, "SELECT site, slot_at FROM sitemon.results WHERE outcome = 'missed'"))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([EVERY_SECOND], id="a site that began hours ago"),
        pytest.param([BEYOND_ALL], id="since 1970, by the largest numbers"),
        pytest.param([BEYOND_ALL, away(-1e7, 200)], id="since 1970, and nobody was there"),
        pytest.param([replace(EVERY_SECOND, at_ms=started(290).at_ms)], id="said today, of hours ago"),
        pytest.param([started(0, 1, patience_s=1, said=1)], id="another interval since hours ago"),
        pytest.param([ended(1)], id="the end of a site hours ago"),
        pytest.param([told(1, first=1)], id="a telling that names nothing"),
        pytest.param([replace(started(5, 90), at_ms=1)], id="one that undoes all before"),
    ],
)
def test_an_event_changes_so_many_closed_slots_at_most(conn: Connection, names: Names, events: list[Notice]) -> None:
    before = slots(conn)
    write_notices(conn, names, events)
    changed = slots(conn) ^ before
    assert 0 < len(changed) <= 2 * MOST  # those of the interval before go, and those of the new one come
    assert rows(conn, UNEVEN) == [(0, 0, 0)]
    assert rows(conn, "SELECT count(*) < 100 FROM sitemon.away_hour") == [(True,)]


def test_what_an_event_may_change_it_changes_once(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [EVERY_SECOND])
    before = rows(conn, "SELECT * FROM sitemon.schedule_stretch ORDER BY 1, 2, 3")
    again = replace(EVERY_SECOND, at_ms=EVERY_SECOND.at_ms + 1, sequence=EVERY_SECOND.sequence + 1)
    write_notices(conn, names, [again])
    assert rows(conn, "SELECT * FROM sitemon.schedule_stretch ORDER BY 1, 2, 3") == before


def toggled(number: int) -> Notice:
    """The site has a slot a second since hours ago, with one patience or another: all its rows are derived anew."""
    return replace(EVERY_SECOND, sequence=EVERY_SECOND.sequence + number, patience_ms=1_000 + number % 2)


def changed_by(conn: Connection, names: Names, events: Sequence[Notice]) -> list[int]:
    """Let the events come one by one; return how many rows each derives or deletes."""
    changes = []
    before = set(rows(conn, ROWS))
    for event in events:
        write_notices(conn, names, [event])
        after = set(rows(conn, ROWS))
        changes.append(len(before ^ after))
        before = after
    return changes


def test_a_hundred_events_of_a_site_together_change_so_many(conn: Connection, names: Names) -> None:
    changes = changed_by(conn, names, [toggled(number) for number in range(20)])
    assert MOST_OF_ALL - 2 * MOST <= sum(changes) <= MOST_OF_ALL + 2 * MOST
    before = rows(conn, ROWS)
    for number in range(20, 100):
        write_notices(conn, names, [toggled(number)])
    assert rows(conn, ROWS) == before
    assert rows(conn, UNEVEN) == [(0, 0, 0)]


def test_a_site_that_was_left_alone_for_a_while_may_be_changed_again(conn: Connection, names: Names) -> None:
    changed_by(conn, names, [toggled(number) for number in range(20)])
    execute(conn, "UPDATE sitemon.watch SET budget_full_ms = closed_ms + %s FROM sitemon.account", (A_PART_SPENT_MS,))
    changes = changed_by(conn, names, [toggled(20), toggled(21), toggled(22)])
    assert MOST <= sum(changes) <= 4 * MOST
    assert rows(conn, UNEVEN) == [(0, 0, 0)]


def test_one_site_does_not_use_up_what_another_may_have_changed(conn: Connection, names: Names) -> None:
    changed_by(conn, names, [toggled(number) for number in range(20)])
    (changes,) = changed_by(conn, names, [replace(EVERY_SECOND, site="other")])
    assert MOST - 2 <= changes <= MOST  # the youngest ones are still waited for


def test_a_telling_with_the_number_of_an_event_holds_up_nothing_that_follows(conn: Connection, names: Names) -> None:
    begun = started(5, site="blog")
    forged = Told(token=begun.token, sequence=begun.sequence, first=begun.sequence, at_ms=begun.at_ms)
    write_notices(conn, names, [begun, forged])
    write_notices(conn, names, [started(6, site="wiki")])
    assert rows(conn, "SELECT count(*) FROM sitemon.changed_watch") == [(0,)]
    assert {"blog", "wiki"} <= {site for site, _ in slots(conn)}
    assert rows(conn, UNEVEN) == [(0, 0, 0)]


def test_tellings_that_are_never_complete_take_time_by_their_number(conn: Connection, names: Names) -> None:
    """They would take that times the number of events, with each message of the leader whose token they bear."""
    execute(
        conn,
        "INSERT INTO sitemon.schedule_event (site_id, region_id, token, sequence, at_ms) "
        "SELECT site_id, region_id, 7, number, %s FROM sitemon.watch CROSS JOIN generate_series(1, 10000) AS number",
        (at_ms(0),),
    )
    execute(
        conn,
        "INSERT INTO sitemon.telling (token, sequence, first, at_ms) "
        "SELECT 7, 20000 + number, 1, %s FROM generate_series(1, 10000) AS number",
        (at_ms(0),),
    )
    began_s = clock.monotonic_s()
    write_notices(conn, names, [replace(told(1, token=8), first=1, sequence=2), told(1, token=7, sequence=10_001)])
    assert clock.monotonic_s() - began_s < 10
    assert rows(conn, "SELECT token, sequence FROM sitemon.telling WHERE is_complete") == [(7, 10_001)]


@pytest.fixture
def _many_sites(conn: Connection, names: Names) -> None:
    """A thousand sites have slots, of which none is due yet."""
    write_notices(conn, names, [started(900, site=f"site-{number}") for number in range(1_000)])


@pytest.mark.usefixtures("_many_sites")
def test_complete_tellings_that_name_nobody_take_time_by_their_number(conn: Connection, names: Names) -> None:
    """They would take that times the number of sites, each time that events come."""
    execute(
        conn,
        "INSERT INTO sitemon.telling (token, sequence, first, at_ms, is_complete) "
        "SELECT 7, number, number, %s, true FROM generate_series(1, 100000) AS number",
        (at_ms(1_000),),
    )
    began_s = clock.monotonic_s()
    write_notices(conn, names, [told(999, token=7, sequence=100_001, first=100_001)])
    assert clock.monotonic_s() - began_s < 15
    until_ms = "SELECT DISTINCT until_ms FROM sitemon.schedule_stretch WHERE from_ms = %s"
    assert rows(conn, until_ms, (at_ms(900),)) == [(at_ms(999) + 1,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.changed_watch") == [(0,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.telling") == [(10_000,)]


@pytest.mark.parametrize(
    ("minutes", "kept"),
    [
        pytest.param([0, 1, 2, 60, 120], [2, 60, 120], id="those just before another go"),
        pytest.param([10, 0, 9, 0, 8, 0, 60, 120], [0, 60, 120], id="so do those that say later what another says"),
        pytest.param([-1e7, -9e6, -8e6, -7e6, 0, 60, 130], [0, 60, 130], id="and those of before the rows"),
    ],
)
def test_of_very_many_complete_tellings_those_stay_that_hold_the_longest(
    conn: Connection,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    minutes: list[float],
    kept: list[float],
) -> None:
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(-1),))
    monkeypatch.setattr("sitemon.store.schedule._MOST_TELLINGS", len(kept))
    with caplog.at_level(logging.WARNING):
        for token, minute in enumerate(minutes, 2):
            write_notices(conn, names, [told(minute, token=token)])
    assert rows(conn, "SELECT at_ms FROM sitemon.telling ORDER BY token") == [(at_ms(minute),) for minute in kept]
    forgotten = [record.message.split(",")[0] for record in caplog.records]
    assert forgotten == ["reconciler.tellings_forgotten: 1"] * (len(minutes) - len(kept))


def test_what_a_forgotten_telling_ended_ends_with_the_next_one(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.store.schedule._MOST_TELLINGS", 2)
    write_notices(conn, names, [started(900, site="blog")])
    write_notices(conn, names, [told(minute, token=token) for token, minute in enumerate((950, 951, 999), 2)])
    until_ms = "SELECT until_ms FROM sitemon.schedule_stretch WHERE from_ms = %s"
    assert rows(conn, until_ms, (at_ms(900),)) == [(at_ms(951) + 1,)]


@pytest.mark.usefixtures("_many_sites")
def test_tellings_that_come_together_are_looked_at_together(conn: Connection, names: Names) -> None:
    """Each would look at each site."""
    began_s = clock.monotonic_s()
    write_notices(conn, names, [told(1_000, token=7, sequence=number, first=number) for number in range(1, 5_001)])
    assert clock.monotonic_s() - began_s < 30
    assert rows(conn, "SELECT count(*) FROM sitemon.telling WHERE is_complete") == [(5_000,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.changed_watch") == [(0,)]


@pytest.mark.parametrize(
    ("sites", "tellings", "unnamed"),
    [
        pytest.param({1: "blog", 2: "blog", 3: "wiki"}, [(1, 4)], {"shop"}, id="one names two of them"),
        pytest.param({1: "blog", 3: "wiki"}, [(1, 2), (3, 4)], {"shop", "blog", "wiki"}, id="each of two names one"),
        pytest.param({1: "blog"}, [(1, 2), (3, 3)], {"shop", "blog"}, id="the second names none"),
        pytest.param({1: "blog", 3: "blog"}, [(1, 2), (4, 4)], {"shop", "blog"}, id="one is named between them"),
        pytest.param({1: "blog", 3: "blog"}, [(1, 2), (3, 4)], {"shop"}, id="both name one"),
    ],
)
def test_sites_are_looked_at_again_that_not_each_telling_names(
    conn: Connection,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
    *,
    sites: dict[int, str],
    tellings: list[tuple[int, int]],
    unnamed: set[str],
) -> None:
    write_notices(
        conn, names, [replace(started(900, site=site), token=7, sequence=number) for number, site in sites.items()]
    )
    monkeypatch.setattr("sitemon.store.schedule.fold", lambda _: None)
    write_notices(conn, names, [told(1_000, token=7, first=first, sequence=number) for first, number in tellings])
    assert rows(conn, "SELECT count(*) FROM sitemon.telling WHERE is_complete") == [(len(tellings),)]
    changed = rows(conn, "SELECT name FROM sitemon.changed_watch JOIN sitemon.site USING (site_id)")
    assert {site for (site,) in changed} == unnamed


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_tellings_that_overlap_either_may_come_first(conn: Connection, names: Names, order: tuple[int, int]) -> None:
    """No leader makes them. Of the second, only what is beyond the first counts, which is no word of the wiki."""
    said = enumerate(["blog", "wiki", "blog", "blog"], 1)
    write_notices(conn, names, [replace(started(900, site=site), token=7, sequence=number) for number, site in said])
    tellings = [told(999, token=7, first=1, sequence=3), told(1_000, token=7, first=2, sequence=5)]
    for place in order:
        write_notices(conn, names, [tellings[place]])
    assert rows(conn, "SELECT count(*) FROM sitemon.telling WHERE is_complete") == [(2,)]
    stretches = (
        "SELECT name, until_ms FROM sitemon.schedule_stretch JOIN sitemon.site USING (site_id) WHERE name <> 'shop'"
    )
    assert dict(rows(conn, stretches)) == {"blog": FOR_EVER_MS, "wiki": at_ms(1_000) + 1}
