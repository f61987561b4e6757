"""What is decided of rows, and told: the finer cases. What happens to people is in ``tests/scenarios``."""

import json
from contextlib import closing
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.model.moment import format_utc
from sitemon.model.result import Kind
from sitemon.store.connect import connect
from sitemon.store.incident import Open, open_numbers, take_open
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Said, Scene
from tests.integration.store.events import ended, started
from tests.results import MINUTE, a_down, a_result, this_hour


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        pytest.param("uuu", [], id="well"),
        pytest.param("ddd", [("site.down", 0, None)], id="never well"),
        pytest.param("udmdmd", [("site.down", 1, None)], id="missed slots between"),
        pytest.param("umm" + "m" * 9, [], id="nobody looks"),
        pytest.param("uddd" + "m" * 9, [("site.down", 1, None)], id="nobody looks any more"),
        pytest.param("uddd" + "m" * 9 + "g", [("site.down", 1, None), ("site.resolved", 1, 13)], id="seen again"),
    ],
)
def test_rows_that_come_one_by_one(scene: Scene, letters: str, expected: list[Said]) -> None:
    for result in scene.results(letters):
        scene.arrive(result)
    assert scene.said == expected


def test_what_the_first_failure_showed_is_told(scene: Scene) -> None:
    downs = [
        a_down(minute=minute, excerpt=f"Error {minute}", cert_expires_at=this_hour() + minute * MINUTE)
        for minute in range(3)
    ]
    scene.arrive(*downs)
    scene.arrive(*scene.results("u", start=3))
    for event in scene.receiver.events:
        assert event["data"]["incident"]["excerpt"] == "Error 0"
        assert event["data"]["cert_expires_at"] == format_utc(this_hour())
    assert len(scene.receiver.events) == 2


def test_a_hang_is_told_with_its_reason(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    [event] = scene.receiver.events
    assert event["data"]["incident"]["reason"] == "timeout"
    assert event["data"]["regions"] == {"default": "down"}
    assert (event["data"]["site"], event["data"]["url"]) == ("shop", "https://shop.example/")
    assert event["data"]["labels"] == {"team": "web"}
    assert event["data"]["is_corrected"] is False


def test_thresholds_are_those_of_the_site(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1, up_after=2))
    for result in scene.results("ududuu"):
        scene.arrive(result)
    assert scene.said == [("site.down", 1, None), ("site.resolved", 1, 4)]


def test_a_region_from_which_it_is_checked_again_has_a_say_at_once(scene: Scene) -> None:
    regions = frozenset({"eu", "us"})
    rules = SiteRules(Policy(), Audience(), None, timedelta(minutes=10))
    scene.decider = Decider(lambda _: rules._replace(regions=regions), scene.alerts, clock.utc_now)
    scene.arrive(*[a_result(minute=minute, region=region) for region in regions for minute in (-100, -90)])
    regions = frozenset({"eu"})
    scene.arrive(a_down(minute=-80, region="eu"))
    scene.arrive(a_result(minute=-70, region="eu"))
    regions = frozenset({"eu", "us"})
    scene.arrive(*[a_result(minute=minute, region=region) for region in regions for minute in (-60, -50)])
    for minute in (-40, -39, -38):
        scene.arrive(a_down(minute=minute, region="eu"))
    assert scene.incidents == []


def test_a_site_that_is_up_and_stays_up_is_not_looked_at(scene: Scene) -> None:
    scene.arrive(*scene.results("u"))
    for result in scene.results("uuugg", start=1)[:3]:
        scene.write([result])
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.undecided") == [(0,)]
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.incident_state") == [(0,)]


def test_adhoc_checks_decide_nothing(scene: Scene) -> None:
    scene.arrive(*[a_down(minute=minute, kind=Kind.ADHOC) for minute in range(5)])
    assert scene.incidents == []


def test_what_is_sent_holds_no_secret_of_the_channel(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    assert "key of twenty-four" not in json.dumps(scene.receiver.events) + repr(scene.alerts)


def test_nobody_is_reminded_of_what_is_over(scene: Scene) -> None:
    scene.arrive(*scene.results("udddu"))
    scene.pass_time(hours=2)
    scene.remind()
    assert scene.said == [("site.down", 1, None), ("site.resolved", 1, 4)]


def test_nobody_is_reminded_of_a_site_that_is_watched_no_more(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(0)])
    scene.arrive(*scene.results("uddd"))
    scene.pass_time(hours=2)
    scene.remind()
    assert len(scene.said) == 2
    write_notices(scene.conn, scene.names, [ended(120)])
    scene.pass_time(hours=2)
    scene.remind()
    assert len(scene.said) == 2


def test_two_alerters_remind_once(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.pass_time(hours=2)
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        with take_open(second, [one.number for one in open_numbers(second, Open(0, 0), 10)]) as reminding:
            assert len(reminding.incidents) == 1
            scene.decider.remind(scene.conn)  # passes over what the other one has
        for conn in (second, scene.conn):
            scene.decider.remind(conn)
    scene.send()
    assert scene.said == [("site.down", 1, None), ("site.reminder", 1, None)]
