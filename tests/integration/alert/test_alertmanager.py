"""Alertmanager is told again of what lasts: it takes as over what it does not hear of for long enough."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import regions
from sitemon.alert.lasting import AGAIN_EVERY_S
from sitemon.alert.outlets import sender_of
from sitemon.alert.silence import say_silences
from sitemon.model.alerts import EVENTS, Channel
from sitemon.store.outbox import add_channels
from sitemon.store.page_incidents import acknowledge, read_incidents
from sitemon.store.schedule import write_notices
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene
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
    before = len(scene.receiver.bodies)
    scene.senders = [sender_of(am)]
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
    [[first]] = scene.receiver.bodies
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
    sites = [f"site-{number}" for number in range(6)]
    for minute, letter in enumerate("ud"):
        scene.arrive(*[one for site in sites for one in scene.results(letter, minute, site)])
    write_notices(scene.conn, scene.names, [started(0, site="wiki")])
    scene.write([a_result("wiki", slot_at=at(0))])
    say_silences(scene.conn, scene.alerts, clock.utc_now)
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


def test_what_it_refuses_is_left_and_when_it_is_away_it_is_tried_again(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.receiver.answers = [(503, {})]
    assert told_by_another(scene, am) == []
    scene.pass_time(hours=1)
    scene.send()
    assert len(scene.receiver.bodies) == 2
    scene.receiver.answers = [(400, {})]
    assert told_by_another(scene, am) == []
    assert rows(scene.conn, "SELECT state FROM sitemon.alerts") == [("delivered",)]


def test_what_lasts_holds_up_no_new_alert_where_it_fails(scene: Scene, am: Channel) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.senders = [sender_of(am)]
    scene.receiver.answers = [(500, {})]
    scene.write(scene.results("uddd", site="wiki"))
    scene.decide()
    assert scene.senders[0].send_due(scene.conn)
    assert [body[0]["labels"]["site"] for body in scene.receiver.bodies] == ["shop", "wiki"]
    assert scene.senders[0].send_due(scene.conn)
    assert [alert["labels"]["site"] for alert in scene.receiver.bodies[2]] == ["shop", "wiki"]


def test_one_that_is_gone_is_not_looked_at_without_a_pause(scene: Scene, am: Channel) -> None:
    scene.receiver.answers = [(410, {})]
    [sender] = scene.senders
    scene.write(scene.results("uddd"))
    scene.decide()
    assert sender.send_due(scene.conn)
    assert not sender.send_due(scene.conn)
    assert not sender_of(am).send_due(scene.conn)
    assert scene.receiver.tries == 1


def test_it_is_told_so_every_few_minutes(scene: Scene, am: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.arrive(*scene.results("uddd"))
    told_by_another(scene, am)
    before = len(scene.receiver.bodies)
    scene.send()
    assert len(scene.receiver.bodies) == before
    later_s = clock.monotonic_s() + AGAIN_EVERY_S
    monkeypatch.setattr(clock, "monotonic_s", lambda: later_s)
    scene.send()
    assert len(scene.receiver.bodies) == before + 1
