"""What fails of one site, or of one of the things that an alerter looks at by turns, fails by itself, and is said."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from sitemon import clock
from sitemon.alert import alerter, begun, decide, maintenance
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.reminders import remind
from sitemon.config.sites import SiteSet
from sitemon.model.alerts import Heartbeat
from sitemon.model.errors import UnreachableError
from sitemon.model.maintenance import Recurring
from sitemon.model.site import Site
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.store.incident import Taken
from sitemon.store.maintenance_plan import Gap, Stretch, Written, write_down
from tests.acceptance.changing import ChangingServer
from tests.databases import rows
from tests.integration.alert.running import Connect, running
from tests.integration.alert.scene import Scene
from tests.pipeline import wait_for
from tests.results import a_result

SITES = ("blog", "shop", "wiki")
WORDS = "canceling statement due to statement timeout"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Sites for which PostgreSQL takes too long, alone or together with others."""
    names: set[str] = set()

    def begin(taken: Taken, *args: Any, **how: Any) -> object:
        if names & {taken.names[site_id] for site_id in taken.changed_from}:
            raise CanceledError(WORDS)
        return begun.begin(taken, *args, **how)

    monkeypatch.setattr(decide, "begin", begin)
    return names


def down(scene: Scene) -> list[str]:
    return [site for (site,) in rows(scene.conn, "SELECT site FROM sitemon.incidents ORDER BY site")]


def write(scene: Scene) -> None:
    scene.write([one for site in SITES for one in scene.results("uddd", site=site)])


def test_all_other_sites_are_decided_on_and_the_one_is_named(
    scene: Scene, failing: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    failing.add("shop")
    write(scene)
    scene.decide()
    assert down(scene) == ["blog", "wiki"]
    assert f"alerter.part_failed: decisions on site shop: {WORDS}; all else goes on" in caplog.messages


def test_it_rests_and_is_tried_by_itself_again(
    scene: Scene, failing: set[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [clock.monotonic_s()]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])
    failing.add("shop")
    write(scene)
    scene.decide()
    said = len(caplog.messages)
    scene.arrive(*scene.results("u", start=4, site="wiki"))
    assert len(caplog.messages) == said
    now_s[0] += 6
    scene.decide()
    assert len(caplog.messages) == said + 1
    failing.clear()
    now_s[0] += 600
    scene.decide()
    assert down(scene) == ["blog", "shop", "wiki"]


def test_that_the_server_is_away_is_of_no_site(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise UnreachableError("server closed the connection")

    monkeypatch.setattr(decide, "begin", away)
    write(scene)
    with pytest.raises(UnreachableError):
        scene.decider.decide(scene.conn)


def test_a_reminder_that_fails_keeps_those_of_others_from_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(conn: Connection, numbers: Sequence[int], *args: object) -> None:
        if 2 in numbers:
            raise CanceledError(WORDS)
        remind(conn, numbers, *args)  # type: ignore[arg-type]

    write(scene)
    scene.decide()
    scene.send()
    scene.pass_time(hours=2)
    monkeypatch.setattr(decide, "remind", fails)
    scene.remind()
    reminded = [event["data"]["incident"]["id"] for event in scene.receiver.events if event["type"] == "site.reminder"]
    assert reminded == [1, 3]
    assert f"alerter.part_failed: news of incident 2: {WORDS}; all else goes on" in caplog.messages


def test_windows_of_a_site_that_cannot_be_written_down_hold_up_no_others(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(conn: Connection, found: Sequence[tuple[Gap, Collection[Stretch]]], now: datetime) -> Written:
        if any(gap.name == "shop" for gap, _ in found):
            raise CanceledError(WORDS)
        return write_down(conn, found, now)

    monkeypatch.setattr(maintenance, "write_down", fails)
    daily = Recurring(rrule="FREQ=DAILY", start="03:00", duration_s=60.0, timezone="UTC")
    sites = {name: Site(name=name, url=f"http://{name}.example/", maintenance=(daily,)) for name in SITES}
    planner = Planner(lambda: site_set, clock.utc_now)
    site_set = SiteSet(sites=tuple(sites.values()), by_name=sites, source="")
    for _ in range(2 + len(SITES)):
        planner.plan_if_due(conn)
    assert planner.is_done
    planned = rows(conn, "SELECT DISTINCT site FROM sitemon.maintenance ORDER BY site")
    assert planned == [("blog",), ("wiki",)]
    assert f"alerter.part_failed: windows of maintenance of site shop: {WORDS}; all else goes on" in caplog.messages


def fails(*_: object) -> bool:
    raise CanceledError(WORDS)


@pytest.mark.parametrize("part", ["remind", "warn_of_certificates", "look_at_regions"])
def test_what_is_looked_at_beside_keeps_nothing_from_being_decided(
    scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(Decider, part, fails)
    write(scene)
    with running(scene, connect_it):
        wait_for(lambda: len(down(scene)) == len(SITES))


def test_silences_that_cannot_be_said_keep_no_heart_from_beating(
    scene: Scene,
    connect_it: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(alerter, "say_silences", fails)
    scene.write([a_result(slot_at=clock.utc_now().replace(second=0, microsecond=0))])
    with ChangingServer() as server:
        scene.alerts = msgspec.structs.replace(scene.alerts, heartbeat=Heartbeat(server.url("/beat"), every_s=0.0))
        with running(scene, connect_it):
            wait_for(lambda: len(server.visits) > 1)
    assert f"alerter.part_failed: silences: {WORDS}; all else goes on" in caplog.messages
