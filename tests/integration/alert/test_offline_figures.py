"""What an offline region could not reach is nowhere a finding about a site: it was not looked at."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from sitemon.alert import regions
from sitemon.model.counts import Counts
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.connectivity import Connectivity
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.names import Names
from sitemon.store.page import PresentReader
from sitemon.store.page_site import Source, Stretch, read_parts
from sitemon.store.rebuild import rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import write_notices
from sitemon.store.silence import take_silences
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from sitemon.web.sites import state_of
from tests.databases import checksums, close_account, open_account, rows
from tests.integration.alert.scene import Scene, minute_of
from tests.integration.store.events import ended, started
from tests.results import MINUTE, a_result, this_hour

HOUR = timedelta(hours=1)
START = this_hour() - 30 * HOUR
"""So that a day ends since then."""
SITES = [f"site-{n}" for n in range(8)]
FIELDS: dict[str, dict[str, Any]] = {
    "u": {"latency_s": 0.1},
    "d": {"outcome": Outcome.DOWN, "latency_s": 1.0},
    "e": {"outcome": Outcome.DOWN, "latency_s": 0.1, "reason": Reason.HTTP_STATUS, "http_code": 503},
}


def at(minute: float) -> datetime:
    return START + minute * MINUTE


def results(letters: str, first: int = 0) -> list[Result]:
    """Return a result every ten minutes; ``e`` is an answer that is an error, ``d`` none within a second."""
    return [
        a_result(slot_at=at(first + 10 * place), **FIELDS[letter])
        for place, letter in enumerate(letters)
        if letter != " "
    ]


def offline(conn: Connection, from_minute: float) -> None:
    with conn, conn.cursor() as cursor:
        Connectivity(cursor).be_alone()
        assert Connectivity(cursor).begin("default", at(from_minute))


def online(conn: Connection, until_minute: float) -> None:
    with conn, conn.cursor() as cursor:
        Connectivity(cursor).be_alone()
        assert Connectivity(cursor).end("default", at(until_minute))


def roll_up_all(conn: Connection) -> None:
    close_account(conn, this_hour())
    roll_up(Steps(conn), this_hour())


def hours(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "SELECT up, down, missed, maintenance FROM sitemon.uptime_hourly ORDER BY hour_at")


def checks(conn: Connection) -> list[int]:
    """Return how many checks have a latency: of each hour, and of all days."""
    by_hours = rows(conn, "SELECT sum(checks) FROM sitemon.latency_hourly GROUP BY hour_at ORDER BY hour_at")
    return [count for (count,) in by_hours + rows(conn, "SELECT sum(checks) FROM sitemon.latency_daily")]


@pytest.fixture
def recorded(conn: Connection, names: Names) -> Connection:
    """Two hours: from the minute 50 to 90 nothing is reached, but for one answer in the midst."""
    open_account(conn, START)
    write_batch(conn, names, results("uuuuud" + "deduuu"))
    return conn


@pytest.mark.parametrize("moment", ["before it was offline", "while it was offline", "after it was offline", "never"])
def test_it_counts_as_missed_whenever_hours_are_rolled_up(recorded: Connection, moment: str) -> None:
    if moment == "before it was offline":
        roll_up_all(recorded)
        assert hours(recorded) == [(5, 1, 0, 0), (3, 3, 0, 0)]
    offline(recorded, 45)
    assert hours(recorded) == [(5, 0, 1, 0), (3, 1, 2, 0)]
    if moment == "while it was offline":
        roll_up_all(recorded)
    online(recorded, 75)
    if moment == "after it was offline":
        roll_up_all(recorded)
    assert hours(recorded) == [(5, 0, 1, 0), (3, 2, 1, 0)]
    assert checks(recorded) == [5, 5, 10]
    if moment != "never":
        before = checksums(recorded)
        rebuild(recorded, START, lambda _: None)
        assert checksums(recorded) == before


def test_what_comes_late_of_a_region_that_was_offline_counts_as_missed(recorded: Connection, names: Names) -> None:
    offline(recorded, 45)
    online(recorded, 75)
    roll_up_all(recorded)
    write_batch(recorded, names, results("de d", first=55))
    assert hours(recorded) == [(5, 0, 2, 0), (3, 4, 1, 0)]
    assert checks(recorded) == [5, 7, 12]
    before = checksums(recorded)
    rebuild(recorded, START, lambda _: None)
    assert checksums(recorded) == before


def test_in_a_window_of_maintenance_it_counts_there(recorded: Connection) -> None:
    roll_up_all(recorded)
    declare(recorded, Declaration(at(60), at(80), ["shop"]))
    offline(recorded, 45)
    assert hours(recorded) == [(5, 0, 1, 0), (3, 0, 1, 2)]
    before = checksums(recorded)
    rebuild(recorded, START, lambda _: None)
    assert checksums(recorded) == before


def test_the_page_counts_single_results_in_the_same_way(recorded: Connection) -> None:
    offline(recorded, 45)
    online(recorded, 75)
    for source in (Source.RAW, Source.HOUR):
        first, second = read_parts(recorded, "shop", Stretch(source, START, 3600, 2), with_phases=True)
        assert first is not None
        assert second is not None
        assert (first.counts, second.counts) == (Counts(up=5, missed=1), Counts(up=3, down=2, missed=1))
        assert (sum(first.histogram.values()), sum(second.histogram.values())) == (5, 5)
    counts_as = "SELECT counts_as FROM sitemon.results WHERE outcome = 'down' ORDER BY slot_at"
    assert [word for (word,) in rows(recorded, counts_as)] == ["missed", "missed", "down", "down"]


@pytest.fixture
def _looked_at_each_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions are looked at each time, which those in the schedule are, though it has no site any more."""
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    for region in "default", "eu":
        events = started(-2, site="taken out", region=region), ended(-1, site="taken out", region=region)
        write_notices(scene.conn, scene.names, events)


