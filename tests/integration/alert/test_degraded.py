"""Sites that are slow, or down from some regions only: what those hear who ask for it, and nobody else."""

from datetime import datetime, timedelta

import pytest

from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules, rules_of_site
from sitemon.incident.policy import Policy
from sitemon.model.alerts import EVENTS, Audience
from sitemon.model.outcome import Outcome, Reason
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started
from tests.results import MINUTE, a_result, this_hour

LATER = this_hour() + timedelta(hours=1)
"""Every region has looked again by then."""


@pytest.fixture(autouse=True)
def asked_for(scene: Scene) -> None:
    """The receiver's route asks for it."""
    use(scene)


def use(scene: Scene, *, policy: Policy | None = None, now: datetime = LATER) -> None:
    scene.use(scene.receiver.channel(), policy=policy, now=now, events=(*EVENTS, "degraded"))


def arrive(scene: Scene, *letters: tuple[str, str], start: float = 0) -> None:
    """Let rows of regions arrive, a minute of all of them at a time."""
    for minute in range(max(len(found) for _, found in letters)):
        scene.write(
            [one for region, found in letters for one in scene.results(found[minute], start + minute, region=region)]
        )
        look(scene)


def look(scene: Scene) -> None:
    scene.decide()
    scene.decider.tell_degraded(scene.conn)
    scene.send()


def told(scene: Scene) -> list[str]:
    return [event["type"] for event in scene.receiver.events]


def minute_of(moment: str) -> float:
    return (datetime.fromisoformat(moment) - this_hour()) / MINUTE


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("ugug", []),
        ("uggg", ["site.degraded"]),
        ("ugggggg", ["site.degraded"]),
        ("ugggu", ["site.degraded", "site.recovered"]),
        ("ugmgmg", ["site.degraded"]),
        ("ugggmmmm", ["site.degraded"]),
        ("ugggmmmmu", ["site.degraded", "site.recovered"]),
        ("ugggddd", ["site.degraded", "site.down"]),
        ("ugggdddg", ["site.degraded", "site.down", "site.resolved"]),
        ("ugggdddu", ["site.degraded", "site.down", "site.resolved", "site.recovered"]),
        ("udddggg", ["site.down", "site.resolved", "site.degraded"]),
    ],
)
def test_a_site_that_is_slow(scene: Scene, letters: str, expected: list[str]) -> None:
    arrive(scene, ("default", letters))
    assert told(scene) == expected


def test_nobody_is_told_before_all_that_has_come_is_decided_on(scene: Scene) -> None:
    scene.write(scene.results("uggg"))
    scene.decide()
    scene.write(scene.results("ddd", start=4))
    scene.decider.tell_degraded(scene.conn)
    scene.send()
    assert told(scene) == []
    look(scene)
    assert told(scene) == ["site.down"]


def test_it_is_told_also_while_rows_always_wait(scene: Scene) -> None:
    for minute, letter in enumerate("ugggggggguggggguuuuuuuu"):
        scene.write(scene.results(letter, start=minute))
        scene.decider.tell_degraded(scene.conn)
        scene.decide()
    scene.send()
    assert told(scene) == ["site.degraded", "site.recovered"]
    assert [minute_of(event["data"]["since"]) for event in scene.receiver.events] == [1, 15]


def test_the_message_says_since_when_from_where_and_why(scene: Scene) -> None:
    slow = [
        a_result(minute=minute, outcome=Outcome.DEGRADED, reason=Reason.TOO_SLOW, error=f"took {minute} s")
        for minute in range(3)
    ]
    scene.write(slow)
    look(scene)
    arrive(scene, ("default", "u"), start=3)
    begun, over = (event["data"] for event in scene.receiver.events)
    assert (begun["state"], minute_of(begun["since"]), begun["regions"]) == ("degraded", 0, {"default": "degraded"})
    assert (begun["reason"], begun["error"], begun["incident"]) == ("too_slow", "took 0 s", None)
    assert (begun["site"], begun["url"], begun["labels"]) == ("shop", "https://shop.example/", {"team": "web"})
    assert (over["state"], minute_of(over["since"]), minute_of(over["began_at"])) == ("up", 3, 0)
    assert over["duration_s"] == 180
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.degradation") == [(0,)]


def test_one_region_of_two_says_that_it_is_down(scene: Scene) -> None:
    arrive(scene, ("eu", "uddddu"), ("us", "uuuuuu"))
    assert told(scene) == ["site.degraded", "site.recovered"]
    data = scene.receiver.events[0]["data"]
    assert (minute_of(data["since"]), data["regions"], data["reason"]) == (1, {"eu": "down", "us": "up"}, "timeout")


