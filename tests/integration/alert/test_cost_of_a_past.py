"""What a decision reads follows from what is new, whatever a site did before: nobody else waits for its past."""

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import begun, decide
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules
from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row, in_order
from sitemon.model.alerts import Audience
from sitemon.model.result import Result
from sitemon.store import deciding
from sitemon.store.incident import Taken
from tests.databases import execute, rows
from tests.integration.alert.scene import OUTCOMES, Scene
from tests.results import MINUTE, a_result

T = TypeVar("T")

MINUTES = 700
"""More rows, one a second, than are folded again each time."""

PATTERNS = ("ud", "uuuuuud", "u" * 18 + "ddd", "ddddduu", "um", "uuuugd", "u" * 30 + "d")
"""What sites show, minute by minute, but for further failures now and then."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were read, each time."""
    found: list[int] = []

    def counted(taken: Taken, *given: Any) -> tuple[dict[int, list[Row]], dict[int, datetime]]:
        by_site, full_at = read_rows(taken, *given)
        found.append(sum(map(len, by_site.values())))
        return by_site, full_at

    read_rows = Taken.rows
    monkeypatch.setattr(Taken, "rows", counted)
    return found


def each_second(letters: str, until: float = 0, site: str = "shop") -> list[Result]:
    """Return a result for each letter, a second apart, the last of them a second before a minute."""
    return [
        a_result(site, minute=until - place / 60, outcome=OUTCOMES[letter])
        for place, letter in enumerate(reversed(letters), start=1)
    ]


@pytest.mark.parametrize(
    ("policy", "letters"),
    [
        pytest.param(Policy(), "u" * 1800, id="well"),
        pytest.param(Policy(up_after=2), "du" * 900, id="never two good ones in a row"),
        pytest.param(Policy(up_after=2), "gu" * 900, id="never two slow or fast ones in a row"),
        pytest.param(Policy(up_after=2), "ddd" + "ud" * 900, id="down since the beginning"),
    ],
)
def test_a_failure_reads_rows_of_minutes(scene: Scene, read: list[int], policy: Policy, letters: str) -> None:
    scene.use(scene.receiver.channel(), policy=policy)
    scene.write(each_second(letters))
    scene.decide()
    read.clear()
    scene.write(each_second("d", until=1 / 60))
    scene.decide()
    assert 0 < sum(read) < MINUTES


def test_so_does_one_where_a_region_was_silent_for_long(scene: Scene, read: list[int]) -> None:
    scene.write([a_result(minute=-40, region="us"), *each_second("u" * 1800)])
    scene.decide()
    read.clear()
    scene.write(each_second("d", until=1 / 60))
    scene.decide()
    assert 0 < sum(read) < MINUTES


def test_and_the_first_result_of_a_further_region(scene: Scene, read: list[int]) -> None:
    scene.write(each_second("u" * 1800))
    scene.decide()
    read.clear()
    scene.write([a_result(region="us")])
    scene.decide()
    assert 0 < sum(read) < MINUTES


def test_a_late_row_reads_no_more_where_the_interval_is_a_year(scene: Scene, read: list[int]) -> None:
    rules = SiteRules(Policy(), Audience(), None, timedelta(days=366))
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now)
    scene.write(each_second("u" * 3600))
    scene.decide()
    read.clear()
    scene.write([a_result(minute=-9.99, outcome=OUTCOMES["d"])])
    scene.decide()
    assert 0 < sum(read) < 2 * 1000


def test_a_late_row_that_may_come_reads_rows_of_minutes(scene: Scene, read: list[int]) -> None:
    rules = SiteRules(Policy(up_after=2), Audience(), None, timedelta(seconds=1), timeout=timedelta(minutes=5))
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now)
    results = each_second("du" * 900)
    late = results.pop(302)
    scene.write(results)
    scene.decide()
    read.clear()
    scene.write([late])
    scene.decide()
    assert 0 < sum(read) < MINUTES


def test_nobody_waits_for_sites_of_which_all_rows_are_to_be_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, read: list[int]
) -> None:
    monkeypatch.setattr(begun, "_FEW_ROWS", 100)
    monkeypatch.setattr(begun, "_ROWS_APART", 300)
    scene.use(scene.receiver.channel(), policy=Policy(up_after=2))
    scene.arrive(*scene.results("u", start=-1, site="wiki"))
    late = [write_but_one(scene, f"shop-{number}") for number in range(5)]
    read.clear()
    scene.write([*late, *scene.results("ddd", site="wiki")])
    assert scene.decider.decide(scene.conn) == 7
    assert scene.incidents == [(0, None)]
    assert sum(read) < 1_500
    scene.decide()
    assert 5 * 1_800 < sum(read) < 5 * 3_600
    assert scene.incidents == [(0, None)]


