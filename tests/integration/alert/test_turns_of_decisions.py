"""Files of sites take turns at decisions: who is down in one waits for a share of one that flaps, not for all of it."""

import math
from contextlib import closing
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.alert import decide, waiting
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.store.connect import Connection, connect
from sitemon.store.incident import Undecided, take_sites, undecided_sites
from tests.databases import rows
from tests.integration.alert.scene import Scene, undecided_ids

THEIRS = [f"theirs-{number:02}" for number in range(30)]


@pytest.fixture(autouse=True)
def _files(scene: Scene) -> None:
    """A site stands in the file that its name begins with."""
    rules = SiteRules(Policy(), Audience(), None, timedelta(minutes=1))
    scene.decider = Decider(
        lambda name: rules._replace(file=name.partition("-")[0]), scene.alerts, clock.utc_now, by_sites=False
    )


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sites each look found."""

    def noted(conn: Connection) -> tuple[list[Undecided], list[Undecided]]:
        scheduled, others = undecided_sites(conn)
        found.append(len(scheduled + others))
        return scheduled, others

    found: list[int] = []
    monkeypatch.setattr(waiting, "undecided_sites", noted)
    return found


def fail(scene: Scene, *sites: str, minute: float = 0) -> None:
    scene.write([one for site in sites for one in scene.results("d", start=minute, site=site)])


def undecided(scene: Scene) -> set[str]:
    query = "SELECT DISTINCT name FROM sitemon.undecided JOIN sitemon.site USING (site_id)"
    return {name for (name,) in rows(scene.conn, query)}


def test_one_of_each_file_comes_before_a_second_one_of_any(scene: Scene) -> None:
    fail(scene, *THEIRS)
    fail(scene, "ours-1", "third-1", "ours-2")
    assert scene.decider.decide(scene.conn, most=4) == 4
    assert undecided(scene) == {*THEIRS[2:], "ours-2"}


def test_who_comes_later_waits_for_the_turn_that_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_REST", 0)
    fail(scene, *THEIRS)
    scene.decider.decide(scene.conn, most=4)
    fail(scene, *THEIRS, minute=1)
    fail(scene, "ours-1")
    scene.decider.decide(scene.conn, most=4)
    assert "ours-1" not in undecided(scene)


def test_while_all_fail_with_each_turn_each_is_decided_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_REST", 0)
    sites = [*THEIRS[:6], "ours-1", "ours-2"]
    left = {*sites}
    for minute in range(6):
        fail(scene, *sites, minute=minute)
        scene.decider.decide(scene.conn, most=2)
        left &= undecided(scene)
    assert not left


def test_nobody_looks_again_and_again_who_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, looks: list[int]
) -> None:
    monkeypatch.setattr(waiting, "_REST", 1e9)
    monkeypatch.setattr(waiting, "_LONGEST_REST_S", math.inf)
    fail(scene, *THEIRS)
    fail(scene, *THEIRS, minute=1)
    while scene.decider.decide(scene.conn, most=4):
        pass
    assert looks == [len(THEIRS), 0]


class Hand:
    """A clock that is moved by hand."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s


def test_who_fails_just_after_a_look_that_took_long_waits_for_seconds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def long_look(conn: Connection) -> tuple[list[Undecided], list[Undecided]]:
        hand.now_s += 60
        return undecided_sites(conn)

    hand = Hand()
    monkeypatch.setattr(waiting, "clock", hand)
    monkeypatch.setattr(waiting, "undecided_sites", long_look)
    fail(scene, *THEIRS)
    scene.decider.decide(scene.conn, most=4)
    fail(scene, "ours-1")
    scene.decider.decide(scene.conn, most=4)
    assert "ours-1" in undecided(scene)
    hand.now_s += 5
    scene.decider.decide(scene.conn, most=4)
    assert "ours-1" not in undecided(scene)


def test_where_turns_take_long_they_are_of_fewer_sites(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_FEWEST_AT_ONCE", 3)
    monkeypatch.setattr(scene.decider, "_at_once", 8)
    monkeypatch.setattr(decide, "_TURN_S", 0.0)
    fail(scene, *THEIRS)
    assert [scene.decider.decide(scene.conn) for _ in range(4)] == [8, 4, 3, 3]
    monkeypatch.setattr(decide, "_TURN_S", math.inf)
    assert [scene.decider.decide(scene.conn) for _ in range(2)] == [3, 6]


def test_who_is_in_the_hands_of_another_alerter_is_left_to_it(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials
) -> None:
    fail(scene, *THEIRS)
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        first = undecided_ids(second)[:10]
        with take_sites(second, first):
            while scene.decider.decide(scene.conn, most=4):
                pass
            assert undecided(scene) == {*THEIRS[:10]}