def test_what_other_regions_are_about_to_say_too_is_waited_for(scene: Scene) -> None:
    arrive(scene, ("eu", "uddd"), ("us", "uudd"))
    assert told(scene) == []
    arrive(scene, ("eu", "d"), ("us", "d"), start=4)
    assert told(scene) == ["site.down"]


def test_it_is_not_told_before_every_region_has_looked_again(scene: Scene) -> None:
    use(scene, now=this_hour() + 1.2 * MINUTE)
    arrive(scene, ("eu", "uddd"), ("us", "uuuu"))
    assert told(scene) == []
    use(scene)
    look(scene)
    assert told(scene) == ["site.degraded"]


def test_who_does_not_ask_for_it_hears_nothing_of_it_also_later(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), now=LATER)
    arrive(scene, ("default", "uggg"))
    use(scene)
    arrive(scene, ("default", "gu"), start=4)
    assert told(scene) == []
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.degradation") == [(0,)]


def test_who_was_told_hears_that_it_is_over_though_the_routes_are_others(scene: Scene) -> None:
    arrive(scene, ("default", "uggg"))
    scene.use(scene.receiver.channel(), now=LATER, match={"team": "db"})
    arrive(scene, ("default", "u"), start=4)
    assert told(scene) == ["site.degraded", "site.recovered"]


def test_late_results_that_say_it_never_was_take_it_back(scene: Scene) -> None:
    arrive(scene, ("default", "u ggg "))
    assert told(scene) == ["site.degraded"]
    arrive(scene, ("default", "u"), start=3.5)
    assert told(scene) == ["site.degraded", "site.recovered"]


def test_in_maintenance_nobody_is_told(scene: Scene) -> None:
    scene.arrive(*scene.results("u"))
    declare(scene.conn, Declaration(this_hour(), this_hour() + 10 * MINUTE, ["shop"]))
    arrive(scene, ("eu", "gggddd"), ("us", "uuuuuu"), start=1)
    assert told(scene) == []


def test_of_what_lies_behind_another_site_nobody_is_told_before_that_is_well(scene: Scene) -> None:
    def rules_of(name: str) -> SiteRules:
        gateways = ("gateway",) if name == "shop" else ()
        return SiteRules(Policy(), Audience(), None, timedelta(minutes=1), gateways=lambda: gateways)

    scene.decider = Decider(rules_of, scene.alerts, lambda: LATER)
    for minute in range(4):
        scene.write([one for site in ("shop", "gateway") for one in scene.results("uggg"[minute], minute, site)])
        look(scene)
    assert [event["data"]["site"] for event in scene.receiver.events] == ["gateway"]
    scene.write(scene.results("u", 4, "gateway") + scene.results("g", 4, "shop"))
    look(scene)
    look(scene)
    assert [(event["type"], event["data"]["site"]) for event in scene.receiver.events[1:]] == [
        ("site.recovered", "gateway"),
        ("site.degraded", "shop"),
    ]


def test_thresholds_are_those_of_the_site(scene: Scene) -> None:
    use(scene, policy=Policy(down_after=2, up_after=2))
    arrive(scene, ("default", "uggug"))
    assert told(scene) == ["site.degraded"]
    arrive(scene, ("default", "uu"), start=5)
    assert told(scene) == ["site.degraded", "site.recovered"]


def test_of_a_site_that_was_just_taken_out_of_the_configuration_nobody_is_told(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, lambda: LATER)
    arrive(scene, ("default", "uggg"))
    assert told(scene) == []
    use(scene)
    look(scene)
    assert told(scene) == ["site.degraded"]


def test_of_a_site_that_a_monitor_looks_at_it_is_told(scene: Scene) -> None:
    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, lambda: LATER)
    arrive(scene, ("default", "uggg"))
    assert told(scene) == ["site.degraded"]


def test_slow_results_within_a_window_neither_begin_nor_end_it(scene: Scene) -> None:
    arrive(scene, ("default", "uggg"))
    declare(scene.conn, Declaration(this_hour() + 4 * MINUTE, this_hour() + 10 * MINUTE, ["shop"]))
    arrive(scene, ("default", "gggggggg"), start=4)
    assert told(scene) == ["site.degraded"]
    arrive(scene, ("default", "u"), start=12)
    assert told(scene) == ["site.degraded", "site.recovered"]