def test_files_take_turns_at_what_is_decided_apart(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def rules_of(name: str) -> SiteRules:
        asked.append(name)
        return SiteRules(Policy(up_after=2), Audience(), None, timedelta(seconds=1), file=name[0])

    asked: list[str] = []
    monkeypatch.setattr(begun, "_ROWS_APART", 300)
    scene.decider = Decider(rules_of, scene.alerts, clock.utc_now)
    scene.write([write_but_one(scene, site) for site in ("a1", "a2", "a3", "b1")])
    apart = []
    for _ in range(6):
        scene.decider.decide(scene.conn)
        apart.append(asked[-1])
    assert apart == ["a1", "b1", "a2", "b1", "a3", "b1"]


def write_but_one(scene: Scene, site: str) -> Result:
    """Let a site never have two good rows in a row; return one that comes later than any that may."""
    results = each_second("du" * 900, site=site)
    late = results.pop(400)
    scene.write(results)
    scene.decide()
    return late


def test_where_all_rows_are_read_they_are_in_pieces(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "_FEW_ROWS", 10)
    monkeypatch.setattr(begun, "_ROWS_APART", 10)
    scene.use(scene.receiver.channel(), policy=Policy(up_after=2))
    scene.arrive(*scene.results("uddd" + "ud" * 20))
    scene.arrive(*scene.results("u", start=20.5))
    assert scene.incidents == [(1, 20)]


@pytest.mark.parametrize("regions", [("eu",), ("eu", "us", "asia")])
def test_of_what_came_since_the_oldest_row_some_is_read_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, read: list[int], regions: tuple[str, ...]
) -> None:
    monkeypatch.setattr(begun, "_FEW_ROWS", 300)
    monkeypatch.setattr(begun, "_ROWS_APART", 300)
    scene.use(scene.receiver.channel(), policy=Policy(up_after=2))
    few = [a_result(minute=minute, region=region) for region in regions[1:] for minute in range(-5, 0)]
    scene.write([*few, *(msgspec.structs.replace(one, region="eu") for one in each_second("ddd" + "ud" * 900))])
    for late in (31, 32):
        read.clear()
        scene.decide()
        assert max(read) <= 300
        assert 1_800 < sum(read) < 1_800 + 10 * 300
        scene.write([a_result(minute=-late, outcome=OUTCOMES["d"], region="eu")])


def test_of_very_many_changes_some_are_written_and_told_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(write: Callable[[list[Mapping[str, object]]], T]) -> Callable[[Iterable[Mapping[str, object]]], T]:
        def noted(given: Iterable[Mapping[str, object]]) -> T:
            listed = list(given)
            sizes.append(len(listed))
            return write(listed)

        return noted

    sizes: list[int] = []
    monkeypatch.setattr("sitemon.store.incident.as_json", counted(deciding.as_json))
    monkeypatch.setattr(deciding, "_pieces", counted(deciding._pieces))
    monkeypatch.setattr("sitemon.store.incident._ADDED_AT_ONCE", 3)
    monkeypatch.setattr(decide, "_TOLD_AT_ONCE", 3)
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    scene.arrive(*scene.results("ud" * 10 + "u"))
    said = [(type_, began) for type_, began, _ in scene.said]
    assert said == [(type_, began) for began in range(1, 20, 2) for type_ in ("site.down", "site.resolved")]
    assert max(sizes) == 6


def test_of_sites_with_many_rows_those_of_one_are_read_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "_FEW_ROWS", 50)
    for site in ("one", "two", "three"):
        scene.write(each_second("u" * 60 + "d" * 3, site=site))
    assert [scene.decider.decide(scene.conn) for _ in range(4)] == [4, 1, 1, 0]
    assert len(scene.incidents) == 3


def test_what_another_version_kept_of_a_site_at_rest_is_not_read(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.arrive(*scene.results("u", start=4))
    execute(scene.conn, "UPDATE sitemon.incident_rest SET state = '[]'")
    scene.arrive(*scene.results("ddd", start=5))
    assert scene.incidents == [(1, 4), (5, None)]


def as_they_come(rnd: random.Random) -> list[Result]:
    """Return results of a site for each pattern, most of which come in time, some minutes or half an hour late."""
    found: list[Result] = []
    for pattern, region, minute in itertools.product(PATTERNS, ("eu", "us"), range(45)):
        letter = rnd.choice(pattern[minute % len(pattern)] * 9 + "d")
        found.append(a_result(pattern, minute=minute, outcome=OUTCOMES[letter], region=region))
    return sorted(found, key=lambda one: one.slot_at + rnd.choice([0] * 12 + [1, 2, 4, 12, 30]) * MINUTE)


@pytest.mark.parametrize("seed", range(6))
def test_incidents_are_those_of_one_fold(scene: Scene, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rnd = random.Random(seed)
    monkeypatch.setattr(begun, "_FEW_ROWS", rnd.choice([20, 60, 200]))
    monkeypatch.setattr(begun, "_ROWS_APART", rnd.choice([20, 40, 1_000]))
    policy = Policy(rnd.randint(1, 3), rnd.randint(1, 3))
    rules = SiteRules(policy, Audience(), None, timedelta(minutes=1))
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now, by_sites=False)
    results = waiting = as_they_come(rnd)
    while waiting:
        size = rnd.randint(1, 40)
        scene.write(waiting[:size])
        waiting = waiting[size:]
        while scene.decider.decide(scene.conn) and (rnd.random() < 0.8 or not waiting):
            pass
    query = "SELECT started_at, ended_at FROM sitemon.incidents WHERE site = %s AND withdrawn_at IS NULL ORDER BY 1"
    for pattern in PATTERNS:
        seen = [Row(one.slot_at, one.region, one.kind, one.outcome) for one in results if one.site == pattern]
        folded = fold(policy, NOTHING, in_order(seen)).incidents
        assert rows(scene.conn, query, (pattern,)) == [(one.started_at, one.ended_at) for one in folded]
