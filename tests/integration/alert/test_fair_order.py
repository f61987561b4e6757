"""A channel is shared by sites in turns: however much waits of one, the alert of another waits for few."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from operator import itemgetter

import pytest

from sitemon.alert.outlets import sender_of
from sitemon.incident.policy import Policy
from sitemon.store.connect import Connection
from sitemon.store.deciding import Saying, begin_deciding
from sitemon.store.outbox import (
    Alert,
    due_alerts,
    give_up,
    mark_delivered,
    mark_failed,
    read_waiting,
    retry_alerts,
)
from tests.integration.alert.scene import Scene

SEVERAL = [f"site-{number}" for number in range(8)]


def test_a_site_that_flaps_does_not_hold_up_the_alert_of_another(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    scene.receiver.answers = [(500, {"Retry-After": "1800"})]
    for minute in range(20):
        scene.arrive(*scene.results("ud"[minute % 2], start=minute))
    scene.arrive(*scene.results("ud", site="wiki"))
    assert scene.receiver.events == []
    scene.pass_time(hours=1)
    scene.send()
    said = [(event["data"]["site"], event["type"]) for event in scene.receiver.events]
    assert len(said) > 15
    assert said.index(("wiki", "site.down")) <= 1
    assert [type_ for site, type_ in said if site == "shop"] == ["site.down", "site.resolved"] * 9 + ["site.down"]


def test_where_hundreds_of_sites_of_one_file_fail_others_wait_for_few_of_them(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    scene.senders = [sender_of(scene.receiver.channel(), lambda site: site[0])]
    crowds = "abcdef"
    say(scene.conn, [f"{crowd}{number}" for crowd in crowds for number in range(40)], file_of=itemgetter(0))
    say(scene.conn, ["wiki", "x-1", "x-2"], file_of=itemgetter(0))
    for _ in range(3):
        scene.senders[0].send_due(scene.conn)
    said = [event["data"]["site"] for event in scene.receiver.events]
    assert [*map(itemgetter(0), said)] == [*crowds, "w", "x", *crowds[:4]]
    scene.send()
    said = [event["data"]["site"] for event in scene.receiver.events]
    assert len(said) == 243
    for crowd in crowds:
        assert [site for site in said if site[0] == crowd] == [f"{crowd}{number}" for number in range(40)]


def test_a_message_to_people_names_each_site_rather_than_one_site_often(scene: Scene) -> None:
    scene.use(scene.receiver.people(), policy=Policy(down_after=1))
    for minute in range(40):
        scene.arrive(*scene.results("ud"[minute % 2], start=minute))
    scene.arrive(*scene.results("ud", site="wiki"))
    scene.pass_time(hours=1)
    scene.send()
    [(_, lines)] = scene.receiver.read
    assert "wiki is down: timeout" in lines


def say(
    conn: Connection, sites: Iterable[str], channel: str = "hook", file_of: Callable[[str], str] = lambda _: ""
) -> None:
    """Put an alert of each of these sites into the outbox; what is of no site is of the empty name."""
    with begin_deciding(conn) as deciding:
        deciding.say(Saying(channel, None, event_of(site), 0.0, file_of(site)) for site in sites)


def event_of(site: str) -> dict[str, object]:
    expires_at = "2026-12-07T07:00:00Z"
    data = {"id": str(uuid.uuid4()), "site": site or None, "url": None, "link": None, "cert_expires_at": expires_at}
    type_ = "certificate.expiring" if site else "region.offline"
    return {"type": type_, "timestamp": "2026-11-30T07:00:00Z", "data": data}


def next_alerts(conn: Connection, most: int) -> list[Alert]:
    return read_waiting(conn, [*due_alerts(conn, "hook", most)][:most])


def deliver(conn: Connection, most: int) -> list[Alert]:
    alerts = next_alerts(conn, most)
    for alert in alerts:
        mark_delivered(conn, "hook", alert.outbox_id)
    return alerts


def deliver_all(conn: Connection) -> list[Alert]:
    delivered = []
    while alerts := deliver(conn, 5):
        delivered += alerts
    return delivered


def site_of(alert: Alert) -> str:
    return alert.event["data"]["site"] or ""


def assert_sites_keep_their_order(delivered: Iterable[Alert]) -> None:
    last: dict[str, int] = {}
    for alert in delivered:
        assert alert.outbox_id > last.get(site_of(alert), 0)
        last[site_of(alert)] = alert.outbox_id


@pytest.mark.parametrize("sent_before", [0, 1, 8, 20, 39])
def test_an_alert_waits_for_one_of_each_other_site_however_many_of_them_flap(scene: Scene, sent_before: int) -> None:
    for _ in range(5):
        say(scene.conn, SEVERAL)
    for _ in range(sent_before):
        deliver(scene.conn, 1)
    say(scene.conn, ["wiki"])
    delivered = deliver_all(scene.conn)
    assert len(delivered) == 41 - sent_before
    assert [site_of(alert) for alert in delivered].index("wiki") <= len(SEVERAL)


def test_what_is_of_no_site_waits_for_one_of_each_site(scene: Scene) -> None:
    say(scene.conn, SEVERAL * 5)
    say(scene.conn, ["", ""])
    delivered = [site_of(alert) for alert in deliver_all(scene.conn)]
    assert delivered.index("") == len(SEVERAL)


@pytest.mark.parametrize("seed", range(5))
def test_in_any_mix_a_site_keeps_its_order_and_waits_for_few_of_each_other(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    delivered: list[Alert] = []
    waiting: Counter[str] = Counter()
    joined_after: dict[str, int] = {}
    sites = [*SEVERAL, ""]
    for _ in range(60):
        site = chance.choices(sites, weights=[20, 10, 5, 3, 1, 1, 1, 1, 1])[0]
        said = [site] * chance.randrange(1, 8)
        say(scene.conn, said)
        if not waiting[site]:
            joined_after[site] = len(delivered)
        waiting[site] += len(said)
        for alert in deliver(scene.conn, chance.randrange(1, 6)):
            delivered.append(alert)
            waiting[site_of(alert)] -= 1
            if (joined := joined_after.pop(site_of(alert), None)) is not None:
                before = Counter(map(site_of, delivered[joined:-1]))
                assert all(count <= 1 for count in before.values())
    delivered += deliver_all(scene.conn)
    assert_sites_keep_their_order(delivered)


def test_what_is_refused_comes_again_before_what_came_later_of_its_site(scene: Scene) -> None:
    say(scene.conn, ["shop", "shop", "wiki"])
    (refused,) = next_alerts(scene.conn, 1)
    mark_failed(scene.conn, refused.outbox_id, "HTTP 400", 3_600.0)
    scene.pass_time(hours=2)
    assert_sites_keep_their_order(deliver_all(scene.conn))


def refuse(conn: Connection, most: int) -> list[Alert]:
    alerts = next_alerts(conn, most)
    for alert in alerts:
        mark_failed(conn, alert.outbox_id, "HTTP 400", 30.0)
    return alerts


def refuse_all(conn: Connection) -> None:
    while refuse(conn, 4):
        pass


@pytest.mark.parametrize("sites", [["shop"] * 60, [f"site-{number}" for number in range(60)]])
def test_what_was_refused_comes_again_after_what_of_other_sites_was_not_tried(scene: Scene, sites: list[str]) -> None:
    say(scene.conn, sites)
    refuse_all(scene.conn)
    for _ in range(2):
        scene.pass_time(hours=1)
        say(scene.conn, ["wiki"])
        assert [site_of(alert) for alert in deliver(scene.conn, 1)] == ["wiki"]
        refuse(scene.conn, 4)
        say(scene.conn, ["docs"])
        assert [site_of(alert) for alert in deliver(scene.conn, 1)] == ["docs"]
        refuse_all(scene.conn)
    scene.pass_time(hours=1)
    say(scene.conn, sites)
    delivered = deliver_all(scene.conn)
    assert len(delivered) == 120
    assert_sites_keep_their_order(delivered)


def test_what_was_given_up_and_is_sent_again_comes_before_what_came_later_of_its_site(scene: Scene) -> None:
    say(scene.conn, ["shop"] * 5)
    deliver(scene.conn, 1)
    give_up(scene.conn, "hook", "gone")
    say(scene.conn, ["shop", "wiki"])
    assert retry_alerts(scene.conn) == 4
    delivered = deliver_all(scene.conn)
    assert_sites_keep_their_order(delivered)
    assert [site_of(alert) for alert in delivered].index("wiki") <= 1
