"""What a service of people says too late is the answer to the message that it was sent, and to no other one."""

import threading
import time
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.alert.outlets import sender_of
from sitemon.alert.verdict import TRIES_AS_SAID
from sitemon.apprise_services import Sent, Service
from sitemon.model.alerts import Channel
from sitemon.store.outbox import retry_alerts
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene, pass_time
from tests.integration.alert.test_people import A_MINUTE_H

Hanging = tuple[Service, threading.Event, list[str]]
"""A service that hangs until the event is set, and takes what it was sent then; and the subjects of that."""


@pytest.fixture
def hanging() -> Hanging:
    service, go_on, asked = Service("json://127.0.0.1:1/", timeout_s=0.1), threading.Event(), list[str]()

    def notify(subject: str, _body: str, **_: bool) -> Sent:
        asked.append(subject)
        go_on.wait(30)
        return Sent(is_delivered=True)

    service._notify = notify  # type: ignore[method-assign, assignment]
    return service, go_on, asked


def test_one_that_hangs_on_is_left_alone_and_its_late_answer_counts(hanging: Hanging) -> None:
    service, go_on, asked = hanging
    assert service.send("a", "body", is_bad_news=True, number="1").problem == "no answer in time"
    assert service.send("a", "body", is_bad_news=True, number="1").problem == "it still hangs from the last message"
    go_on.set()
    deadline_s = time.monotonic() + 10
    while not (sent := service.send("a", "body", is_bad_news=True, number="1")).is_delivered:
        assert sent.problem == "it still hangs from the last message"
        assert time.monotonic() < deadline_s
    assert asked == ["a"]
    assert service.send("b", "body", is_bad_news=True, number="1").is_delivered
    assert asked == ["a", "b"]


def test_a_late_answer_counts_though_another_message_was_sent_before(hanging: Hanging) -> None:
    service, go_on, asked = hanging
    assert service.send("a", "body", is_bad_news=True, number="1").may_arrive
    assert service.send("b", "body", is_bad_news=True, number="1").may_arrive
    go_on.set()
    deadline_s = time.monotonic() + 10
    while not service.send("b", "body", is_bad_news=True, number="1").is_delivered:
        assert time.monotonic() < deadline_s
    assert service.send("a", "body", is_bad_news=True, number="1").is_delivered
    assert asked == ["a", "b"]


def test_nor_is_it_the_answer_to_a_message_of_another_time_that_says_the_same(hanging: Hanging) -> None:
    service, go_on, asked = hanging
    assert service.send("a", "body", is_bad_news=True, number="1").may_arrive
    go_on.set()
    deadline_s = time.monotonic() + 10
    while not service.send("a", "body", is_bad_news=True, number="2").is_delivered:
        assert time.monotonic() < deadline_s
    assert asked == ["a", "a"]
    assert service.send("a", "body", is_bad_news=True, number="1").is_delivered
    assert asked == ["a", "a"]


@pytest.fixture
def told_by_it(scene: Scene, hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """A channel on which an alert is due; the scene's sender has the service that hangs, new ones the receiver."""
    people = scene.receiver.people()
    with monkeypatch.context() as patch:
        patch.setattr("sitemon.alert.outlets.Service", lambda *_: hanging[0])
        scene.use(people, group_for_s=0.0)
    scene.write(scene.results("uddd"))
    scene.decide()
    return people


def let_it_end(hanging: Hanging) -> None:
    service, go_on, _ = hanging
    go_on.set()
    assert service._abandoned is not None
    service._abandoned.thread.join(10)


def test_no_other_alerter_sends_what_may_still_arrive(scene: Scene, hanging: Hanging, told_by_it: Channel) -> None:
    [ours], other = scene.senders, sender_of(told_by_it, str)
    assert ours.send_due(scene.conn)
    pass_time(scene.conn, timedelta(seconds=10))
    assert (other.send_due(scene.conn), ours.send_due(scene.conn)) == (False, True)
    let_it_end(hanging)
    pass_time(scene.conn, timedelta(seconds=12))
    assert (other.send_due(scene.conn), ours.send_due(scene.conn)) == (False, True)
    assert rows(scene.conn, "SELECT delivered_at IS NOT NULL FROM sitemon.outbox") == [(True,)]
    assert (len(hanging[-1]), scene.receiver.tries) == (1, 0)


def test_nor_is_it_left_to_others_by_one_that_tells_of_another_site_meanwhile(
    scene: Scene, hanging: Hanging, told_by_it: Channel
) -> None:
    [ours], other = scene.senders, sender_of(told_by_it, str)
    scene.write(scene.results("uddd", site="wiki"))
    scene.decide()
    execute(scene.conn, "UPDATE sitemon.channel SET failures = 2")
    assert ours.send_due(scene.conn)
    let_it_end(hanging)
    scene.pass_time(hours=A_MINUTE_H)
    for sender in (ours, other, ours):
        sender.send_due(scene.conn)
    [(subject, _)] = scene.receiver.read
    assert (len(hanging[-1]), "shop" in hanging[-1][0], "wiki" in subject) == (1, True, True)


def test_nor_does_it_when_the_service_hangs_again_much_later(
    scene: Scene, hanging: Hanging, told_by_it: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ours], other = scene.senders, sender_of(told_by_it, str)
    assert ours.send_due(scene.conn)
    let_it_end(hanging)
    pass_time(scene.conn, timedelta(seconds=10))
    assert ours.send_due(scene.conn)
    hanging[1].clear()
    scene.write(scene.results("u", start=4))
    scene.decide()
    now_s = clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s() + 3_600)
    assert ours.send_due(scene.conn)
    pass_time(scene.conn, timedelta(seconds=10))
    assert not other.send_due(scene.conn)
    let_it_end(hanging)


