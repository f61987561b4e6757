"""What people are told when nobody looks at sites."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.alert.message import Message
from sitemon.alert.rules import Rulebook
from sitemon.alert.sender import MessageSender
from sitemon.alert.silence import say_silences
from sitemon.alert.text import subject_of
from sitemon.alert.verdict import Answer
from sitemon.apprise_services import Service
from sitemon.model.outcome import Reason
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.schedule import write_notices
from tests.databases import execute
from tests.integration.alert.scene import Scene
from tests.integration.store.events import at, started
from tests.results import a_missed, a_result

REGIONS = dict.fromkeys(["default", "eu", "us"], ("sites.yaml",))


def this_minute() -> datetime:
    return clock.utc_now().replace(second=0, microsecond=0)


def file_of(site: str) -> str:
    """Return as whose a site counts in these tests: all whose names begin alike are of one."""
    return site[0]


def say(scene: Scene) -> list[tuple[str, str, int]]:
    """Look who looks, send, and return what was said since: state, cause, and of how many sites."""
    before = len(scene.receiver.events)
    say_silences(scene.conn, scene.alerts, clock.utc_now, REGIONS, file_of)
    scene.send()
    events = scene.receiver.events[before:]
    assert {event["type"] for event in events} <= {"monitor.silent"}
    return [(event["data"]["state"], event["data"]["cause"], event["data"]["sites"]) for event in events]


def test_when_nothing_is_recorded_it_is_one_message_and_one_when_that_is_over(scene: Scene) -> None:
    sites = ["shop", "blog", "wiki"]
    write_notices(scene.conn, scene.names, [started(0, site=site) for site in sites])
    scene.write([a_result(site, slot_at=at(0)) for site in sites[:2]])
    assert say(scene) == [("silent", "not_recorded", 3)]
    assert scene.receiver.events[0]["data"]["named"] == sorted(sites)
    assert say(scene) == []
    scene.write([a_result(site, slot_at=this_minute()) for site in sites])
    assert say(scene) == [("over", "not_recorded", 0)]
    assert say(scene) == []


def test_what_concerns_the_workers_of_a_region_is_said_of_it(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0, region="eu"), started(0, region="us")])
    scene.write([a_result(slot_at=at(0), region=region) for region in ("eu", "us")])
    scene.write(
        [a_missed(slot_at=slot_at, region="eu", reason=Reason.WORKER_LOST) for slot_at in (at(1), this_minute())]
    )
    scene.write([a_result(slot_at=this_minute(), region="us")])
    assert say(scene) == [("silent", "worker_lost", 1)]
    assert scene.receiver.events[0]["data"]["region"] == "eu"


def test_a_monitor_that_was_stopped_masks_no_other_silence(scene: Scene) -> None:
    scene.write([a_result("tried", slot_at=at(minute), kind="monitor") for minute in (0, 1)])
    assert say(scene) == [("silent", "not_recorded", 1)]
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result(slot_at=at(0))])
    assert say(scene) == [("silent", "not_recorded", 1)]
    assert scene.receiver.events[-1]["data"]["named"] == ["shop"]


def test_a_window_of_maintenance_is_no_reason_not_to_look(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result(slot_at=at(0))])
    assert say(scene) == [("silent", "not_recorded", 1)]
    now = clock.utc_now()
    declare(scene.conn, Declaration(now, now + timedelta(hours=1), ["shop"]))
    assert say(scene) == []


def test_a_few_missed_slots_are_not_worth_a_word(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result(slot_at=at(0)), a_missed(slot_at=this_minute())])
    assert say(scene) == []


def test_where_another_cause_follows_nobody_is_told_that_sites_are_looked_at_again(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result(slot_at=at(0))])
    assert say(scene) == [("silent", "not_recorded", 1)]
    scene.write([a_missed(slot_at=slot_at, reason=Reason.BEAT_DOWN) for slot_at in (at(1), this_minute())])
    assert say(scene) == [("over", "not_recorded", 0), ("silent", "beat_down", 1)]
    over, silent = scene.receiver.events[-2:]
    assert over["data"]["still"] == ["beat_down"]
    assert subject_of(over) == "not_recorded is over, but nobody looks at sites: beat_down"
    assert silent["data"]["still"] == []


def test_a_cause_of_several_regions_is_named_once(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0, region=region) for region in ("eu", "us")])
    scene.write([a_result(slot_at=at(0), region=region) for region in ("eu", "us")])
    assert say(scene) == [("silent", "not_recorded", 2)]
    late = [(slot_at, region) for slot_at in (at(1), this_minute()) for region in ("eu", "us")]
    scene.write([a_missed(slot_at=slot_at, region=region, reason=Reason.WORKER_LOST) for slot_at, region in late])
    assert ("over", "not_recorded", 0) in say(scene)
    assert [event["data"]["still"] for event in scene.receiver.events[1:]] == [["worker_lost"], [], []]


LATER = 20
"""So many minutes after others."""


def shed(scene: Scene, sites: list[str], minute: float) -> None:
    """Let sites be seen for the last time, then shed until now."""
    write_notices(scene.conn, scene.names, [started(minute, site=site) for site in sites])
    scene.write([a_result(site, slot_at=at(minute)) for site in sites])
    scene.write([a_missed(site, slot_at=slot_at) for site in sites for slot_at in (at(minute + 1), this_minute())])


def told(scene: Scene, minute: float) -> None:
    """Let what was said have been said then."""
    execute(scene.conn, "UPDATE sitemon.silence SET told_at = %(at)s WHERE ended_at IS NULL", {"at": at(minute)})


def test_whose_sites_are_never_looked_at_keeps_nobody_from_hearing_of_others(scene: Scene) -> None:
    shed(scene, ["evil"], 0)
    assert say(scene) == [("silent", "shed", 1)]
    told(scene, LATER)
    shed(scene, ["pay", "shop"], LATER)
    assert say(scene) == [("silent", "shed", 3)]
    assert scene.receiver.events[-1]["data"]["named"] == ["pay", "shop"]
    assert say(scene) == []


def test_that_is_said_once_in_a_while(scene: Scene) -> None:
    shed(scene, ["evil"], 0)
    assert say(scene) == [("silent", "shed", 1)]
    shed(scene, ["shop"], LATER)
    assert say(scene) == []


@pytest.mark.parametrize(("further", "expected"), [(2, []), (3, [("silent", "shed", 5)])])
def test_of_one_file_it_is_said_again_when_they_are_far_more(
    scene: Scene, further: int, expected: list[tuple[str, str, int]]
) -> None:
    shed(scene, ["shop-1", "shop-2"], 0)
    assert say(scene) == [("silent", "shed", 2)]
    told(scene, LATER)
    shed(scene, [f"shop-{n}" for n in range(3, 3 + further)], LATER)
    assert say(scene) == expected


MANY = [f"r{number:03}" for number in range(100)]
AT_ONCE = 20


def shed_in(scene: Scene, site: str, regions: list[str], reason: Reason = Reason.SHED) -> None:
    """Let a site be seen in these regions for the last time, then missed until now."""
    write_notices(scene.conn, scene.names, [started(0, site=site, region=region) for region in regions])
    scene.write([a_result(site, slot_at=at(0), region=region) for region in regions])
    late = [(slot_at, region) for slot_at in (at(1), this_minute()) for region in regions]
    scene.write([a_missed(site, slot_at=slot_at, region=region, reason=reason) for slot_at, region in late])


def owned(regions: list[str], file: str = "e") -> dict[str, tuple[str]]:
    """Return of each of these regions that sites of a file are checked from there."""
    return dict.fromkeys(regions, (file,))


def places(scene: Scene, regions: Mapping[str, tuple[str]]) -> list[str]:
    """Look who looks, and return of which regions something was said since."""
    before = len(scene.receiver.events)
    say_silences(scene.conn, scene.alerts, clock.utc_now, regions, file_of)
    scene.send()
    return [event["data"]["region"] for event in scene.receiver.events[before:]]


def test_who_has_sites_in_very_many_regions_keeps_nobody_from_hearing_of_others(scene: Scene) -> None:
    shed_in(scene, "evil", MANY)
    shed_in(scene, "shop", ["us"], Reason.WORKER_LOST)
    said = places(scene, owned(MANY) | owned(["us"], "s"))
    assert (len(said), said[:2]) == (AT_ONCE, ["r000", "us"])
    assert places(scene, owned(MANY) | owned(["us"], "s")) == MANY[AT_ONCE - 1 : 2 * AT_ONCE - 1]


def test_it_is_over_for_so_many_regions_at_once(scene: Scene) -> None:
    shed_in(scene, "evil", MANY[: AT_ONCE + 1])
    assert len(places(scene, owned(MANY)) + places(scene, owned(MANY))) == AT_ONCE + 1
    scene.write([a_result("evil", slot_at=this_minute(), region=region) for region in MANY[: AT_ONCE + 1]])
    assert places(scene, owned(MANY)) == MANY[:AT_ONCE]
    assert places(scene, owned(MANY)) == MANY[AT_ONCE : AT_ONCE + 1]


def test_that_it_is_over_for_very_many_regions_of_somebody_keeps_nobody_from_hearing_of_others(scene: Scene) -> None:
    regions = owned(MANY) | owned(["us"], "s")
    shed_in(scene, "evil", MANY)
    while places(scene, regions):
        pass
    shed_in(scene, "shop", ["us"], Reason.WORKER_LOST)
    assert places(scene, regions) == ["us"]
    scene.write([a_result("evil", slot_at=this_minute(), region=region) for region in MANY])
    scene.write([a_result("shop", slot_at=this_minute(), region="us")])
    said = places(scene, regions)
    assert (len(said), said[:2]) == (AT_ONCE, ["r000", "us"])


def test_what_is_said_of_very_many_regions_of_somebody_comes_before_nobody_elses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where he has one in the region of the other."""
    regions = owned([*MANY, "us"]) | {"us": ("e", "s")}
    scene.use(scene.receiver.people())
    monkeypatch.setattr(Service, "fits", lambda _service, _subject, body: body.count("Nobody looks") <= 2)
    shed_in(scene, "evil", MANY)
    for _ in range(2):
        say_silences(scene.conn, scene.alerts, clock.utc_now, regions, file_of)
    shed_in(scene, "shop", ["us"], Reason.WORKER_LOST)
    say_silences(scene.conn, scene.alerts, clock.utc_now, regions, file_of)
    scene.send()
    assert scene.receiver.read[0][0].endswith(": r000, us, …")


