"""No alert is lost, whatever becomes of the receiver or of the alerter, and each is told apart by its id."""

from collections import Counter
from contextlib import closing

import pytest

from sitemon import clock
from sitemon.alert.channels import Request
from sitemon.alert.outlets import send
from sitemon.alert.sender import Sender
from sitemon.alert.verdict import Answer
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.alerts import Channel
from sitemon.store.connect import connect
from sitemon.store.incident import Taken, take_sites, tidy
from sitemon.store.outbox import give_up_unknown, retry_alerts
from tests.databases import rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.results import MINUTE, this_hour


class Killed(BaseException):
    """The alerter died here."""


def states(scene: Scene) -> list[tuple[str, str]]:
    return rows(scene.conn, "SELECT type, state FROM sitemon.alerts ORDER BY alert_id")


OUTAGE = [("site.down", 1, None), ("site.resolved", 1, 4)]


def test_one_that_is_killed_while_it_decides_has_decided_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    scene.write(scene.results("udddu"))
    monkeypatch.setattr(Taken, "remember", die)
    with pytest.raises(Killed):
        scene.decide()
    assert (scene.incidents, states(scene)) == ([], [])
    monkeypatch.undo()
    scene.arrive()
    assert scene.said == OUTAGE


@pytest.mark.parametrize("is_sent", [False, True], ids=["before it sent", "before it marked"])
def test_one_that_is_killed_while_it_sends_loses_nothing(scene: Scene, is_sent: bool) -> None:
    def send_and_die(request: Request) -> Answer:
        if is_sent:
            send(request)
        raise Killed

    scene.write(scene.results("udddu"))
    scene.decide()
    with pytest.raises(Killed):
        Sender(scene.receiver.channel(), send_and_die).send_due(scene.conn)
    scene.conn.rollback()
    scene.send()
    assert scene.said == OUTAGE[:is_sent]  # the dead one has its lease
    scene.pass_time(hours=0.1)
    scene.send()
    assert scene.said == OUTAGE[:is_sent] + OUTAGE
    assert sorted(Counter(scene.receiver.ids).values()) == [1, 1 + is_sent]


def test_a_receiver_that_is_down_for_an_hour_gets_all_of_it_in_order(scene: Scene) -> None:
    scene.receiver.answers = [(503, {})] * 4
    scene.arrive(*scene.results("udddu"))
    scene.send()
    assert scene.receiver.tries == 1  # the channel waits
    for _ in range(3):
        scene.pass_time(hours=0.25)
        scene.send()
    assert scene.said == []
    scene.pass_time(hours=0.25)
    scene.send()
    assert scene.said == OUTAGE


def test_one_that_answers_nothing_is_tried_again(scene: Scene) -> None:
    scene.receiver.answers = [(0, {})]
    scene.arrive(*scene.results("uddd"))
    [(problem,)] = rows(scene.conn, "SELECT problem FROM sitemon.alerts")
    assert problem == "RemoteDisconnected"
    scene.pass_time(hours=0.1)
    scene.send()
    assert scene.said == OUTAGE[:1]


def test_retry_after_is_kept_to(scene: Scene) -> None:
    scene.receiver.answers = [(429, {"Retry-After": "1800"})]
    scene.arrive(*scene.results("uddd"))
    scene.pass_time(hours=0.45)
    scene.send()
    assert scene.said == []
    scene.pass_time(hours=0.1)
    scene.send()
    assert scene.said == OUTAGE[:1]


def test_410_disables_the_channel_until_it_leads_elsewhere(scene: Scene) -> None:
    scene.receiver.answers = [(410, {})]
    scene.arrive(*scene.results("udddu"))
    scene.arrive(*scene.results("dddu", start=5))
    assert scene.receiver.tries == 1
    assert {state for _, state in states(scene)} == {"given up"}
    channel = scene.receiver.channel()
    scene.use(Channel(name=channel.name, kind="webhook", url=f"{channel.url}?new", secret=channel.secret))
    scene.arrive(*scene.results("ddd", start=9))
    assert scene.receiver.tries == 2


