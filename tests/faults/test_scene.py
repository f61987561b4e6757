"""The stage itself: what the scenarios rely on."""

from pathlib import Path

import pytest

from bench.pipeline import expected_slots
from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.stack import Stack
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import conn, environment_of, names, owner, template
from tests.faults.scene import Scene
from tests.results import a_result, this_hour

__all__ = ["conn", "names", "owner", "template"]

SITES = ["site-0", "site-1", "site-2"]
BEGIN_MS = to_ms(this_hour())
END_MS = BEGIN_MS + 60_000


@pytest.fixture
def scene(
    tmp_path: Path, postgres_server: PostgresServer, owner: Credentials, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    """A minute after the load has begun; of all that is on a stage there is a database."""
    scene = Scene("scene", tmp_path, Stack(tmp_path, parts=()), page_url="")
    scene.extra |= environment_of(postgres_server, owner)
    scene.watch(len(SITES))
    monkeypatch.setattr(clock, "now_ms", lambda: BEGIN_MS)
    scene.forget_before_now()
    monkeypatch.setattr(clock, "now_ms", lambda: END_MS)
    return scene


def results(sites: list[str]) -> list[Result]:
    slots = sorted(expected_slots(sites, 2_000, BEGIN_MS, END_MS))
    return [a_result(site, slot_at=from_ms(slot_ms)) for site, slot_ms in slots]


def test_rows_of_other_sites_do_not_stand_for_those_that_are_awaited(
    scene: Scene, conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    *earlier, last = results(SITES[:2])
    write_batch(conn, names, [*earlier, *results(SITES[2:])])
    monkeypatch.setattr(clock, "sleep", lambda _: write_batch(conn, names, [last]))
    assert scene.close_account_of(2).expected == len(earlier) + 1


def test_it_says_which_slots_have_no_row_and_why_they_should(scene: Scene, conn: Connection, names: Names) -> None:
    write_batch(conn, names, results(SITES[:2]))
    with pytest.raises(AssertionError, match=r"30 of 90 slots have no row: first \[\('site-2', \d+\).*closed_ms=\d+"):
        scene.close_account(within_s=0)
