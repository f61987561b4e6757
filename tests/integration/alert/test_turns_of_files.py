"""On a webhook files of sites take turns, however many names of a file wait there."""

import os

import pytest

from sitemon.alert.outlets import sender_of
from sitemon.alert.sender import ChannelSender
from sitemon.store.deciding import file_digest
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import say


def file_of(site: str) -> str:
    return site.split("-", maxsplit=1)[0]


def say_theirs(scene: Scene, edit: int) -> None:
    """Say an alert of each of a hundred names that nobody has heard before."""
    say(scene.conn, [f"theirs-{edit}-{number}" for number in range(100)], file_of=file_of)


@pytest.fixture
def sender(scene: Scene) -> ChannelSender:
    """What sends where a file has another hundred names now and then, of which four alerts are sent at once.

    It was started since, and does not know in which files the sites stood.
    """
    sender = sender_of(scene.receiver.channel(), lambda _: "")
    for edit in range(3):
        say_theirs(scene, edit)
        assert sender.send_due(scene.conn)
    return sender


def heard_next(scene: Scene, sender: ChannelSender) -> list[str]:
    before = len(scene.receiver.events)
    sender.send_due(scene.conn)
    return [file_of(event["data"]["site"]) for event in scene.receiver.events[before:]]


def test_an_alert_of_another_file_is_the_next_one(scene: Scene, sender: ChannelSender) -> None:
    say(scene.conn, ["ours-1"], file_of=file_of)
    say_theirs(scene, 4)
    assert heard_next(scene, sender).count("ours") == 1


def test_each_of_several_has_its_turn(scene: Scene, sender: ChannelSender) -> None:
    say(scene.conn, ["ours-1", "ours-2", "yours-1", "mine-1"], file_of=file_of)
    say_theirs(scene, 4)
    assert sorted(heard_next(scene, sender)) == ["mine", "ours", "theirs", "yours"]
    assert heard_next(scene, sender).count("ours") == 1


def test_so_it_is_where_what_they_say_is_refused(scene: Scene, sender: ChannelSender) -> None:
    execute(scene.conn, "UPDATE sitemon.outbox SET turn = -1, tries = 1 WHERE delivered_at IS NULL")
    say(scene.conn, ["ours-1"], file_of=file_of)
    assert heard_next(scene, sender).count("ours") == 1


def test_an_alert_is_of_the_file_of_its_site(scene: Scene) -> None:
    scene.use(scene.receiver.channel(), events=("down", "resolved", "degraded", "reminder"))
    scene.arrive(*scene.results("uddd"), *scene.results("uggg", site="wiki"))
    scene.decider.tell_degraded(scene.conn)
    scene.pass_time(hours=2)
    scene.remind()
    scene.arrive(*scene.results("u", start=4))
    found = rows(scene.conn, "SELECT DISTINCT type, file FROM sitemon.outbox ORDER BY type")
    assert found == [
        ("site.degraded", file_digest("wiki")),
        ("site.down", file_digest("shop")),
        ("site.reminder", file_digest("shop")),
        ("site.resolved", file_digest("shop")),
    ]


@pytest.mark.parametrize("name", [b"\xff\xfe.yaml", b"folder/" * 1_000 + b"a.yaml"])
def test_so_it_is_whatever_the_name_of_the_file(scene: Scene, name: bytes) -> None:
    say(scene.conn, ["shop"], file_of=lambda _: os.fsdecode(name))
    say(scene.conn, ["blog"], file_of=lambda _: "b.yaml")
    assert rows(scene.conn, "SELECT count(DISTINCT file) FROM sitemon.outbox") == [(2,)]
