"""Alertmanager is told again of what lasts: it takes as over what it does not hear of for long enough."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import lasting, regions
from sitemon.alert.lasting import AGAIN_EVERY_S
from sitemon.alert.outlets import sender_of
from sitemon.alert.silence import say_silences
from sitemon.model.alerts import EVENTS, Channel
from sitemon.store.errors import CanceledError
from sitemon.store.outbox import add_channels
from sitemon.store.page_incidents import acknowledge, read_incidents
from sitemon.store.schedule import write_notices
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_poisoned import GTUBE, poisoned, refuse
from tests.integration.store.events import at, ended, started
from tests.results import a_result, this_hour

LATER = this_hour() + timedelta(hours=1)
Alert = dict[str, Any]


@pytest.fixture
def am(scene: Scene) -> Channel:
    """The receiver, as an Alertmanager that hears of everything."""
    am = Channel(name="am", kind="alertmanager", url=scene.receiver.url.removesuffix("/hook"))
    scene.use(am, now=LATER, events=(*EVENTS, "degraded"))
    return am


def told_by_another(scene: Scene, am: Channel) -> list[Alert]:
    """Return what an alerter tells that has just started."""
    scene.senders = [sender_of(am, str)]
    return told(scene)


def told_later(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    """Return what is told a few minutes later."""
    later_s = clock.monotonic_s() + AGAIN_EVERY_S
    monkeypatch.setattr(clock, "monotonic_s", lambda: later_s)
    return told(scene)


def told(scene: Scene) -> list[Alert]:
    before = len(scene.receiver.bodies)
    scene.send()
    return [alert for body in scene.receiver.bodies[before:] for alert in body]


def decide(scene: Scene, *letters: str) -> None:
    for minute, letter in enumerate(letters):
        scene.write(scene.results(letter, start=minute))
        scene.decide()
        scene.decider.tell_degraded(scene.conn)
        scene.send()


def test_an_incident_that_somebody_knows_of_lasts_until_it_is_over(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    [first], _ = scene.receiver.bodies  # as new, and as what lasts
    [incident] = read_incidents(scene.conn, state="open")
    acknowledge(scene.conn, incident.incident_id, "anna")
    [again] = told_by_another(scene, am)
    assert again | {"endsAt": None} == first | {"endsAt": None}
    assert again["endsAt"] > first["endsAt"]
    scene.arrive(*scene.results("u", start=4))
    assert told_by_another(scene, am) == []


def test_a_degraded_site_lasts_until_it_is_well(scene: Scene, am: Channel) -> None:
    decide(scene, *"uggg")
    [again] = told_by_another(scene, am)
    assert again["labels"] == {"alertname": "SiteDegraded", "site": "shop", "label_team": "web"}
    assert datetime.fromisoformat(again["endsAt"]) > clock.utc_now() + timedelta(days=6)
    scene.arrive(*scene.results("u", start=4))
    scene.decider.tell_degraded(scene.conn)
    assert [alert["labels"]["alertname"] for alert in told_by_another(scene, am)] == ["SiteDegraded"]  # that it is over
    assert told_by_another(scene, am) == []


def test_a_region_that_is_offline_and_silence_last_until_they_are_over(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    write_notices(scene.conn, scene.names, [started(0, site="wiki")])
    sites = [f"site-{number}" for number in range(6)]
    for minute, letter in enumerate("ud"):
        scene.arrive(*[one for site in sites for one in scene.results(letter, minute, site)])
    scene.write([a_result("wiki", slot_at=at(0))])
    say_silences(scene.conn, scene.alerts, clock.utc_now, {"default": ["sites.yaml"]}, str)
    scene.send()
    assert {alert["labels"]["alertname"] for alert in told_by_another(scene, am)} == {"RegionOffline", "MonitorSilent"}
    execute(scene.conn, "UPDATE sitemon.silence SET ended_at = now()")
    execute(scene.conn, "UPDATE sitemon.region_outage SET until_at = now()")
    assert told_by_another(scene, am) == []


def test_a_site_that_is_watched_no_more_is_left_to_end(scene: Scene, am: Channel) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.arrive(*scene.results("uddd"))
    assert len(told_by_another(scene, am)) == 1
    write_notices(scene.conn, scene.names, [ended(120)])
    assert told_by_another(scene, am) == []


def test_another_channel_is_not_told_so(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    other = msgspec.structs.replace(am, name="other")
    add_channels(scene.conn, [other.name])
    assert told_by_another(scene, other) == []


def test_when_it_is_away_it_is_tried_again(scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = [f"shop-{number}" for number in range(7)]
    for site in sites:
        scene.arrive(*scene.results("uddd", site=site))
    with scene.receiver.away():
        assert told_by_another(scene, am) == []
        for _ in range(3):
            scene.pass_time(hours=0.1)
            assert told_later(scene, monkeypatch) == []
    scene.pass_time(hours=0.1)
    heard = told_later(scene, monkeypatch)
    assert [alert["labels"]["site"] for alert in heard] == sites
    assert "left out" not in str(heard)


def test_what_it_refuses_is_left(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    refuse(scene.receiver, 400, "shop")
    assert told_by_another(scene, am) == []
    assert rows(scene.conn, "SELECT state FROM sitemon.alerts") == [("delivered",)]


@pytest.mark.parametrize("status", [403, 413, 500])
@pytest.mark.parametrize(("word", "never_told"), [(GTUBE, set()), ("blog", {"blog"})])
def test_what_it_refuses_for_what_it_says_keeps_nothing_else_from_it(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch, status: int, word: str, never_told: set[str]
) -> None:
    sites = ["blog", *(f"shop-{number}" for number in range(6)), "wiki"]
    for site in sites:
        scene.arrive(*(poisoned(site) if site in {"blog", "wiki"} else scene.results("uddd", site=site)))
    refuse(scene.receiver, status, word)
    heard = told_by_another(scene, am)
    while {alert["labels"]["site"] for alert in heard} != {*sites} - never_told:
        heard += told_later(scene, monkeypatch)
    otherwise = {alert["labels"]["site"] for alert in heard if "left out" in alert["annotations"]["description"]}
    assert otherwise == ({"blog", "wiki"} if word == GTUBE else set())


def test_what_is_too_long_for_it_is_told_in_parts(scene: Scene, am: Channel) -> None:
    sites = [f"shop-{number}" for number in range(8)]
    for site in sites:
        scene.arrive(*scene.results("uddd", site=site))
    take = scene.receiver.take

    def bounded(path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        return (413, {}) if len(json.loads(body)) > 3 else take(path, headers, body)

    scene.receiver.take = bounded  # type: ignore[method-assign]
    assert [alert["labels"]["site"] for alert in told_by_another(scene, am)[1:]] == sites


def test_what_lasts_holds_up_no_new_alert_where_it_fails(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.senders = [sender_of(am, str)]
    scene.receiver.answers = [(200, {}), (500, {})]
    scene.write(scene.results("uddd", site="wiki"))
    scene.decide()
    assert scene.senders[0].send_due(scene.conn)
    assert [body[0]["labels"]["site"] for body in scene.receiver.bodies] == ["shop", "shop", "wiki"]
    assert rows(scene.conn, "SELECT failures, due_at > now() FROM sitemon.channel WHERE name = 'am'") == [(0, False)]
    assert [alert["labels"]["site"] for alert in told_later(scene, monkeypatch)[1:]] == ["shop", "wiki"]


def test_where_what_lasts_cannot_be_read_new_alerts_are_sent_and_the_round_rests(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrive(*scene.results("uddd"))
    asked = []

    def fail(*_: object) -> None:
        asked.append(len(scene.receiver.bodies))
        raise CanceledError("canceling statement due to statement timeout")

    with monkeypatch.context() as failing:
        failing.setattr(lasting, "read_lasting", fail)
        scene.write(scene.results("uddd", site="wiki"))
        scene.decide()
        assert [alert["labels"]["site"] for alert in told_by_another(scene, am)] == ["wiki"]
        scene.arrive(*scene.results("uddd", site="docs"))
    assert asked == [3]
    assert [body[0]["labels"]["site"] for body in scene.receiver.bodies] == ["shop", "shop", "wiki", "docs"]
    assert len(told_later(scene, monkeypatch)) == 3


@pytest.mark.parametrize("status", [403, 404, 500])
def test_one_that_takes_nothing_is_asked_by_one_or_two_requests_and_hears_all_when_it_does(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    sites = [f"shop-{number}" for number in range(20)]
    scene.arrive(*(row for site in sites for row in scene.results("uddd", site=site)))
    take = scene.receiver.take
    refuse(scene.receiver, status, "shop")
    scene.senders = [sender_of(am, str)]
    for _ in range(5):
        before = scene.receiver.tries
        assert told_later(scene, monkeypatch) == []
        assert 1 <= scene.receiver.tries - before <= 2
    scene.receiver.take = take  # type: ignore[method-assign]
    heard = told_later(scene, monkeypatch)
    assert {alert["labels"]["site"] for alert in heard} == {*sites}
    assert "left out" not in str(heard)


def test_one_that_fails_midway_is_not_asked_for_each(
    scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "_AT_ONCE", 4)
    sites = [f"shop-{number}" for number in range(30)]
    scene.arrive(*(row for site in sites for row in scene.results("uddd", site=site)))
    scene.receiver.answers = [(204, {}), *[(503, {})] * 100]
    before = scene.receiver.tries
    heard = told_by_another(scene, am)
    assert scene.receiver.tries - before < 25
    scene.receiver.answers = []
    heard += told_later(scene, monkeypatch)
    assert len({alert["labels"]["site"] for alert in heard}) >= len(sites) - 10
    heard += told_later(scene, monkeypatch)
    assert {alert["labels"]["site"] for alert in heard} == {*sites}


def test_where_it_asks_to_wait_nothing_is_sent(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.receiver.answers = [(429, {"Retry-After": "600"})]
    scene.write(scene.results("uddd", site="wiki"))
    scene.decide()
    assert told_by_another(scene, am) == []
    scene.pass_time(hours=0.2)
    assert {alert["labels"]["site"] for alert in told(scene)} == {"shop", "wiki"}


def test_one_that_is_gone_is_not_looked_at_without_a_pause(scene: Scene, am: Channel) -> None:
    scene.receiver.answers = [(410, {})]
    [sender] = scene.senders
    scene.write(scene.results("uddd"))
    scene.decide()
    assert sender.send_due(scene.conn)
    assert not sender.send_due(scene.conn)
    assert not sender_of(am, str).send_due(scene.conn)
    assert scene.receiver.tries == 1


def test_it_is_told_so_every_few_minutes(scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.arrive(*scene.results("uddd"))
    told_by_another(scene, am)
    before = len(scene.receiver.bodies)
    scene.send()
    assert len(scene.receiver.bodies) == before
    assert len(told_later(scene, monkeypatch)) == 1
