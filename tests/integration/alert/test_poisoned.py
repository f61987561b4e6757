"""An alert that its receiver refuses for what it says: others arrive, and it does at last, without foreign words."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from sitemon import clock
from sitemon.alert.outlets import sender_of
from sitemon.alert.own_events import region_event
from sitemon.alert.post import TIMEOUT_S
from sitemon.alert.rules import Rulebook
from sitemon.alert.sender import MessageSender, Sender
from sitemon.alert.verdict import Answer
from sitemon.incident.connectivity import Turn
from sitemon.local.ports import free_port
from sitemon.model.alerts import Channel
from sitemon.model.result import Result
from sitemon.model.site import Site
from sitemon.store.deciding import Saying, begin_deciding
from tests.databases import rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene, pass_time
from tests.results import a_down, a_result

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""What filters of spam refuse, to be tested by."""

ALERTS = "SELECT site, state FROM sitemon.alerts ORDER BY alert_id"


class Mailbox:
    """A mail server that refuses what looks like spam to it."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        self.refused = 0

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = "".join(part.get_content() for part in mail.walk() if not part.is_multipart())
        if GTUBE in text:
            self.refused += 1
            return "554 5.7.1 this looks like spam"
        self.mails.append((str(mail["subject"]), text))
        return "250 taken"


@pytest.fixture
def mailbox(scene: Scene) -> Iterator[Mailbox]:
    box, port = Mailbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    url = f"mailto://127.0.0.1:{port}?from=sitemon@example.org&to=ops@example.org&mode=insecure"
    scene.use(Channel(name="mail", kind="apprise", url=url), group_for_s=0.0)
    yield box
    server.stop()


def poisoned(site: str, start: float = 0) -> list[Result]:
    url = f"https://{site}.example/{GTUBE}"
    failing = [
        a_down(
            site, minute=start + minute, url=url, reason="http_status", http_code=500, error="HTTP 500", excerpt=GTUBE
        )
        for minute in (1, 2, 3)
    ]
    return [a_result(site, minute=start, url=url), *failing]


def minutes_until(scene: Scene, told: str) -> int:
    """Let minutes pass until all alerts of a site are delivered; return how many it were."""
    for minutes in range(200):
        if {state for site, state in rows(scene.conn, ALERTS) if site == told} == {"delivered"}:
            return minutes
        scene.pass_time(hours=1 / 60)
        scene.send()
    raise AssertionError(rows(scene.conn, ALERTS))


def refuse(receiver: Receiver, status: int, word: str = GTUBE) -> None:
    """Let a receiver answer so to whatever has a word in it."""
    take = receiver.take

    def refusing(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if word.encode() in body:
            receiver.tries += 1
            return status, {}
        return take(path, headers, body)

    receiver.take = refusing  # type: ignore[method-assign]


def test_a_mail_that_is_refused_for_one_site_does_not_hold_up_those_of_others(scene: Scene, mailbox: Mailbox) -> None:
    scene.write([*poisoned("blog"), *scene.results("uddd")])
    scene.decide()
    scene.send()
    scene.arrive(*scene.results("uddd", site="wiki"))
    assert minutes_until(scene, "wiki") <= 2
    assert minutes_until(scene, "shop") <= 5
    assert minutes_until(scene, "blog") <= 5
    [text] = [text for subject, text in mailbox.mails if subject.startswith("blog")]
    assert "the URL and what the server said are left out: this alert was refused with them" in text
    assert len(mailbox.mails) == 3


def test_what_shares_a_mail_with_a_refused_site_arrives_though_nothing_else_happens(
    scene: Scene, mailbox: Mailbox
) -> None:
    scene.write([*poisoned("blog"), *scene.results("uddd")])
    scene.decide()
    scene.send()
    assert minutes_until(scene, "shop") <= 5
    assert minutes_until(scene, "blog") <= 5
    subjects = sorted(subject for subject, _ in mailbox.mails)
    assert subjects == ["blog is down: http_status (500)", "shop is down: timeout"]


def test_a_refused_alert_arrives_without_foreign_words_though_there_is_no_other(scene: Scene, mailbox: Mailbox) -> None:
    scene.arrive(*poisoned("blog"))
    assert minutes_until(scene, "blog") <= 2


def test_many_refused_sites_hold_up_another_for_minutes_only(scene: Scene, mailbox: Mailbox) -> None:
    scene.write([*(row for number in range(12) for row in poisoned(f"blog-{number}")), *scene.results("uddd")])
    scene.decide()
    scene.send()
    assert minutes_until(scene, "shop") <= 6
    assert minutes_until(scene, "blog-11") <= 20
    assert mailbox.refused < 60


@pytest.mark.parametrize("status", [500, 503, 0])
def test_a_program_that_fails_at_one_event_gets_those_of_others_and_its_own_in_order(scene: Scene, status: int) -> None:
    refuse(scene.receiver, status)
    scene.arrive(*poisoned("blog"))
    scene.arrive(*scene.results("u", start=4, site="blog"))
    scene.arrive(*scene.results("uddd"))
    assert minutes_until(scene, "shop") <= 2
    assert minutes_until(scene, "blog") <= 10
    told = [event for event in scene.receiver.events if event["data"]["site"] == "blog"]
    assert [event["type"] for event in told] == ["site.down", "site.resolved"]
    assert [event["data"]["url"] for event in told] == ["", ""]
    assert told[0]["data"]["incident"]["excerpt"] is None


@pytest.mark.parametrize("status", [400, 403])
def test_what_a_service_refuses_of_several_sites_is_sent_of_each(scene: Scene, status: int) -> None:
    scene.use(scene.receiver.people(), group_for_s=0.0)
    refuse(scene.receiver, status, "shop.example/bad")
    bad = "https://shop.example/bad"
    scene.write(
        [
            *[a_result("shop", minute=0, url=bad), *(a_down("shop", minute=minute, url=bad) for minute in (1, 2, 3))],
            *scene.results("uddd", site="wiki"),
        ]
    )
    scene.decide()
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == ["wiki is down: timeout"]
    assert minutes_until(scene, "shop") <= 5


def test_what_is_refused_even_without_foreign_words_is_given_up_after_a_day_and_says_so(scene: Scene) -> None:
    refuse(scene.receiver, 500, "blog")
    scene.arrive(*poisoned("blog"))
    for _ in range(50):
        scene.pass_time(hours=0.5)
        scene.send()
        scene.arrive(*scene.results("uddd", site=f"shop-{_}"))
    query = "SELECT state, problem FROM sitemon.alerts WHERE site = 'blog'"
    assert rows(scene.conn, query) == [("given up", "HTTP 500, also without what the site said")]
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.alerts WHERE state <> 'delivered'") == [(1,)]


@pytest.mark.parametrize("is_for_people", [False, True])
def test_a_receiver_that_is_away_gets_everything_as_it_was_said_and_each_site_in_order(
    scene: Scene, is_for_people: bool
) -> None:
    sites = [f"site-{number}" for number in range(6)]
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    with scene.receiver.away():
        for minute, letters in ((0, "uddd"), (4, "u")):
            scene.arrive(*(row for site in sites for row in scene.results(letters, minute, site)))
            for _ in range(60):
                scene.pass_time(hours=1 / 60)
                scene.send()
    scene.pass_time(hours=0.1)
    scene.send()
    assert {state for _, state in rows(scene.conn, ALERTS)} == {"delivered"}
    if is_for_people:
        assert len(scene.receiver.read) <= 3
        assert "left out" not in str(scene.receiver.read)
        return
    assert len(scene.receiver.ids) == len(set(scene.receiver.ids)) == 12
    for site in sites:
        told = [event for event in scene.receiver.events if event["data"]["site"] == site]
        assert [event["type"] for event in told] == ["site.down", "site.resolved"]
        assert all(event["data"]["url"] for event in told)
    assert "left out" not in str(scene.receiver.events)


@pytest.mark.parametrize("count", [4, 48])
@pytest.mark.parametrize("is_for_people", [False, True])
def test_sites_whose_names_are_refused_hold_up_no_other(scene: Scene, is_for_people: bool, count: int) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    refuse(scene.receiver, 500, "blog")
    names = [*(f"blog-{number}" for number in range(count)), "shop"]
    scene.arrive(*(row for name in names for row in scene.results("uddd", site=name)))
    assert minutes_until(scene, "shop") <= 5


@pytest.fixture(params=[False, True], ids=["a program", "people"])
def refusing(scene: Scene, request: pytest.FixtureRequest) -> Scene:
    """A channel that waits for minutes: its receiver takes nothing that names a site, and nothing else was said."""
    scene.use(scene.receiver.people() if request.param else scene.receiver.channel(), group_for_s=0.0)
    refuse(scene.receiver, 500, "blog")
    scene.arrive(*scene.results("uddd", site="blog"))
    for _ in range(10):
        scene.pass_time(hours=1 / 12)
        scene.send()
    return scene


def pass_seconds(scene: Scene, seconds: int) -> None:
    for _ in range(seconds):
        pass_time(scene.conn, timedelta(seconds=1))
        scene.send()


def test_a_channel_that_waits_for_one_file_tries_an_alert_of_another_soon(refusing: Scene) -> None:
    for site in ("shop", "wiki"):
        refusing.arrive(*refusing.results("uddd", site=site))
        pass_seconds(refusing, 6)
        assert (site, "delivered") in rows(refusing.conn, ALERTS)
        refusing.pass_time(hours=1 / 60)


@pytest.mark.parametrize("is_for_people", [False, True])
def test_so_it_does_however_many_files_failed(scene: Scene, is_for_people: bool) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    refuse(scene.receiver, 500, "blog")
    scene.arrive(*(row for number in range(20) for row in scene.results("uddd", site=f"blog-{number}")))
    for _ in range(12):
        scene.pass_time(hours=1 / 12)
        scene.send()
    scene.arrive(*scene.results("uddd"))
    pass_seconds(scene, 16)
    assert ("shop", "delivered") in rows(scene.conn, ALERTS)


def test_what_is_of_no_site_does_not_wait_for_one_that_was_taken_out(refusing: Scene) -> None:
    book = Rulebook({"blog": Site(name="blog", url="https://blog.example/", file="blogs.yaml")}, clock.utc_now())
    refusing.senders = [sender_of(channel, book.file_of) for channel in refusing.alerts.channels.values()]
    book.take_up({}, clock.utc_now())
    with begin_deciding(refusing.conn) as deciding:
        event = region_event("eu", Turn(clock.utc_now(), 5, 5), clock.utc_now(), clock.utc_now())
        deciding.say([Saying(name, None, event, 0.0, "shop.yaml") for name in refusing.alerts.channels])
    pass_seconds(refusing, 6)
    assert (None, "delivered") in rows(refusing.conn, ALERTS)


def test_it_tries_nothing_more_of_the_file_that_failed(refusing: Scene) -> None:
    tries = refusing.receiver.tries
    refusing.senders = [sender_of(channel, lambda _: "blogs") for channel in refusing.alerts.channels.values()]
    refusing.arrive(*refusing.results("uddd", site="blog-2"))
    pass_seconds(refusing, 60)
    assert refusing.receiver.tries == tries


def test_nor_anything_once_its_receiver_asks_to_wait(refusing: Scene) -> None:
    refusing.receiver.answers = [(429, {"Retry-After": "600"})]
    refusing.arrive(*refusing.results("uddd"))
    pass_seconds(refusing, 6)
    assert refusing.receiver.answers == []
    tries = refusing.receiver.tries
    refusing.arrive(*refusing.results("uddd", site="wiki"))
    pass_seconds(refusing, 120)
    assert refusing.receiver.tries == tries
    assert minutes_until(refusing, "wiki") <= 10


@pytest.mark.parametrize("is_for_people", [False, True])
def test_nor_do_they_hold_up_one_that_would_arrive_without_foreign_words(scene: Scene, is_for_people: bool) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    refuse(scene.receiver, 500, "spam")
    names, bad = [f"spam-{number}" for number in range(12)], "https://wiki.example/spam"
    scene.write([row for name in names for row in scene.results("uddd", site=name)])
    scene.decide()
    scene.arrive(a_result("wiki", minute=0, url=bad), *(a_down("wiki", minute=minute, url=bad) for minute in (1, 2, 3)))
    assert minutes_until(scene, "wiki") <= 8


@pytest.mark.parametrize("is_for_people", [False, True])
def test_one_that_hangs_is_asked_no_longer_than_the_channel_is_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, is_for_people: bool
) -> None:
    now_s = 0.0

    def hang(*_: object) -> Answer:
        nonlocal now_s
        now_s += 2 * TIMEOUT_S
        return Answer(0, problem="no answer in time")

    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)
    channel = scene.receiver.people() if is_for_people else scene.receiver.channel()
    scene.use(channel, group_for_s=0.0)
    scene.write([row for number in range(10) for row in scene.results("uddd", site=f"site-{number}")])
    scene.decide()
    sender = MessageSender(channel, hang, lambda _: True, str) if is_for_people else Sender(channel, hang, str)
    lasted_s = []
    for _ in range(8):
        began_s = now_s
        assert sender.send_due(scene.conn)
        lasted_s.append(now_s - began_s)
        scene.pass_time(hours=0.1)
    assert 4 * 2 * TIMEOUT_S < max(lasted_s) < 120


def test_the_later_alert_of_a_site_comes_before_new_ones_that_are_refused(scene: Scene) -> None:
    refuse(scene.receiver, 500, "blog")
    with scene.receiver.away():
        scene.arrive(*scene.results("uddd"))
        scene.arrive(*scene.results("u", start=4))
    scene.pass_time(hours=1 / 60)
    assert scene.senders[0].send_due(scene.conn)
    assert [event["type"] for event in scene.receiver.events] == ["site.down"]
    scene.arrive(*(row for number in range(5) for row in scene.results("uddd", site=f"blog-{number}")))
    assert minutes_until(scene, "shop") <= 6


@pytest.mark.parametrize("is_for_people", [False, True])
def test_each_site_keeps_its_order_where_a_receiver_comes_back_between_two_tries(
    scene: Scene, is_for_people: bool
) -> None:
    scene.use(scene.receiver.people() if is_for_people else scene.receiver.channel(), group_for_s=0.0)
    with scene.receiver.away():
        for minute, letters in ((0, "uddd"), (4, "u")):
            scene.arrive(*(row for site in ("shop", "wiki") for row in scene.results(letters, minute, site)))
        for _ in range(3):
            scene.pass_time(hours=0.1)
            scene.send()
    scene.receiver.answers = [(500, {}), (500, {})]  # to the first of them, with and without foreign words
    for _ in range(2):
        scene.pass_time(hours=0.1)
        scene.send()
    assert {state for _, state in rows(scene.conn, ALERTS)} == {"delivered"}
    for site in ("shop", "wiki"):
        told = [event["type"] for event in scene.receiver.events if event["data"]["site"] == site]
        assert told == ([] if is_for_people else ["site.down", "site.resolved"])
