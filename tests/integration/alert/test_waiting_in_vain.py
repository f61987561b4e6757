"""What waits for a lock in vain rests by itself, and all else that an alerter does goes on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sitemon import clock
from sitemon.alert import alerter, maintenance
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection
from sitemon.store.errors import LockTimeoutError
from sitemon.store.maintenance_plan import write_down
from tests.databases import rows
from tests.integration.alert.running import Connect, running
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_costly_windows import deciding, planned
from tests.integration.alert.test_failing_parts import SITES, down, write
from tests.overlapping import overlapping_batches
from tests.pipeline import wait_for


@pytest.fixture
def batches(postgres_server: PostgresServer, owner: Credentials) -> Callable[[], AbstractContextManager[None]]:
    return partial(overlapping_batches, postgres_server, owner)


@pytest.fixture
def sites(tmp_path: Path) -> SiteSet:
    """One site of an editor with a window, and one of another without any."""
    (tmp_path / "a.yaml").write_text(
        "sites:\n- {name: theirs, url: 'http://a.example/', "
        "maintenance: [{rrule: FREQ=DAILY, start: '03:00', duration: 1h}]}\n"
    )
    (tmp_path / "b.yaml").write_text("sites:\n- {name: victim, url: 'http://victim.example/'}\n")
    return load_sites({}, tmp_path)


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each try to write windows down, by the first of its sites."""
    found: list[str] = []

    def tried(conn: Connection, gaps: Any, *args: Any) -> Any:
        found.append(gaps[0][0].name)
        return write_down(conn, gaps, *args)

    monkeypatch.setattr(maintenance, "write_down", tried)
    return found


def test_a_window_that_cannot_be_written_down_keeps_nothing_from_being_decided(
    scene: Scene,
    sites: SiteSet,
    postgres_server: PostgresServer,
    owner: Credentials,
    batches: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with batches(), deciding(scene, sites, postgres_server, owner):
        wait_for(lambda: bool(scene.receiver.events))
    assert planned(scene.conn) == set()
    assert not [one for one in caplog.messages if one.startswith("alerter.postgres_away")]


def test_windows_wait_for_the_next_try_and_the_edit_holds_all_the_same(
    conn: Connection,
    sites: SiteSet,
    batches: Callable[[], Any],
    tries: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed_s, monotonic_s = [0.0], clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: monotonic_s() + passed_s[0])
    current = [SiteSet(sites=(), by_name={}, source="")]
    planner = Planner(lambda: current[0], clock.utc_now)
    planner.plan_if_due(conn)
    current[0] = sites
    with batches():
        planner.plan_if_due(conn)
        passed_s[0] += 5.0
        assert planner.plan_if_due(conn) is sites
    assert tries == ["theirs"]
    assert not planner.is_done
    passed_s[0] += 60.0
    planner.plan_if_due(conn)
    assert planned(conn) == {"theirs"}


@pytest.mark.parametrize("exc", [UnreachableError("server closed the connection"), LockTimeoutError("lock timeout")])
@pytest.mark.parametrize("part", ["remind", "end_gone", "warn_of_certificates", "look_at_regions"])
def test_what_fails_is_tried_when_it_is_due_again_and_not_as_soon_as_the_alerter_has_connected_anew(
    scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch, part: str, exc: Exception
) -> None:
    tries: list[None] = []

    def fails(*_: object) -> bool:
        tries.append(None)
        raise exc

    for every in ("_REMIND_EVERY_S", "_GONE_EVERY_S", "_WARN_EVERY_S", "_REGIONS_EVERY_S"):
        monkeypatch.setattr(alerter, every, 3_600.0)
    monkeypatch.setattr(Decider, part, fails)
    write(scene)
    with running(scene, connect_it):
        wait_for(lambda: len(down(scene)) == len(SITES))
    assert len(tries) == 1


def test_a_decision_that_waits_for_a_lock_is_of_its_site(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    announced = "sitemon.alert.decide.announce"
    waits = [LockTimeoutError("lock timeout")]

    def announce(*_: object, **__: object) -> None:
        if waits:
            raise waits.pop()

    monkeypatch.setattr(announced, announce)
    write(scene)
    scene.decide()
    assert len(down(scene)) == len(SITES)
    assert rows(scene.conn, "SELECT * FROM sitemon.undecided") == []
