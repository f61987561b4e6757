"""A region goes offline, or is online again, while batches take so long that nobody can note it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

import pytest
from psycopg2.errors import LockNotAvailable

from sitemon import clock
from sitemon.alert.regions import Regions
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection
from sitemon.store.connectivity import Connectivity
from sitemon.store.errors import CanceledError
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_regions import SITES, slots, told
from tests.integration.store.events import started
from tests.overlapping import overlapping_batches

NOTED = "SELECT count(*), count(until_at) FROM sitemon.region_outage"
OFFLINE, ONLINE = ("region.offline", None), ("region.online", None)
WAS_CANCELED = CanceledError("canceling statement due to statement timeout")


@pytest.fixture(autouse=True)
def _in_the_schedule(scene: Scene) -> None:
    write_notices(
        scene.conn, scene.names, [started(0, site="scheduled", region=region) for region in ("default", "eu")]
    )


@pytest.fixture
def batches(postgres_server: PostgresServer, owner: Credentials) -> Callable[[], AbstractContextManager[None]]:
    return partial(overlapping_batches, postgres_server, owner)


@pytest.fixture
def later(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass by a clock that stands still else, look and decide."""
    now_s = [clock.monotonic_s()]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])

    def look_later(after_s: float) -> None:
        now_s[0] += after_s
        scene.decider.look_at_regions(scene.conn)
        scene.decide()
        scene.send()

    return look_later


