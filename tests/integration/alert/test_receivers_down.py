"""A receiver that is down for long: it is asked by few alerts, in turns, and has all of them soon after."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from sitemon.alert import sender
from tests.databases import rows
from tests.integration.alert.scene import Scene, pass_time
from tests.integration.alert.test_fair_order import say
from tests.integration.alert.test_poisoned import refuse

MOST = 4
COUNT = 12
TRIES = "SELECT tries FROM sitemon.alerts"
WAITING = "SELECT site FROM sitemon.alerts WHERE state <> 'delivered'"
Answered = tuple[int, Mapping[str, str]]


@pytest.fixture(params=[False, True], ids=["a program", "people"])
def down(scene: Scene, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Scene:
    """One that has answered 503 for an hour, while alerts of some sites waited."""
    monkeypatch.setattr(sender, "_MOST_IN_VAIN", MOST)
    scene.use(scene.receiver.people() if request.param else scene.receiver.channel(), group_for_s=0.0)
    take = scene.receiver.take
    refuse(scene.receiver, 503, "site-")
    scene.arrive(*(row for number in range(COUNT) for row in scene.results("uddd", site=f"site-{number}")))
    for _ in range(12):
        next_round(scene)
    scene.receiver.take = take  # type: ignore[method-assign]
    return scene


def next_round(scene: Scene) -> int:
    """Let the longest time pass for which a channel waits; return by how many requests it was asked then."""
    scene.pass_time(hours=1 / 12)
    before = scene.receiver.tries
    scene.send()
    return scene.receiver.tries - before


def test_it_is_asked_by_few_alerts_and_they_take_turns(down: Scene) -> None:
    refuse(down.receiver, 503, "site-")
    assert all(MOST <= next_round(down) <= 2 * MOST for _ in range(3))
    tries = [count for (count,) in rows(down.conn, TRIES)]
    assert max(tries) - min(tries) <= 3


def test_it_has_all_of_them_within_a_minute_though_it_fails_again_at_first(down: Scene) -> None:
    down.receiver.answers = [(204, {}), *[(503, {})] * (2 * MOST - 2)]
    next_round(down)
    down.pass_time(hours=1 / 60)
    down.send()
    assert rows(down.conn, WAITING) == []


def test_one_that_takes_one_alert_only_is_not_asked_for_each(down: Scene) -> None:
    down.receiver.answers = [(204, {}), *[(503, {})] * 100]
    assert next_round(down) <= 1 + 2 * (MOST + 1)
    assert rows(down.conn, "SELECT due_at > now() FROM sitemon.channel WHERE failures > 0") == [(True,)]
    down.receiver.answers = []
    next_round(down)
    down.pass_time(hours=1 / 60)
    down.send()
    assert rows(down.conn, WAITING) == []


@pytest.mark.parametrize("is_for_people", [False, True], ids=["a program", "people"])
def test_an_alert_of_each_further_file_makes_few_tries_more(scene: Scene, is_for_people: bool) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    refuse(scene.receiver, 503, "site-")
    for number in range(180):
        say(scene.conn, [f"site-{number}"], "ops" if is_for_people else "hook")
        pass_time(scene.conn, timedelta(seconds=10))
        scene.send()
    assert 200 < scene.receiver.tries < 600


def test_one_that_cannot_be_reached_is_asked_by_one_alert_at_a_time(scene: Scene) -> None:
    scene.write([row for number in range(COUNT) for row in scene.results("uddd", site=f"site-{number}")])
    scene.decide()
    with scene.receiver.away():
        for _ in range(6):
            next_round(scene)
    assert rows(scene.conn, "SELECT sum(tries)::integer, max(tries) FROM sitemon.alerts") == [(6, 2)]
