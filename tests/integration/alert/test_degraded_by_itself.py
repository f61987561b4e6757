"""A degraded site of which it cannot be told keeps nobody from hearing of others."""

from datetime import timedelta
from typing import Any

import pytest

from sitemon import clock
from sitemon.alert import decide, degraded
from sitemon.alert.events import degraded_event
from sitemon.model.alerts import EVENTS
from sitemon.store.degraded import Degradation
from sitemon.store.errors import CanceledError
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.results import this_hour

SITES = ("blog", "shop", "wiki")


@pytest.fixture
def failing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Sites for which PostgreSQL takes too long, alone or together with others; three are degraded."""
    names: set[str] = set()

    def event_of(one: Degradation, *args: Any, **how: Any) -> dict[str, Any]:
        if one.site in names:
            raise CanceledError("canceling statement due to statement timeout")
        return degraded_event(one, *args, **how)

    monkeypatch.setattr(degraded, "degraded_event", event_of)
    scene.use(scene.receiver.channel(), now=this_hour() + timedelta(hours=1), events=(*EVENTS, "degraded"))
    scene.write([one for site in SITES for one in scene.results("uggg", site=site)])
    scene.decide()
    return names


def look(scene: Scene) -> list[str]:
    """Look once, and return the sites of which somebody was told since the beginning, by their names."""
    scene.decider.tell_degraded(scene.conn)
    scene.send()
    return sorted(event["data"]["site"] for event in scene.receiver.events)


def test_of_all_others_they_are_told_and_of_that_one_later(
    scene: Scene, failing: set[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [clock.monotonic_s()]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])
    failing.add("blog")
    assert look(scene) == ["shop", "wiki"]
    assert [message for message in caplog.messages if "alerter.part_failed" in message and "is degraded" in message]
    failing.clear()
    assert look(scene) == ["shop", "wiki"], "it rests"
    now_s[0] += 60
    assert look(scene) == [*SITES]


def test_some_are_looked_at_at_a_time(scene: Scene, failing: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_SITES_AT_ONCE", 1)
    *first, last = (name for (name,) in rows(scene.conn, "SELECT name FROM sitemon.site ORDER BY site_id"))
    failing.update(first)
    assert (look(scene), look(scene)) == ([], [])
    assert look(scene) == [last]