def test_one_alert_that_is_refused_does_not_hold_up_the_others(scene: Scene) -> None:
    scene.receiver.answers = [(400, {})]
    scene.arrive(*scene.results("udddu"))
    assert scene.said == OUTAGE[1:]
    scene.pass_time(hours=1)
    scene.send()
    assert scene.said == [OUTAGE[1], OUTAGE[0]]


def test_what_cannot_be_delivered_for_a_day_is_shown_and_can_be_sent_again(scene: Scene) -> None:
    scene.receiver.answers = [(500, {})] * 2
    scene.arrive(*scene.results("uddd"))
    scene.pass_time(hours=25)
    scene.send()
    assert states(scene) == [("site.down", "given up")]
    assert retry_alerts(scene.conn) == 1
    scene.send()
    assert scene.said == OUTAGE[:1]


def test_a_channel_that_is_down_holds_up_no_other(scene: Scene) -> None:
    with Receiver() as other:
        scene.use(scene.receiver.channel(), other.channel("other"))
        scene.receiver.answers = [(500, {})]
        scene.arrive(*scene.results("uddd"))
        assert [event["type"] for event in other.events] == ["site.down"]
        scene.pass_time(hours=1)
        scene.send()
        assert other.ids == scene.receiver.ids


def test_what_waits_for_a_channel_that_nobody_knows_any_more_is_given_up_after_a_day(scene: Scene) -> None:
    scene.receiver.answers = [(500, {})]
    scene.arrive(*scene.results("uddd"))
    give_up_unknown(scene.conn, ["another"])
    assert states(scene) == [("site.down", "waiting")]
    scene.pass_time(hours=25)
    give_up_unknown(scene.conn, ["hook", "another"])
    assert states(scene) == [("site.down", "waiting")]
    give_up_unknown(scene.conn, ["another"])
    assert states(scene) == [("site.down", "given up")]


def test_two_alerters_tell_it_once(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> None:
    sites = [f"site-{number}" for number in range(30)]
    scene.write([result for site in sites for result in scene.results("udddu", site=site)])
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        is_busy = True
        while is_busy:
            is_busy = False
            for conn in (scene.conn, second):
                is_busy |= scene.decider.decide(conn, most=4) > 0
                is_busy |= scene.senders[0].send_due(conn)
    told = Counter((event["data"]["site"], event["type"]) for event in scene.receiver.events)
    assert told == {(site, type_): 1 for site in sites for type_ in ("site.down", "site.resolved")}


def test_a_site_that_another_alerter_has_in_hand_is_passed_over(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials
) -> None:
    scene.write(scene.results("uddd"))
    with closing(connect(postgres_server, owner, application_name="test")) as second, take_sites(second, 10):
        assert scene.decider.decide(scene.conn) == 0


def test_alertmanager_gets_alerts_as_its_api_takes_them(scene: Scene) -> None:
    scene.use(Channel(name="am", kind="alertmanager", url=scene.receiver.url.removesuffix("/hook")))
    scene.arrive(*scene.results("udddu"))
    [[down], [resolved]] = scene.receiver.bodies
    assert down["labels"] == resolved["labels"]
    assert down["labels"] | {"incident": ""} == {
        "alertname": "SiteDown",
        "incident": "",
        "label_team": "web",
        "site": "shop",
    }
    assert down["annotations"]["summary"] == "shop is down: timeout"
    assert down["startsAt"] == resolved["startsAt"] < resolved["endsAt"] < down["endsAt"]


def test_what_is_to_decide_does_not_grow_without_end_while_no_alerter_runs(scene: Scene) -> None:
    for result in [*scene.results("ddddd"), *scene.results("dddd", site="wiki")]:
        scene.write([result])
    tidy(scene.conn, this_hour(), most_marks=3)
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.undecided") == [(5,)]
    scene.arrive()
    assert sorted(scene.incidents) == [(0, None), (0, None)]


def test_alerts_that_were_dealt_with_are_dropped_in_time(scene: Scene) -> None:
    scene.receiver.answers = [(204, {}), (500, {})]
    scene.arrive(*scene.results("udddu"))
    tidy(scene.conn, clock.utc_now() + MINUTE)
    assert states(scene) == [("site.resolved", "waiting")]