def arrive(scene: Scene, letters: str, sites: list[str] = SITES, start: float = 0, region: str = "default") -> None:
    for slot in zip(*(scene.results(letters, start, site, region) for site in sites), strict=True):
        scene.arrive(*slot)


def shown(scene: Scene, site: str) -> tuple[str, float | None]:
    """Return how the page shows a site, and since when."""
    state, since = state_of([watch for watch in PresentReader().read(scene.conn).watches if watch.site == site])
    return state, minute_of(since)


@pytest.mark.usefixtures("_looked_at_each_time")
def test_its_sites_are_unknown_until_they_are_seen_again(scene: Scene) -> None:
    arrive(scene, "uuddd")
    assert {shown(scene, site) for site in SITES} == {("unknown", 2)}
    assert all(watch.is_region_offline for watch in PresentReader().read(scene.conn).watches)
    with take_silences(scene.conn) as silences:
        assert silences.lasting([]) == []
    arrive(scene, "uu", SITES[1:], start=5)
    arrive(scene, "ddd", SITES[:1], start=5)
    assert scene.incidents == [(5, None)]
    assert shown(scene, "site-0") == ("down", 5)
    assert shown(scene, "site-1") == ("up", 5)
    assert not any(watch.is_region_offline for watch in PresentReader().read(scene.conn).watches)


@pytest.mark.usefixtures("_looked_at_each_time")
def test_what_other_regions_see_holds(scene: Scene) -> None:
    for minute, letter in enumerate("uddd"):
        arrive(scene, letter, start=minute, region="eu")
        arrive(scene, "u", SITES[:1], start=minute, region="us")
    assert shown(scene, "site-0") == ("up", 0)
    assert shown(scene, "site-1") == ("unknown", 1)


@pytest.mark.usefixtures("_looked_at_each_time")
def test_a_site_that_was_down_before_is_unknown_meanwhile_and_down_since_then(scene: Scene) -> None:
    first = {"reason": Reason.HTTP_STATUS, "http_code": 503}
    arrive(scene, "u", start=-21)
    for minute in range(-20, -17):
        scene.arrive(
            *scene.results("u", minute, "site-1"), a_result("shop", minute=minute, outcome=Outcome.DOWN, **first)
        )
    assert (scene.incidents, shown(scene, "shop")) == ([(-20, None)], ("down", -20))
    arrive(scene, "dd", [*SITES, "shop"], start=4)
    assert (scene.incidents, shown(scene, "shop")) == ([(-20, None)], ("unknown", 4))
    arrive(scene, "u", SITES, start=6)
    scene.arrive(a_result("shop", minute=6, outcome=Outcome.DOWN, **first))
    assert (scene.incidents, shown(scene, "shop")) == ([(-20, None)], ("down", -20))
