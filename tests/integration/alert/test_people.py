"""People are told by Apprise: what they read, what becomes of a message that nobody takes, and no secret is shown."""

import io
import logging
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from sitemon.alert.outlets import try_channel
from sitemon.apprise_services import Service
from sitemon.local.ports import free_port
from sitemon.model.alerts import Channel
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.results import this_hour

SECRET = "s3cr3t-t0ken"
A_MINUTE_H = 1 / 60


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


def test_people_read_what_is_down_and_that_it_is_over(scene: Scene) -> None:
    scene.use(scene.receiver.people(timezone="Europe/Helsinki"), group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    scene.arrive(*scene.results("u", start=4))
    [(down, lines), (resolved, _)] = scene.receiver.read
    assert down == "shop is down: timeout"
    assert resolved == "shop is up again after 3 min"
    assert [body["type"] for body in scene.receiver.bodies] == ["failure", "success"]
    since = f"Down since {this_hour():%Y-%m-%d %H}:01:00 UTC ("
    assert lines[1].startswith(since)
    assert lines[1].endswith("Europe/Helsinki)")
    assert lines[-1].startswith("Acknowledge: sitemon ack ")


def test_what_a_service_does_not_take_is_sent_again(scene: Scene) -> None:
    scene.receiver.answers = [(503, {}), (401, {})]
    scene.use(scene.receiver.people(), group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    assert rows(scene.conn, "SELECT state, problem FROM sitemon.alerts") == [("waiting", "HTTP 503")]
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert rows(scene.conn, "SELECT tries, problem FROM sitemon.alerts") == [(2, "HTTP 401")]
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == ["shop is down: timeout"]
    assert rows(scene.conn, "SELECT state, tries FROM sitemon.alerts") == [("delivered", 3)]


def test_one_that_is_overloaded_is_left_alone_for_a_while(scene: Scene) -> None:
    scene.receiver.answers = [(429, {})]
    scene.use(scene.receiver.people(), group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    scene.arrive(*scene.results("uddd", site="wiki"))
    assert scene.receiver.tries == 1
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert sorted(subject for subject, _ in scene.receiver.read) == ["shop is down: timeout", "wiki is down: timeout"]


def test_one_that_is_gone_for_good_is_not_asked_again(scene: Scene) -> None:
    scene.receiver.answers = [(410, {})]
    scene.use(scene.receiver.people(), group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    scene.arrive(*scene.results("u", start=4))
    assert scene.receiver.tries == 1
    assert {state for (state,) in rows(scene.conn, "SELECT state FROM sitemon.alerts")} == {"given up"}


def test_after_an_hour_without_the_service_one_site_is_told_and_then_the_others(scene: Scene) -> None:
    scene.use(scene.receiver.people(), group_for_s=0.0)
    with scene.receiver.away():
        for minute in range(4):
            scene.arrive(*scene.results("uddd", site=f"site-{minute}"))
            scene.pass_time(hours=0.25)
            scene.send()
    scene.pass_time(hours=0.25)
    scene.send()
    assert sorted(subject for subject, _ in scene.receiver.read) == [
        "2 sites are down: site-1, site-2",
        "site-0 is down: timeout",
        "site-3 is down: timeout",
    ]


def test_a_service_that_hangs_is_given_up_in_time_and_asked_once_at_a_time(silent: int) -> None:
    service = Service(f"json://127.0.0.1:{silent}/", timeout_s=0.2)
    began_s = time.monotonic()
    assert service.send("subject", "body", is_bad_news=True, number="1").is_delivered is False
    assert time.monotonic() - began_s < 5


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What a log of everything would hold; caplog itself looks into loggers that keep their records from others."""
    caplog.set_level(logging.DEBUG)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    yield log
    logging.getLogger().removeHandler(handler)


def test_no_secret_of_a_url_is_logged_or_kept(scene: Scene, log: io.StringIO) -> None:
    scene.receiver.answers = [(500, {})]
    good = scene.receiver.people()
    channels = [
        Channel(name="a", kind="apprise", url=good.url.replace("people", f"{SECRET}/?+X-Key={SECRET}")),
        Channel(name="b", kind="apprise", url=f"json://me:{SECRET}@127.0.0.1:1/{SECRET}"),
        Channel(name="c", kind="apprise", url=f"slack://{SECRET}/{SECRET}/{SECRET}/#{SECRET}"),
    ]
    scene.use(*channels, group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    kept = rows(
        scene.conn, "SELECT outbox::text FROM sitemon.outbox UNION ALL SELECT channel::text FROM sitemon.channel"
    )
    assert len(rows(scene.conn, "SELECT FROM sitemon.alerts WHERE state = 'waiting'")) == 3
    said = log.getvalue()
    assert said.count("alerter.not_delivered") == 3
    assert SECRET not in said + str(kept) + repr(scene.alerts)


def test_a_mail_arrives(scene: Scene) -> None:
    mailbox = Mailbox()
    port = free_port()
    smtp = Controller(mailbox, hostname="127.0.0.1", port=port)
    smtp.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=sitemon@example.org&to=ops@example.org&mode=insecure"
        scene.use(Channel(name="mail", kind="apprise", url=url), group_for_s=0.0)
        scene.arrive(*scene.results("uddd"))
    finally:
        smtp.stop()
    [mail] = mailbox.mails
    assert mail["subject"] == "shop is down: timeout"
    assert mail["to"] == "ops@example.org"
    text = mail.get_body(("plain", "html"))
    assert text is not None
    assert "sitemon ack" in text.get_content()


def test_a_test_reaches_people(scene: Scene) -> None:
    answer = try_channel(scene.receiver.people(), this_hour())
    assert answer.status == 200
    assert scene.receiver.read == [("This is a test: alerts of sitemon arrive here", ["Nothing is down."])]
