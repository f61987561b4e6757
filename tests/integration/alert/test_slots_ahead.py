"""Slots that lie ahead, as of a beat whose clock does: nobody is told of now by them, and nobody is kept from it."""

from datetime import timedelta

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

SITES = [f"site-{n}" for n in range(8)]
REFERENCE = "https://one.example/"


@pytest.fixture(autouse=True)
def _looked_at_each_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    write_notices(scene.conn, scene.names, [started(0, site="scheduled")])


def ahead(site: str = "shop", outcome: Outcome = Outcome.UP, kind: Kind = Kind.SCHEDULED) -> Result:
    return a_result(site, slot_at=this_hour() + timedelta(hours=20), outcome=outcome, kind=kind)


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
    assert outages == [(this_hour() + 2 * MINUTE, this_hour() + 6 * MINUTE)]


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


def test_that_nobody_looks_is_said_since_the_newest_slot_that_has_come(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result("scheduled", slot_at=clock.utc_now().replace(microsecond=0))])
    for result in a_result(slot_at=at(0)), a_result(slot_at=at(1)), ahead():
        scene.write([result])
    say_silences(scene.conn, scene.alerts, clock.utc_now, str)
    scene.send()
    [event] = scene.receiver.events
    assert (event["data"]["named"], event["data"]["began_at"]) == (["shop"], format_utc(at(1)))


@pytest.mark.parametrize("outcome", [Outcome.UP, Outcome.DOWN, Outcome.DEGRADED])
def test_it_is_decided_on_once_more_and_then_on_what_changes(scene: Scene, outcome: Outcome) -> None:
    for minute, letter in enumerate("uuu"):
        scene.arrive(*scene.results(letter, minute))
    scene.arrive(ahead(outcome=outcome))
    scene.arrive(*scene.results("u", 3))
    scene.write(scene.results("u", 4))
    assert undecided_ids(scene.conn) == []
    assert rows(scene.conn, "SELECT state, since_at < now() FROM sitemon.decided_state") == [("up", True)]
    scene.arrive(*scene.results("ddd", 5))
    assert scene.said == [("site.down", 5, None)]


def test_what_began_by_one_alone_is_withdrawn(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    scene.arrive(*scene.results("uuu"))
    scene.arrive(ahead(outcome=Outcome.DOWN))
    scene.arrive(*scene.results("u", 3))
    assert scene.incidents == []
