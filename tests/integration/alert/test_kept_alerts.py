"""What is kept of alerts that were dealt with: of a site the newest, and what was said of what lasts."""

from datetime import timedelta

import pytest

from sitemon.incident.policy import Policy
from sitemon.store import tidy as module
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy
from tests.databases import execute, rows
from tests.integration.alert.leaving import Story
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import say
from tests.results import this_hour

LONG_AGO = this_hour() - timedelta(days=365)
KEPT = "SELECT type, state FROM sitemon.alerts ORDER BY alert_id"
DOWN, RESOLVED, DEGRADED = ((f"site.{what}", "delivered") for what in ("down", "resolved", "degraded"))


@pytest.fixture
def flapping(scene: Scene) -> Scene:
    """A site that was down five times, and is now."""
    scene.use(scene.receiver.channel(), policy=Policy(down_after=1))
    for minute in range(12):
        scene.arrive(*scene.results("ud"[minute % 2], start=minute))
    assert rows(scene.conn, KEPT) == [DOWN, RESOLVED] * 5 + [DOWN]
    return scene


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """None are kept but those of what lasts."""
    monkeypatch.setattr(module, "_OF_A_SITE", 0)


def test_of_a_site_the_newest_are_kept(flapping: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OF_A_SITE", 3)
    flapping.arrive(*flapping.results("ud", site="wiki"))
    tidy(Steps(flapping.conn), LONG_AGO)
    kept = "SELECT site, type FROM sitemon.alerts ORDER BY alert_id"
    assert rows(flapping.conn, kept) == [
        ("shop", "site.down"),
        ("shop", "site.resolved"),
        ("shop", "site.down"),
        ("wiki", "site.down"),
    ]


def test_what_waits_is_kept(scene: Scene, few: None) -> None:
    say(scene.conn, ["shop", "shop"])
    execute(scene.conn, "UPDATE sitemon.outbox SET given_up_at = now() WHERE turn = 1")
    tidy(Steps(scene.conn), LONG_AGO)
    assert [state for _, state in rows(scene.conn, KEPT)] == ["waiting"]


def test_of_what_lasts_it_is_kept_who_was_told(flapping: Scene, few: None) -> None:
    tidy(Steps(flapping.conn), LONG_AGO)
    assert rows(flapping.conn, KEPT) == [DOWN]
    flapping.arrive(*flapping.results("u", start=12))
    assert rows(flapping.conn, KEPT) == [DOWN, RESOLVED]
    tidy(Steps(flapping.conn), LONG_AGO)
    assert rows(flapping.conn, KEPT) == []


def test_but_for_reminders(flapping: Scene, few: None) -> None:
    flapping.pass_time(hours=2)
    flapping.remind()
    assert rows(flapping.conn, KEPT)[-2:] == [DOWN, ("site.reminder", "delivered")]
    tidy(Steps(flapping.conn), LONG_AGO)
    assert rows(flapping.conn, KEPT) == [DOWN]


def test_so_it_is_of_a_degraded_site(scene: Scene, receiver: Receiver, few: None) -> None:
    story = Story(scene, receiver)
    story.arrive("uggg")
    tidy(Steps(scene.conn), LONG_AGO)
    assert rows(scene.conn, KEPT) == [DEGRADED]
    execute(scene.conn, "UPDATE sitemon.degradation SET since_at = now() + '2 hours'::interval")
    tidy(Steps(scene.conn), LONG_AGO)
    assert rows(scene.conn, KEPT) == []


def test_until_it_is_no_more(scene: Scene, receiver: Receiver, few: None) -> None:
    story = Story(scene, receiver)
    story.arrive("uggg")
    story.arrive("u", start=4)
    assert rows(scene.conn, KEPT) == [DEGRADED, ("site.recovered", "delivered")]
    tidy(Steps(scene.conn), LONG_AGO)
    assert rows(scene.conn, KEPT) == []


def test_some_are_dropped_at_a_time(flapping: Scene, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ALERTS_AT_ONCE", 2)
    left: list[int] = []

    def count() -> None:
        with flapping.conn.cursor() as cursor:  # in the transaction that is about to go on
            cursor.execute(KEPT)
            left.append(cursor.rowcount)

    tidy(Steps(flapping.conn, count), LONG_AGO)
    assert list(dict.fromkeys(left)) == [11, 9, 7, 5, 3, 1]


def test_an_alerter_of_before_says_not_of_which_site_they_are_which_are_kept(flapping: Scene, few: None) -> None:
    execute(flapping.conn, "UPDATE sitemon.outbox SET site_name = NULL")
    tidy(Steps(flapping.conn), LONG_AGO)
    assert len(rows(flapping.conn, KEPT)) == 11
