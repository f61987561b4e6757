"""What people are told when a region is offline: that, and nothing of its sites."""

import threading
from contextlib import closing

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import regions as module
from sitemon.alert.decide import Decider
from sitemon.alert.rules import rules_of_site
from sitemon.checks.judge.observed import not_made
from sitemon.checks.result_of import result_of
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.site_of import site_of_url
from sitemon.incident.policy import Policy
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.site import name_of_url
from sitemon.store.connect import connect
from sitemon.store.deciding import begin_deciding
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started
from tests.pipeline import wait_for
from tests.results import MINUTE, a_result, this_hour

SITES = [f"site-{n}" for n in range(8)]


@pytest.fixture(autouse=True)
def _looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(module, "_SHARE", 0)


@pytest.fixture(autouse=True)
def _in_the_schedule(scene: Scene) -> None:
    regions = ("default", "eu", "us")
    write_notices(scene.conn, scene.names, [started(0, site="scheduled", region=region) for region in regions])


def slots(
    scene: Scene, letters: str, sites: list[str] = SITES, start: float = 0, region: str = "default"
) -> list[list[Result]]:
    """Return the results of all sites, slot by slot."""
    of_sites = [scene.results(letters, start, site, region) for site in sites]
    return [list(slot) for slot in zip(*of_sites, strict=True)]


def told(scene: Scene) -> list[tuple[str, str | None]]:
    return [(event["type"], event["data"]["site"]) for event in scene.receiver.events]


def test_a_server_that_answers_with_errors_is_no_network(scene: Scene) -> None:
    for slot in slots(scene, "uuddd"):
        scene.arrive(*[result_with(result, Reason.HTTP_STATUS) for result in slot])
    assert {type_ for type_, _ in told(scene)} == {"site.down"}


def result_with(result: Result, reason: Reason) -> Result:
    return msgspec.structs.replace(result, reason=reason if result.reason else None)


def test_one_region_offline_leaves_the_others_to_decide(scene: Scene) -> None:
    shop = SITES[:1]
    for eu, us in zip(slots(scene, "uddddd", region="eu"), slots(scene, "uudddd", shop, region="us"), strict=True):
        scene.arrive(*eu, *us)
    assert told(scene) == [("region.offline", None), ("site.down", "site-0")]
    assert scene.receiver.events[1]["data"]["regions"] == {"us": "down"}


def test_where_others_may_add_sites_these_silence_nobody(scene: Scene) -> None:
    rules = rules_of_site(None, {})
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now, by_sites=False)
    for slot in slots(scene, "uddd"):
        scene.arrive(*slot)
    assert {type_ for type_, _ in told(scene)} == {"site.down"}


def test_two_alerters_say_it_once(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> None:
    for slot in slots(scene, "ud"):
        scene.write(slot)
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        for conn in (second, scene.conn, second):
            scene.decider.decide(conn, most=2)
        scene.decide()
    scene.send()
    assert told(scene) == [("region.offline", None)]
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.region_outage") == [(1,)]


REFERENCES = ("https://one.example/", "https://two.example/?key=1")


def with_references(scene: Scene) -> None:
    scene.alerts = msgspec.structs.replace(scene.alerts, references={"default": REFERENCES})
    rules = rules_of_site(None, {})
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now)


def references(minute: float, outcome: Outcome) -> list[Result]:
    """Return what workers found of the reference sites."""
    return [a_result(name_of_url(url), minute=minute, outcome=outcome, kind=Kind.ADHOC) for url in REFERENCES]


def test_references_that_cannot_be_reached_either_tell_it_from_an_outage_of_one_site(scene: Scene) -> None:
    with_references(scene)
    shop = slots(scene, "uddd", ["shop"])
    for slot in shop[:2]:
        scene.arrive(*slot)
    assert scene.decider.suspected == {"default"}
    scene.write(references(1.1, Outcome.DOWN))
    for slot in shop[2:]:
        scene.arrive(*slot)
    assert told(scene) == [("region.offline", None)]
    scene.write(references(4.5, Outcome.UP))
    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, lambda: this_hour() + 5 * MINUTE)
    for slot in slots(scene, "dddu", ["shop"], 5):
        scene.arrive(*slot)
    assert told(scene)[1:] == [("region.online", None), ("site.down", "shop"), ("site.resolved", "shop")]


def test_it_is_online_again_though_there_is_nothing_to_decide(scene: Scene) -> None:
    with_references(scene)
    first, second, _, _ = slots(scene, "uddd", ["shop"])
    scene.arrive(*first)
    scene.write(references(1.1, Outcome.DOWN))
    scene.arrive(*second)
    scene.write(references(2.1, Outcome.UP))
    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, lambda: this_hour() + 2.2 * MINUTE)
    scene.decider.look_at_regions(scene.conn)
    scene.send()
    assert told(scene) == [("region.offline", None), ("region.online", None)]


