"""Slots that lie ahead, as of a beat whose clock does: nobody is told of now by them, and nobody is kept from it."""

from datetime import datetime

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import regions
from sitemon.alert.decide import Decider
from sitemon.alert.rules import rules_of_site
from sitemon.alert.silence import say_silences
from sitemon.incident.policy import Policy
from sitemon.model.moment import format_utc
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.model.site import name_of_url
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Scene, undecided_ids
from tests.integration.store.events import at, started
from tests.results import MINUTE, a_down, a_result, this_hour
from tests.slots_ahead import DAY_AHEAD, let_come

SITES = [f"site-{n}" for n in range(8)]
REFERENCE = "https://one.example/"


@pytest.fixture(autouse=True)
def _looked_at_each_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    write_notices(scene.conn, scene.names, [started(0, site="scheduled")])


def ahead(site: str = "shop", outcome: Outcome = Outcome.UP, kind: Kind = Kind.SCHEDULED) -> Result:
    return a_result(site, slot_at=this_hour() + DAY_AHEAD, outcome=outcome, kind=kind)


def at_minute(minute: float) -> datetime:
    return this_hour() + minute * MINUTE


def told(scene: Scene) -> list[str]:
    return [event["type"] for event in scene.receiver.events]


@pytest.mark.parametrize("said_at", [2, 5], ids=["before", "meanwhile"])
def test_a_region_is_offline_until_what_it_sees_now_is_well(scene: Scene, said_at: int) -> None:
    for minute, letter in enumerate("uudddduu"):
        if minute == said_at:
            scene.arrive(ahead("new-1"), ahead("new-2"))
        scene.arrive(*(one for site in SITES for one in scene.results(letter, minute, site)))
    assert told(scene) == ["region.offline", "region.online"]
    outages = rows(scene.conn, "SELECT from_at, until_at FROM sitemon.region_outage")
    assert outages == [(at_minute(2), at_minute(6))]


def test_sites_of_which_such_a_slot_was_said_are_seen_with_all_others(scene: Scene) -> None:
    for minute, letter in enumerate("uuddd"):
        scene.arrive(*(one for site in SITES for one in scene.results(letter, minute, site)))
        if minute == 1:
            scene.arrive(*map(ahead, SITES))
    assert told(scene) == ["region.offline"]


def test_a_reference_site_that_was_reached_then_says_nothing_of_now(scene: Scene) -> None:
    scene.alerts = msgspec.structs.replace(scene.alerts, references={"default": (REFERENCE,)})
    rules = rules_of_site(None, {})
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now, by_sites=False)
    name = name_of_url(REFERENCE)
    for minute, letter in enumerate("uddd"):
        scene.write([ahead(name, kind=Kind.ADHOC), a_down(name, minute=minute + 0.1, kind=Kind.ADHOC)])
        scene.arrive(*scene.results(letter, minute))
    assert told(scene) == ["region.offline"]


def test_that_nobody_looks_is_said_as_of_all_others(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result("scheduled", slot_at=clock.utc_now().replace(microsecond=0))])
    for result in a_result(slot_at=at(0)), a_result(slot_at=at(1)), ahead():
        scene.write([result])
    say_silences(scene.conn, scene.alerts, clock.utc_now, {"default": ["sites.yaml"]}, str)
    scene.send()
    [event] = scene.receiver.events
    assert (event["data"]["named"], event["data"]["began_at"]) == (["shop"], format_utc(at(2)))


@pytest.mark.parametrize("outcome", Outcome)
def test_nobody_decides_on_it(scene: Scene, outcome: Outcome) -> None:
    for minute, letter in enumerate("uuu"):
        scene.arrive(*scene.results(letter, minute))
    scene.write([ahead(outcome=outcome)])
    assert undecided_ids(scene.conn) == []
    scene.arrive(*scene.results("ddd", 3))
    assert rows(scene.conn, "SELECT state, since_at FROM sitemon.decided_state") == [("down", at_minute(3))]
    assert scene.said == [("site.down", 3, None)]


def test_one_that_is_down_then_begins_no_incident_before(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    scene.arrive(*scene.results("uuu"))
    scene.arrive(ahead(outcome=Outcome.DOWN))
    scene.arrive(*scene.results("g", 3))
    assert scene.incidents == []


def test_once_its_slot_has_come_it_is_decided_on_as_all_others(scene: Scene) -> None:
    scene.arrive(*scene.results("uuu"))
    scene.arrive(*(a_down(slot_at=at_minute(minute) + DAY_AHEAD) for minute in (3, 4, 5)))
    assert scene.said == []
    let_come(scene.conn)
    scene.arrive()
    assert scene.said == [("site.down", 3, None)]


def test_one_of_a_site_at_rest_that_is_well_wakes_nobody(scene: Scene) -> None:
    scene.arrive(*scene.results("uuu"))
    scene.arrive(*(a_result(slot_at=at_minute(minute) + DAY_AHEAD) for minute in (3, 4)))
    let_come(scene.conn)
    assert undecided_ids(scene.conn) == []
