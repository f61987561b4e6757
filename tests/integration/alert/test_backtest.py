"""``sitemon backtest`` over what is recorded, and the stream that it reads."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitemon.alert import regions
from sitemon.alert.backtest import backtest
from sitemon.alert.rules import SiteRules
from sitemon.incident.machine import NOTHING, Incident, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row, in_order
from sitemon.model.alerts import Audience
from sitemon.model.outcome import Outcome
from sitemon.store.backtest import stream_rows
from sitemon.store.schedule import write_notices
from tests.databases import execute
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_command import Run, environ, run
from tests.integration.store.events import started
from tests.results import MINUTE, a_result, this_hour

__all__ = ["environ", "run"]

OUTCOMES = {"u": Outcome.UP, "d": Outcome.DOWN, "m": Outcome.MISSED}


def what_is_streamed(scene: Scene, from_at: datetime, good_rows: int) -> list[Row]:
    return [
        row
        for _, rows in stream_rows(scene.conn, from_at, this_hour() + 100 * MINUTE, good_rows=good_rows)
        for row in rows
    ]


def bare(incidents: tuple[Incident, ...]) -> list[tuple[datetime, datetime, datetime | None, tuple[str, ...]]]:
    return [(one.started_at, one.opened_by, one.ended_at, one.regions) for one in incidents]


@settings(max_examples=25)
@given(st.text("uuuudm", max_size=40), st.text("uuuudm ", max_size=40), st.integers(1, 3), st.integers(1, 3))
def test_what_is_left_out_of_the_stream_changes_nothing(
    scene: Scene, eu: str, us: str, down_after: int, up_after: int
) -> None:
    execute(scene.conn, "TRUNCATE sitemon.result")
    written = [
        a_result(minute=minute, outcome=OUTCOMES[letter], region=region)
        for region, letters in (("eu", eu), ("us", us))
        for minute, letter in enumerate(letters)
        if letter != " "
    ]
    scene.write(written)
    rows = in_order(Row(one.slot_at, one.region, one.kind, one.outcome) for one in written)
    policy = Policy(down_after=down_after, up_after=up_after)
    streamed = what_is_streamed(scene, this_hour() - MINUTE, up_after)
    assert bare(fold(policy, NOTHING, streamed).incidents) == bare(fold(policy, NOTHING, rows).incidents)


def test_a_site_that_is_well_costs_little(scene: Scene) -> None:
    scene.write([a_result(minute=minute / 10) for minute in range(500)])
    assert len(what_is_streamed(scene, this_hour(), 1)) == 2


def test_rules_are_compared(run: Run, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("defaults: {down_after: 4, up_after: 2}\n")
    back = timedelta(hours=3) / MINUTE
    scene.write(scene.results("udduuuudddduduuuu", start=-back))
    scene.write(scene.results("uuuuuuu", start=-back, site="well"))
    status, said = run("backtest", "--rules", "new.yaml", "--json")
    assert status == 0
    found = json.loads(said)
    assert (found["today"]["incidents"], found["new"]["incidents"]) == (2, 1)
    assert (found["today"]["delay_median_s"], found["new"]["delay_median_s"]) == (60.0, 180.0)
    assert [(one["today"] is None, one["new"] is None) for one in found["outages"]] == [(False, True), (False, False)]
    assert [(site["site"], site["today"]["down_after"], site["new"]["down_after"]) for site in found["sites"]] == [
        ("shop", 2, 4),
        ("well", 3, 4),
    ]
    status, said = run("backtest", "--rules", "new.yaml", "--since", "1d")
    assert (status, "No longer told: 1 incident" in said, "2/1 → 4/2" in said) == (0, True, True)
    assert "told by both: 1 incident, by the new rules 2 min later (median)" in said


def test_what_a_region_could_not_reach_while_it_was_offline_is_no_outage_there_either(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    write_notices(scene.conn, scene.names, [started(0, site="scheduled")])
    sites = [f"site-{number}" for number in range(6)]
    for minute, letter in enumerate("uudddduu"):
        scene.arrive(*[one for site in sites for one in scene.results(letter, minute, site)])
    assert incidents_of(scene) == []
    execute(scene.conn, "DELETE FROM sitemon.region_outage")
    assert len(incidents_of(scene)) == 2 * len(sites)


def incidents_of(scene: Scene) -> list[Incident]:
    """Return the incidents of a backtest, by today's rules and by new ones."""
    rules = SiteRules(Policy(), Audience(), None, MINUTE)
    found = backtest(scene.conn, lambda _: rules, lambda *_: Policy(2), this_hour(), this_hour() + 100 * MINUTE)
    return [one for trial in found.trials for side in (trial.today, trial.new) for one in side.incidents(this_hour())]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            "sites:\n  - {name: shoop, down_after: 2}\n",
            "new.yaml:2: sites[0].name: nothing is recorded of shoop; did you",
        ),
        ("defaults: {down_aftr: 3}\n", "new.yaml:1: defaults.down_aftr: expected down_after or up_after"),
    ],
)
def test_wrong_rules_are_one_line_and_status_2(run: Run, scene: Scene, tmp_path: Path, rules: str, said: str) -> None:
    (tmp_path / "new.yaml").write_text(rules)
    scene.write(scene.results("u"))
    status, told = run("backtest", "--rules", "new.yaml")
    assert (status, told.count("\n")) == (2, 1)
    assert said in told


def test_nothing_recorded_is_status_1(run: Run, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("defaults: {down_after: 4}\n")
    assert run("backtest", "--rules", "new.yaml") == (1, "nothing is recorded of this time\n")


def test_a_site_whose_first_result_comes_meanwhile_is_left_out(scene: Scene) -> None:
    scene.write([a_result("shop")])

    def today(_: str) -> SiteRules:
        scene.write([a_result("blog")])
        return SiteRules(Policy(), Audience(), None, MINUTE)

    found = backtest(scene.conn, today, lambda _, policy: policy, this_hour() - MINUTE, this_hour() + MINUTE)
    assert [trial.site for trial in found.trials] == ["shop"]