@pytest.fixture(autouse=True)
def tries(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether they were alone, each time that somebody wanted to be."""
    found: list[bool] = []
    be_alone = Connectivity.be_alone

    def tried(self: Connectivity) -> None:
        found.append(True)
        try:
            be_alone(self)
        except LockNotAvailable:
            found[-1] = False
            raise

    monkeypatch.setattr(Connectivity, "be_alone", tried)
    return found


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> dict[str, BaseException]:
    """Errors with which methods fail that note outages, by name, once all of it was done."""
    found: dict[str, BaseException] = {}

    def let_fail(name: str, done: Callable[..., Any]) -> None:
        def noted(*args: Any) -> Any:
            result = done(*args)
            if name in found:
                raise found[name]
            return result

        monkeypatch.setattr(Connectivity, name, noted)

    for name in ("be_alone", "begin", "decide_anew"):
        let_fail(name, getattr(Connectivity, name))
    return found


def record(scene: Scene, *slots_: list[Any]) -> None:
    for slot in slots_:
        scene.write(slot)


def go_offline(scene: Scene, failed: list[list[Any]], later: Callable[[float], None]) -> None:
    """Record slots that fail; the region is looked at after the first, when they begin to fail at once."""
    record(scene, failed[0])
    later(1)
    record(scene, *failed[1:])
    later(1)


def test_nobody_is_told_of_its_sites_and_those_of_others_are_decided(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None], tries: list[bool]
) -> None:
    others = ["other-1", "other-2", "other-3"]
    first, *failed = slots(scene, "udddd")
    scene.arrive(*first)
    record(scene, *slots(scene, "udddd", others, region="eu"))
    with batches():
        go_offline(scene, failed, later)
        assert sorted(told(scene)) == [("site.down", name) for name in others]
        assert tries == [False]
        assert rows(scene.conn, NOTED) == [(0, 0)]
    later(60)
    assert told(scene)[3:] == [OFFLINE]
    assert rows(scene.conn, NOTED) == [(1, 0)]
    assert tries == [False, True]


def test_what_was_decided_before_is_withdrawn_though_it_is_not_noted(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None]
) -> None:
    for slot in slots(scene, "uddd", SITES[:1]):
        scene.arrive(*slot)
    *well, second, third = slots(scene, "uudd", SITES[1:])
    record(scene, *well)
    with batches():
        record(scene, second)
        later(1)
        record(scene, third)
        later(60)
        assert told(scene) == [("site.down", "site-0"), ("incident.withdrawn", "site-0")]
        assert rows(scene.conn, NOTED) == [(0, 0)]


def test_one_that_is_over_before_it_could_be_noted_is_noted_and_told_as_a_whole(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None]
) -> None:
    first, *failed = slots(scene, "udddd")
    scene.arrive(*first)
    with batches():
        go_offline(scene, failed, later)
        record(scene, *slots(scene, "uuu", start=5))
        later(10)
        assert told(scene) == []
    later(60)
    assert told(scene) == [OFFLINE, ONLINE]
    assert rows(scene.conn, NOTED) == [(1, 1)]
    assert scene.incidents == []


def test_once_it_is_online_again_what_is_down_is_told_before_that_could_be_noted(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None]
) -> None:
    first, *failed = slots(scene, "uddd")
    scene.arrive(*first)
    go_offline(scene, failed, later)
    assert told(scene) == [OFFLINE]
    with batches():
        record(scene, *slots(scene, "uuu", SITES[1:], start=4))
        record(scene, *slots(scene, "ddd", SITES[:1], start=4))
        later(60)
        assert told(scene)[1:] == [("site.down", "site-0")]
        assert rows(scene.conn, NOTED) == [(1, 0)]
    later(60)
    assert told(scene)[2:] == [ONLINE]
    assert rows(scene.conn, NOTED) == [(1, 1)]


def test_after_minutes_its_sites_are_told_as_down_and_corrected_once_it_is_noted(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None]
) -> None:
    """Who has batches take long silences nobody for longer."""
    first, *failed = slots(scene, "udddd")
    scene.arrive(*first)
    with batches():
        go_offline(scene, failed, later)
        later(290)
        assert told(scene) == []
        later(11)
        assert sorted(told(scene)) == [("site.down", name) for name in SITES]
        later(60)
        assert len(told(scene)) == len(SITES)
    later(60)
    assert sorted(told(scene)[len(SITES) :]) == [*(("incident.withdrawn", name) for name in SITES), OFFLINE]
    assert scene.incidents == []


def test_where_the_transaction_that_notes_it_fails_it_is_said_no_site_is_told_and_it_is_noted_later(
    scene: Scene,
    later: Callable[[float], None],
    failing: dict[str, BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    others = ["other-1", "other-2", "other-3"]
    first, *failed = slots(scene, "udddd")
    scene.arrive(*first)
    record(scene, *slots(scene, "udddd", others, region="eu"))
    failing["begin"] = WAS_CANCELED
    go_offline(scene, failed, later)
    assert sorted(told(scene)) == [("site.down", name) for name in others]
    assert f"alerter.part_failed: what became of region default: {WAS_CANCELED}; all else goes on" in caplog.messages
    failing.clear()
    later(60)
    assert told(scene)[3:] == [OFFLINE]
    assert rows(scene.conn, NOTED) == [(1, 0)]


@pytest.mark.parametrize("exc", [WAS_CANCELED, UnreachableError("server closed the connection")])
def test_where_the_transaction_fails_that_has_sites_decided_anew_it_is_done_again(
    scene: Scene,
    batches: Callable[[], Any],
    later: Callable[[float], None],
    failing: dict[str, BaseException],
    exc: Exception,
) -> None:
    for slot in slots(scene, "uddd", SITES[:1]):
        scene.arrive(*slot)
    *well, second, third = slots(scene, "uudd", SITES[1:])
    record(scene, *well)
    with batches():
        failing["decide_anew"] = exc
        for slot in (second, third):
            record(scene, slot)
            with suppress(UnreachableError):
                later(1)
        assert told(scene) == [("site.down", "site-0")]
        failing.clear()
        later(60)
        assert told(scene)[1:] == [("incident.withdrawn", "site-0")]


def test_an_alerter_that_is_killed_before_it_noted_it_has_decided_nothing_by_it(
    scene: Scene, later: Callable[[float], None], failing: dict[str, BaseException]
) -> None:
    class KilledError(BaseException):
        pass

    first, *failed = slots(scene, "uddd")
    scene.arrive(*first)
    failing["be_alone"] = KilledError()
    with pytest.raises(KilledError):
        go_offline(scene, failed, later)
    failing.clear()
    scene.use(scene.receiver.channel())
    later(1)
    assert told(scene) == [OFFLINE]


def test_one_that_another_alerter_has_noted_meanwhile_is_said_once(
    scene: Scene, batches: Callable[[], Any], later: Callable[[float], None]
) -> None:
    first, second, third = slots(scene, "udd")
    scene.arrive(*first)
    one = scene.decider
    with batches():
        record(scene, second)
        later(1)
    scene.use(scene.receiver.channel())
    record(scene, third)
    later(60)
    scene.decider = one
    later(60)
    assert told(scene) == [OFFLINE]
    assert rows(scene.conn, NOTED) == [(1, 0)]


def test_where_something_is_found_at_each_look_and_takes_long_to_note_sites_are_decided_in_between(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, note = [clock.monotonic_s()], Regions.note

    def note_for_a_minute(self: Regions, conn: Connection) -> None:
        now_s[0] += 60
        note(self, conn)

    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])
    monkeypatch.setattr(Regions, "note", note_for_a_minute)
    monkeypatch.setattr(Regions, "_look_at", lambda *_: True)
    record(scene, *slots(scene, "uddd", ["shop"]))
    for _ in range(2):
        scene.decider.decide(scene.conn)
    scene.send()
    assert told(scene) == [("site.down", "shop")]
