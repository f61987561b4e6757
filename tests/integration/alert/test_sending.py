"""No alert is lost, whatever becomes of the receiver or of the alerter, and each is told apart by its id."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from msgspec.structs import replace

from sitemon import clock
from sitemon.alert import sender
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.alerts import Channel
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection, connect
from sitemon.store.incident import take_sites
from sitemon.store.names import Names
from sitemon.store.outbox import give_up_unknown, mark_delivered, mark_message_delivered, retry_alerts, set_back
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy
from sitemon.store.write import prepare_session, write_batch
from tests.databases import rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.running import Connect
from tests.integration.alert.scene import Scene, undecided_ids
from tests.results import MINUTE, this_hour


def states(scene: Scene) -> list[tuple[str, str]]:
    return rows(scene.conn, "SELECT type, state FROM sitemon.alerts ORDER BY alert_id")


OUTAGE = [("site.down", 1, None), ("site.resolved", 1, 4)]


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
    for site in ("shop", "wiki"):
        scene.arrive(*scene.results("uddd", site=site))
    assert [event["data"]["site"] for event in scene.receiver.events] == ["wiki"]
    scene.pass_time(hours=1)
    scene.send()
    assert [event["data"]["site"] for event in scene.receiver.events] == ["wiki", "shop"]


@pytest.mark.parametrize("letters", [pytest.param("udddu", id="down"), pytest.param("ugggu", id="degraded")])
@pytest.mark.parametrize("is_for_people", [False, True])
def test_the_last_word_is_not_how_a_site_was(scene: Scene, letters: str, is_for_people: bool) -> None:
    channel = scene.receiver.people() if is_for_people else scene.receiver.channel()
    scene.use(channel, events=("down", "resolved", "degraded"), group_for_s=0.0)
    scene.receiver.answers = [(400, {})]
    for start, of_minutes in ((0, letters[:-1]), (4, letters[-1])):
        scene.arrive(*scene.results(of_minutes, start))
        scene.decider.tell_degraded(scene.conn)
        scene.send()
    assert [state for _, state in states(scene)] == ["given up", "delivered"]
    assert retry_alerts(scene.conn) == 0
    scene.send()
    assert len(scene.receiver.arrivals) == 1
    assert rows(scene.conn, "SELECT problem, is_overtaken FROM sitemon.alerts ORDER BY alert_id") == [
        ("overtaken by what came later: HTTP 400", True),
        (None, False),
    ]


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
    give_up_unknown(scene.conn, ["another"], None)
    assert states(scene) == [("site.down", "waiting")]
    scene.pass_time(hours=25)
    give_up_unknown(scene.conn, ["hook", "another"], None)
    assert states(scene) == [("site.down", "waiting")]
    give_up_unknown(scene.conn, ["another"], None)
    assert states(scene) == [("site.down", "given up")]


@pytest.mark.parametrize("is_for_people", [False, True], ids=["a program", "people"])
def test_nothing_waits_for_as_long_as_a_clock_was_ahead_that_was_set_back(scene: Scene, *, is_for_people: bool) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    scene.arrive(*scene.results("uddd", site="told"))
    told = scene.receiver.tries
    scene.receiver.answers = [(503, {})]
    scene.arrive(*scene.results("uddd", site="refused"))
    scene.pass_time(hours=-2)
    scene.arrive(*scene.results("uddd", site="new"))
    assert scene.receiver.tries == told + 1
    set_back(scene.conn)
    scene.send()
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.alerts WHERE delivered_at IS NULL") == [(0,)]


def test_nor_is_what_is_new_held_up_by_what_was_sent_by_such_a_clock(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd", site="told"))
    scene.pass_time(hours=-2)
    scene.arrive(*scene.results("uddd", site="new"))
    assert [event["data"]["site"] for event in scene.receiver.events] == ["told", "new"]


def test_a_site_that_another_alerter_has_in_hand_is_passed_over(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials
) -> None:
    scene.write(scene.results("uddd"))
    with (
        closing(connect(postgres_server, owner, application_name="test")) as second,
        take_sites(second, undecided_ids(second)),
    ):
        assert scene.decider.decide(scene.conn) == 0


def test_what_has_waited_longest_is_decided_on_first(scene: Scene) -> None:
    for site in ("blog", "shop"):
        scene.arrive(*scene.results("u", site=site))
    for site in ("shop", "blog"):
        scene.write(scene.results("d", start=1, site=site))
    assert scene.decider.decide(scene.conn, most=1) == 1
    query = "SELECT site.name FROM sitemon.undecided JOIN sitemon.site USING (site_id)"
    assert rows(scene.conn, query) == [("blog",)]


def test_what_is_put_off_does_not_come_behind_what_came_meanwhile(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials
) -> None:
    scene.write(scene.results("d"))
    with (
        closing(connect(postgres_server, owner, application_name="test")) as second,
        take_sites(scene.conn, undecided_ids(scene.conn)[:1]) as taken,
    ):
        prepare_session(second)
        write_batch(second, Names(), scene.results("d", site="wiki"))
        taken.put_off(list(taken.changed_from))
    with take_sites(scene.conn, undecided_ids(scene.conn)[:1]) as taken:
        assert list(taken.names.values()) == ["shop"]


@pytest.mark.parametrize("mark", [mark_delivered, mark_message_delivered])
def test_what_arrived_as_its_session_ended_is_marked_in_the_next_one_and_others_go_on(
    scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch, mark: Callable[..., None]
) -> None:
    def in_a_session_that_ends(conn: Connection, *args: object) -> None:
        with closing(connect_it()) as other:
            assert rows(other, "SELECT pg_terminate_backend(%s, 10000)", [conn.info.backend_pid]) == [(True,)]
        mark(conn, *args)

    channel = scene.receiver.people() if mark is mark_message_delivered else scene.receiver.channel()
    scene.use(channel, group_for_s=0.0)
    scene.write(scene.results("uddd"))
    scene.decide()
    with monkeypatch.context() as patch:
        patch.setattr(sender, mark.__name__, in_a_session_that_ends)
        with pytest.raises(UnreachableError):
            scene.send()
    with closing(connect_it()) as scene.conn:
        prepare_session(scene.conn)
        scene.arrive(*scene.results("uddd", site="wiki"))
        assert scene.receiver.tries == 2
        assert states(scene) == [("site.down", "delivered")] * 2


@pytest.mark.parametrize(("ended_h_ago", "told"), [(21, ["site.down", "site.resolved"]), (25, [])])
def test_what_was_over_a_day_ago_when_it_is_found_is_no_news(scene: Scene, ended_h_ago: int, told: list[str]) -> None:
    rows_of_day = scene.results("udddu")
    hours = timedelta(hours=ended_h_ago)
    before = [replace(one, slot_at=one.slot_at - hours) for one in rows_of_day]
    scene.arrive(*before)
    assert [type_ for type_, *_ in scene.said] == told
    assert len(scene.incidents) == 1


def test_what_was_told_as_down_is_told_as_over_however_late_that_is_found(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    scene.use(scene.receiver.channel(), now=clock.utc_now() + timedelta(days=3))
    scene.arrive(*scene.results("u", start=4))
    assert [type_ for type_, *_ in scene.said] == ["site.down", "site.resolved"]


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
    tidy(Steps(scene.conn), this_hour(), most_marks=3)
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.undecided") == [(5,)]
    scene.arrive()
    assert sorted(scene.incidents) == [(0, None), (0, None)]


def test_alerts_that_were_dealt_with_are_dropped_in_time(scene: Scene) -> None:
    scene.receiver.answers = [(204, {}), (500, {})]
    scene.arrive(*scene.results("udddu"))
    tidy(Steps(scene.conn), clock.utc_now() + MINUTE)
    assert states(scene) == [("site.resolved", "waiting")]