def test_where_others_may_add_sites_these_do_not_say_that_it_is_online_again(scene: Scene) -> None:
    with_references(scene)

    def arrive(minute: int, slot: list[Result]) -> None:
        rules, now = rules_of_site(None, {}), this_hour() + (minute + 0.2) * MINUTE
        scene.decider = Decider(lambda _: rules, scene.alerts, lambda: now, by_sites=False)
        scene.write(references(minute + 0.1, Outcome.DOWN))
        scene.arrive(*slot)
        scene.decider.look_at_regions(scene.conn)
        scene.decide()
        scene.send()

    first, *later = slots(scene, "udddd")
    scene.arrive(*first)
    for minute, slot in enumerate(later, 1):
        arrive(
            minute, [*slot, *(scene.results(" " * minute + "u", site=f"new-{n}")[0] for n in range(9) if minute > 2)]
        )
    assert told(scene) == [("region.offline", None)]


def test_what_was_down_while_no_alerter_saw_it_online_again_is_told(scene: Scene) -> None:
    """Nobody asks for reference sites meanwhile: sites say since when."""

    def decides_at(minute: float) -> None:
        rules, now = rules_of_site(None, {}), this_hour() + minute * MINUTE
        scene.decider = Decider(lambda _: rules, scene.alerts, lambda: now, by_sites=False)

    with_references(scene)
    others, shop = slots(scene, "uudduuuuuuuu", SITES[1:]), slots(scene, "uudduudddduu", SITES[:1])
    for minute in range(12):
        if minute == 2:
            scene.write(references(2.1, Outcome.DOWN))
        scene.write([*others[minute], *shop[minute]])
        if minute < 4:
            decides_at(minute + 0.2)
            scene.arrive()
    scene.write(references(11.1, Outcome.UP))
    decides_at(11.2)
    scene.decider.look_at_regions(scene.conn)
    scene.arrive()
    ((until_at,),) = rows(scene.conn, "SELECT until_at FROM sitemon.region_outage")
    assert (until_at - this_hour()) / MINUTE == pytest.approx(4, abs=0.1)
    assert told(scene)[1:] == [("region.online", None), ("site.down", "site-0"), ("site.resolved", "site-0")]


@pytest.mark.parametrize("is_reference", [False, True])
def test_an_address_that_may_not_be_visited_says_nothing_of_a_network(scene: Scene, *, is_reference: bool) -> None:
    with_references(scene)
    first, second, third = slots(scene, "udd")
    scene.arrive(*first)
    if is_reference:
        scene.write([result_with(result, Reason.BLOCKED_ADDRESS) for result in references(1.1, Outcome.DOWN)])
    scene.arrive(*second)
    blocked = [result for slot in slots(scene, "  d", [f"new-{n}" for n in range(9)]) for result in slot]
    scene.arrive(*third, *(result_with(result, Reason.BLOCKED_ADDRESS) for result in blocked))
    scene.decider.look_at_regions(scene.conn)
    scene.decide()
    scene.send()
    assert told(scene) == [("region.offline", None)]


@pytest.mark.parametrize(("by_sites", "expected"), [(False, {"site.down"}), (True, {"region.offline"})])
def test_references_that_we_failed_to_check_say_nothing_of_a_network(
    scene: Scene, expected: set[str], *, by_sites: bool
) -> None:
    with_references(scene)
    rules, at = rules_of_site(None, {}), this_hour() + 1.1 * MINUTE
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now, by_sites=by_sites)
    first, *later = slots(scene, "uddd")
    scene.arrive(*first)
    for site in (site_of_url(url, {}) for url in REFERENCES):
        scene.write([result_of(not_made(at, site), site, region="default", kind=Kind.ADHOC, slot_at=at)])
    for slot in later:
        scene.arrive(*slot)
    assert {type_ for type_, _ in told(scene)} == expected


def test_references_that_are_well_say_that_the_sites_are_down(scene: Scene) -> None:
    with_references(scene)
    first, *later = slots(scene, "uddd")
    scene.arrive(*first)
    scene.write(references(1.1, Outcome.UP))
    for slot in later:
        scene.arrive(*slot)
    assert {type_ for type_, _ in told(scene)} == {"site.down"}


WAITS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


@pytest.mark.parametrize("is_over", [False, True])
def test_who_waits_while_another_one_notes_it_tells_of_no_site(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials, *, is_over: bool
) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=2))
    for slot in slots(scene, "udd"):
        scene.write(slot)
    deciding = threading.Thread(target=scene.decide)
    with (
        closing(connect(postgres_server, owner, application_name="test")) as second,
        closing(connect(postgres_server, owner, application_name="test")) as looking,
    ):
        with begin_deciding(second) as other:
            other.connectivity.be_alone()
            assert other.connectivity.begin("default", this_hour() + 0.5 * MINUTE)
            if is_over:
                assert other.connectivity.end("default", this_hour() + 2.5 * MINUTE)
            deciding.start()
            wait_for(lambda: rows(looking, WAITS) == [(1,)])
        deciding.join()
    scene.send()
    assert told(scene) == []
