"""When an outside service is called: while results are recorded, as often as somebody asks for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.alert.silence import Heart
from sitemon.model.alerts import Heartbeat
from sitemon.model.result import Result
from sitemon.store.schedule import write_notices
from tests.acceptance.changing import ChangingServer
from tests.integration.alert.scene import Scene
from tests.integration.store.events import at, started
from tests.results import a_missed, a_result

SECRET_PATH = "/beat?key=hunter2"


def this_minute() -> datetime:
    return clock.utc_now().replace(second=0, microsecond=0)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message.split(":")[0] for record in caplog.records if record.message.startswith("alerter.")]


@pytest.fixture
def server() -> Iterator[ChangingServer]:
    """A server that takes heartbeats."""
    with ChangingServer() as server:
        yield server


def test_the_heart_beats_only_while_results_are_recorded(
    scene: Scene, server: ChangingServer, caplog: pytest.LogCaptureFixture
) -> None:
    heart, heartbeat = Heart(), Heartbeat(server.url(SECRET_PATH), every_s=0.0)
    write_notices(scene.conn, scene.names, [started(0)])
    scene.write([a_result(slot_at=at(0)), a_missed(slot_at=this_minute())])
    heart.beat(scene.conn, heartbeat)
    assert server.visits == []
    scene.write([a_result(slot_at=this_minute())])
    heart.beat(scene.conn, heartbeat)
    assert server.visits == [SECRET_PATH]
    assert said(caplog) == ["alerter.heartbeat_missed", "alerter.heartbeat_back"]


def test_an_edit_of_how_often_it_beats_holds_at_once(scene: Scene, server: ChangingServer) -> None:
    heart = Heart()
    scene.write([a_result(slot_at=this_minute())])
    for every_s in (3_600.0, 3_600.0, 0.0):
        heart.beat(scene.conn, Heartbeat(server.url(SECRET_PATH), every_s=every_s))
    assert server.visits == [SECRET_PATH, SECRET_PATH]


def test_the_heart_does_not_beat_for_what_a_clock_that_was_ahead_has_seen(scene: Scene, server: ChangingServer) -> None:
    scene.write([a_result(slot_at=this_minute() + timedelta(hours=1))])
    Heart().beat(scene.conn, Heartbeat(server.url(SECRET_PATH), every_s=0.0))
    assert server.visits == []


def test_a_heartbeat_that_is_not_taken_is_said_once_and_without_its_url(
    scene: Scene, server: ChangingServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.ills[SECRET_PATH] = 404
    heart, heartbeat = Heart(), Heartbeat(server.url(SECRET_PATH), every_s=0.0)
    scene.write([a_result(slot_at=this_minute())])
    for _ in range(3):
        heart.beat(scene.conn, heartbeat)
    assert said(caplog) == ["alerter.heartbeat_missed"]
    assert "http_status (404)" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_heartbeat_goes_only_where_checks_may(
    scene: Scene, server: ChangingServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEMON_ADDRESS_POLICY", "public")
    scene.write([a_result(slot_at=this_minute())])
    Heart().beat(scene.conn, Heartbeat(server.url(SECRET_PATH)))
    assert server.visits == []
    assert "blocked_address" in caplog.text


def visits_where_another(scene: Scene, server: ChangingServer, *looks: Result) -> list[str]:
    """Return the calls where our site at 5 minutes was seen 100 s ago, and such rows are those of another, at 1 s."""
    ours = started(0, interval_s=300, patience_s=322)
    theirs = started(0, interval_s=1, patience_s=14, site="theirs")
    write_notices(scene.conn, scene.names, [ours, theirs])
    scene.write([a_result(slot_at=clock.utc_now() - timedelta(seconds=100)), *looks])
    Heart().beat(scene.conn, Heartbeat(server.url(SECRET_PATH), every_s=0.0))
    return server.visits


def test_what_was_never_looked_at_does_not_stop_it(scene: Scene, server: ChangingServer) -> None:
    assert visits_where_another(scene, server, a_missed("theirs", slot_at=at(0))) == [SECRET_PATH]


def test_nor_does_what_was_and_is_not_any_more(scene: Scene, server: ChangingServer) -> None:
    looks = [a_result("theirs", slot_at=at(0)), a_missed("theirs", slot_at=this_minute())]
    assert visits_where_another(scene, server, *looks) == [SECRET_PATH]


def test_what_was_looked_at_until_nothing_came_any_more_does(scene: Scene, server: ChangingServer) -> None:
    seen = a_result("theirs", slot_at=clock.utc_now() - timedelta(seconds=90))
    assert visits_where_another(scene, server, seen) == []
