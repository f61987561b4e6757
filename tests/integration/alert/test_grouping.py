"""What happens together is told together, to people; to programs one by one."""

import pytest

from sitemon.incident.policy import Policy
from tests.databases import rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene

SITES = [f"site-{number:02}" for number in range(30)]
A_MINUTE_H = 1 / 60


def fail(scene: Scene, sites: list[str], letters: str = "uddd", start: float = 0) -> None:
    scene.arrive(*[result for site in sites for result in scene.results(letters, start, site)])


def test_sites_that_fail_together_are_one_message_to_people_and_one_event_each_to_programs(scene: Scene) -> None:
    with Receiver() as programs:
        scene.use(scene.receiver.people(), programs.channel())
        fail(scene, SITES[:20])
        fail(scene, SITES[20:])
        assert scene.receiver.read == []  # others may follow
        assert sorted(event["data"]["site"] for event in programs.events) == SITES
        scene.pass_time(hours=A_MINUTE_H)
        scene.send()
    [(subject, lines)] = scene.receiver.read
    assert subject == "30 sites are down: site-00, site-01, site-02, …"
    assert lines[0] == "site-00 is down: timeout"
    assert lines == [*(f"{site} is down: timeout" for site in SITES), "", "More of each: sitemon incidents"]
    assert rows(
        scene.conn, "SELECT count(DISTINCT message_id), count(*) FROM sitemon.alerts WHERE channel = 'ops'"
    ) == [(1, 30)]


def test_what_comes_later_is_another_message(scene: Scene) -> None:
    scene.use(scene.receiver.people())
    fail(scene, SITES[:2])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    fail(scene, SITES[2:3])
    fail(scene, SITES[:1], "u", start=4)
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == [
        "2 sites are down: site-00, site-01",
        "1 site is down, 1 site is up again: site-02",
    ]


def test_one_incident_is_a_message_by_itself(scene: Scene) -> None:
    scene.use(scene.receiver.people())
    fail(scene, SITES[:1])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == ["site-00 is down: timeout"]


def test_a_message_that_fails_is_sent_again_as_the_same_one(scene: Scene) -> None:
    scene.receiver.answers = [(500, {})]
    scene.use(scene.receiver.people(), policy=Policy(down_after=1))
    fail(scene, SITES[:2])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    fail(scene, SITES[2:4])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == [
        "2 sites are down: site-00, site-01",
        "2 sites are down: site-02, site-03",
    ]


def test_what_a_service_refuses_holds_up_no_later_message_and_takes_no_part_of_it(scene: Scene) -> None:
    scene.receiver.answers = [(401, {})]
    scene.use(scene.receiver.people())
    fail(scene, SITES[:1])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    fail(scene, SITES[1:2])
    scene.pass_time(hours=A_MINUTE_H / 5)  # the refused one waits for 15 s at least
    scene.send()
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == ["site-01 is down: timeout", "site-00 is down: timeout"]


def test_a_message_that_nobody_takes_for_a_day_is_given_up(scene: Scene) -> None:
    scene.receiver.answers = [(500, {})]
    scene.use(scene.receiver.people())
    fail(scene, SITES[:2])
    scene.pass_time(hours=25)
    scene.send()
    assert rows(scene.conn, "SELECT state, problem FROM sitemon.alerts") == [("given up", "HTTP 500")] * 2


def test_where_very_much_waits_a_message_takes_some_of_each_site(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitemon.store.outbox._MOST_AT_ONCE", 3)
    scene.use(scene.receiver.people(), policy=Policy(down_after=1))
    fail(scene, SITES[:1], "ududud")
    fail(scene, SITES[1:2])
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == [
        "2 sites are down, 1 earlier outage is over: site-00, site-01",
        "2 sites are down, 1 earlier outage is over: site-00",
    ]
    assert rows(scene.conn, "SELECT DISTINCT state FROM sitemon.alerts") == [("delivered",)]
