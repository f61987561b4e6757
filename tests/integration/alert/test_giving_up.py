"""What nobody takes any more is given up some at a time, however much it is: decisions, and others, come in between."""

import pytest

from sitemon.store import outbox
from sitemon.store.connect import Connection
from sitemon.store.outbox import add_channels, give_up_unknown
from tests.databases import execute, looks_at, rows
from tests.integration.alert.running import Connect, running
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import say
from tests.pipeline import wait_for

SITES = [f"site-{number}" for number in range(7)]
GIVEN_UP = (
    "SELECT channel, count(*)::integer FROM sitemon.alerts WHERE state = 'given up' GROUP BY channel ORDER BY channel"
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_GIVEN_UP_AT_ONCE", 3)


def wait_on(scene: Scene, *channels: str, days: float = 2) -> None:
    """Let an alert of each site have waited for each of these channels."""
    add_channels(scene.conn, channels)
    for channel in channels:
        say(scene.conn, SITES, channel)
    scene.pass_time(hours=24 * days)


def given_up_by_parts(conn: Connection) -> list[dict[str, int]]:
    """Give up what waits for channels but `hook`, and return how many were given up after each part."""
    after, parts = give_up_unknown(conn, ["hook"], None), [dict(rows(conn, GIVEN_UP))]
    while after:
        after = give_up_unknown(conn, ["hook"], after)
        parts.append(dict(rows(conn, GIVEN_UP)))
    return parts


def test_of_unknown_channels_some_are_given_up_at_a_time(scene: Scene) -> None:
    wait_on(scene, "hook", "old", "older")
    assert given_up_by_parts(scene.conn) == [
        {"old": 3},
        {"old": 6},
        {"old": 7, "older": 2},
        {"old": 7, "older": 5},
        {"old": 7, "older": 7},
    ]


def test_so_it_is_behind_others_that_have_not_waited_for_a_day(scene: Scene) -> None:
    wait_on(scene, "old", days=0.5)
    wait_on(scene, "older")
    execute(scene.conn, "UPDATE sitemon.outbox SET created_at = now() WHERE channel = 'old'")
    assert given_up_by_parts(scene.conn)[-1] == {"older": 7}


def test_what_waits_for_others_is_not_read_for_it(scene: Scene) -> None:
    for _ in range(30):
        wait_on(scene, "hook")
    wait_on(scene, "old")
    before = looks_at(scene.conn, "outbox")
    after = give_up_unknown(scene.conn, ["hook"], None)
    assert after
    assert looks_at(scene.conn, "outbox") - before < 20


def test_an_alerter_gives_up_all_of_it(scene: Scene, connect_it: Connect) -> None:
    wait_on(scene, "old")
    with running(scene, connect_it):
        wait_for(lambda: rows(scene.conn, GIVEN_UP) == [("old", len(SITES))])


def test_so_it_is_on_a_channel_that_answered_410(scene: Scene) -> None:
    wait_on(scene, "hook")
    scene.receiver.answers = [(410, {})]
    [sender] = scene.senders
    parts = list[object]()
    while sender.send_due(scene.conn):
        parts.append(rows(scene.conn, GIVEN_UP))
    assert parts == [[], [("hook", 3)], [("hook", 6)]]
    assert rows(scene.conn, GIVEN_UP) == [("hook", len(SITES))]
    assert scene.receiver.tries == 1