def test_where_its_alerter_is_gone_another_one_sends_it_once_that_may_take_no_longer(
    scene: Scene, hanging: Hanging, told_by_it: Channel
) -> None:
    assert scene.senders[0].send_due(scene.conn)
    scene.senders = [sender_of(told_by_it, str)]
    for seconds, tries in ((10, 0), (30, 1)):
        pass_time(scene.conn, timedelta(seconds=seconds))
        scene.send()
        assert scene.receiver.tries == tries
    let_it_end(hanging)


def test_to_retry_frees_the_channel_of_one_that_is_gone(
    scene: Scene, hanging: Hanging, told_by_it: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.sender._HELD_S", 330.0)
    assert scene.senders[0].send_due(scene.conn)
    scene.senders = [sender_of(told_by_it, str)]
    assert retry_alerts(scene.conn) == 1
    for tries in (0, 1):
        scene.send()
        assert scene.receiver.tries == tries
        pass_time(scene.conn, timedelta(minutes=1))
    let_it_end(hanging)


def test_so_it_is_where_what_is_left_without_foreign_words_may_still_arrive(
    scene: Scene, hanging: Hanging, told_by_it: Channel
) -> None:
    service, go_on, asked = hanging

    def notify(subject: str, _body: str, **_: bool) -> Sent:
        asked.append(subject)
        if len(asked) <= TRIES_AS_SAID + 1:
            return Sent(is_delivered=False, status=400)
        go_on.wait(30)
        return Sent(is_delivered=True)

    service._notify = notify  # type: ignore[method-assign, assignment]
    [ours], other = scene.senders, sender_of(told_by_it, str)
    for _ in range(TRIES_AS_SAID + 1):
        scene.pass_time(hours=A_MINUTE_H)
        assert ours.send_due(scene.conn)
    assert len(asked) == TRIES_AS_SAID + 2
    pass_time(scene.conn, timedelta(seconds=10))
    assert (other.send_due(scene.conn), ours.send_due(scene.conn)) == (False, True)
    let_it_end(hanging)


def test_a_service_that_hangs_for_long_is_left_to_others_too(
    scene: Scene, hanging: Hanging, told_by_it: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.sender._LONGEST_HOLD_S", 0.0)
    assert scene.senders[0].send_due(scene.conn)
    scene.senders = [sender_of(told_by_it, str)]
    pass_time(scene.conn, timedelta(seconds=10))
    scene.send()
    assert scene.receiver.tries == 1
    let_it_end(hanging)


def test_a_message_keeps_its_number_when_it_is_sent_again_and_no_other_one_has_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers: list[str] = []

    def send(*_: object, number: str, **__: bool) -> Sent:
        numbers.append(number)
        return Sent(is_delivered=len(numbers) > 1, status=503)

    monkeypatch.setattr(Service, "send", send)
    scene.use(scene.receiver.people(), group_for_s=0.0)
    scene.arrive(*scene.results("uddd"))
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    scene.arrive(*scene.results("u", start=4))
    first, again, other = numbers
    assert first == again != other
