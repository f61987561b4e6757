"""An incident that nobody acknowledges is told to others, who then hear the rest of it."""

from collections.abc import Iterator

import pytest

from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.rules import rules_of_site
from sitemon.model.alerts import Alerts, Escalation, Route
from sitemon.store.page_incidents import acknowledge, read_incidents
from sitemon.store.schedule import write_notices
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started

QUARTER_H = 0.25
STEP = Escalation(900.0, ("boss",))


@pytest.fixture
def boss(scene: Scene) -> Iterator[Receiver]:
    """Somebody who is told a quarter of an hour later."""
    with Receiver() as boss:
        channels = scene.receiver.channel(), boss.channel("boss")
        scene.use(*channels, channels=("hook",), remind_every_s=3600.0, escalate=(STEP,))
        yield boss


def said(receiver: Receiver) -> list[str]:
    return [event["type"] for event in receiver.events]


def know(scene: Scene) -> None:
    [incident] = read_incidents(scene.conn, state="open")
    assert acknowledge(scene.conn, incident.incident_id, "anna")


def test_who_was_told_is_reminded_too(scene: Scene, boss: Receiver) -> None:
    scene.arrive(*scene.results("uddd"))
    for _ in range(9):
        scene.pass_time(hours=QUARTER_H)
        scene.remind()
    assert said(boss) == ["site.down", "site.reminder", "site.reminder"]
    know(scene)
    scene.pass_time(hours=5)
    scene.remind()
    assert said(boss) == ["site.down", "site.reminder", "site.reminder"]
    assert said(scene.receiver) == ["site.down", "site.reminder", "site.reminder"]


def test_where_many_last_some_are_looked_at_at_a_time(
    scene: Scene, boss: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.decide._INCIDENTS_AT_ONCE", 2)
    scene.arrive(*(one for site in ("shop", "blog", "wiki") for one in scene.results("uddd", site=site)))
    scene.pass_time(hours=QUARTER_H)
    for told, has_more in ((2, True), (3, False), (3, True)):
        assert scene.decider.remind(scene.conn) is has_more
        scene.send()
        assert len(said(boss)) == told


def test_nor_is_one_that_is_over(scene: Scene, boss: Receiver) -> None:
    scene.arrive(*scene.results("udddu"))
    scene.pass_time(hours=1)
    scene.remind()
    assert said(boss) == []


def test_nor_is_one_of_a_site_that_was_just_taken_out_of_the_configuration(scene: Scene, boss: Receiver) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.arrive(*scene.results("uddd"))
    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, clock.utc_now)
    scene.pass_time(hours=1)
    scene.remind()
    assert (said(boss), said(scene.receiver)) == ([], ["site.down"])


def test_two_steps_come_one_after_the_other(scene: Scene, boss: Receiver) -> None:
    steps = (STEP, Escalation(3600.0, ("board",)))
    with Receiver() as board:
        channels = scene.receiver.channel(), boss.channel("boss"), board.channel("board")
        scene.use(*channels, channels=("hook",), remind_every_s=0.0, escalate=steps)
        scene.arrive(*scene.results("uddd"))
        scene.pass_time(hours=0.5)
        scene.remind()
        assert (said(boss), said(board)) == (["site.down"], [])
        scene.pass_time(hours=0.6)
        scene.remind()
        assert (said(boss), said(board)) == (["site.down"], ["site.down"])


def test_who_was_told_hears_the_end_after_the_routes_were_edited(scene: Scene, boss: Receiver) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.decider.use(Alerts(channels=scene.alerts.channels, routes=(Route(channels=("boss",)),)))
    scene.arrive(*scene.results("u", start=4))
    assert said(scene.receiver) == ["site.down", "site.resolved"]


def test_late_results_correct_it_for_those_who_were_told(scene: Scene, boss: Receiver) -> None:
    scene.arrive(*scene.results("u d dd"))
    scene.pass_time(hours=0.5)
    scene.remind()
    scene.arrive(*scene.results("u", start=3))
    assert said(boss) == ["site.down", "incident.withdrawn"]