@pytest.mark.parametrize("status", [400, 500])
def test_who_refuses_what_names_the_region_of_somebody_hears_of_that_of_another(scene: Scene, status: int) -> None:
    told: list[str] = []

    def tell(message: Message, _: str) -> Answer:
        if "spam" in message.subject + message.body:
            return Answer(status)
        told.append(message.subject)
        return Answer(200)

    channel = scene.receiver.people()
    scene.use(channel)
    sender = MessageSender(channel, tell, lambda _: True, Rulebook({}, clock.utc_now()).file_of)
    shed_in(scene, "evil", ["spam"])
    shed_in(scene, "shop", ["us"], Reason.WORKER_LOST)
    say_silences(scene.conn, scene.alerts, clock.utc_now, owned(["spam"]) | owned(["us"], "s"), file_of)
    for _ in range(4):
        while sender.send_due(scene.conn):
            pass
        scene.pass_time(hours=1 / 60)
    assert told == ["Nobody looks at 1 sites in us: worker_lost"]


def test_of_regions_that_somebody_invented_it_is_said_together(scene: Scene) -> None:
    scene.write([a_result("tried", slot_at=at(n), kind="monitor", region=region) for n in (0, 1) for region in MANY])
    assert places(scene, {}) == ["other regions"]
    assert scene.receiver.events[0]["data"]["sites"] == len(MANY)
    assert places(scene, {}) == []
