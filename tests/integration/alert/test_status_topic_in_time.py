"""What time alone changes is told on ``sitemon.status``, too: windows that begin and end, and that nobody looks."""

from contextlib import closing
from datetime import datetime, timedelta

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import connect
from sitemon.store.incident import take_sites
from sitemon.store.maintenance_windows import Declaration, declare, stop
from sitemon.store.schedule import write_notices
from sitemon.store.status import note_changes
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene, minute_of, undecided_ids
from tests.integration.store.events import started
from tests.pipeline import wait_for
from tests.results import MINUTE

HOUR = timedelta(hours=1)
LONG_AGO = -60


def told(scene: Scene) -> list[tuple[str, datetime, bool]]:
    """Return what is to be told: states, since when, and whether an incident is open."""
    query = "SELECT state, since_at, incident_id IS NOT NULL FROM sitemon.untold_state ORDER BY sequence"
    return rows(scene.conn, query)


def look(scene: Scene) -> int:
    return note_changes(scene.conn, 10)


def test_a_window_is_told_and_so_is_its_end(scene: Scene) -> None:
    for result in scene.results("uddd", start=LONG_AGO):
        scene.arrive(result)
    began_at = clock.utc_now() - MINUTE
    number, _ = declare(scene.conn, Declaration(began_at, began_at + HOUR, ["shop"]))
    assert (look(scene), look(scene)) == (1, 0)
    assert told(scene)[-1] == ("maintenance", began_at, True)
    stop(scene.conn, number, clock.utc_now(), withdraw=False)
    assert (look(scene), look(scene)) == (1, 0)
    assert [(state, is_open) for state, _, is_open in told(scene)] == [
        ("up", False),
        ("down", True),
        ("maintenance", True),
        ("down", True),
    ]


def test_a_window_that_was_declared_before_is_told_when_its_time_has_come(scene: Scene) -> None:
    scene.arrive(*scene.results("u", start=LONG_AGO))
    soon = clock.utc_now() + timedelta(seconds=0.5)
    declare(scene.conn, Declaration(soon, soon + timedelta(seconds=0.5), ["shop"]))
    for _ in range(2):
        wait_for(lambda: look(scene) == 1)
    assert [state for state, _, _ in told(scene)] == ["up", "maintenance", "up"]


def test_a_row_that_comes_within_a_window_does_not_end_it(scene: Scene) -> None:
    now = clock.utc_now()
    scene.arrive(*scene.results("u", start=LONG_AGO))
    declare(scene.conn, Declaration(now - 4 * HOUR, now + HOUR, ["shop"]))
    for result in scene.results("dddu", start=LONG_AGO + 1):
        scene.arrive(result)
    assert [state for state, _, _ in told(scene)] == ["up", "maintenance"]


def test_when_nothing_is_recorded_any_more_the_site_is_unknown(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(240, patience_s=1_000_000)])
    scene.arrive(*scene.results("u", start=LONG_AGO))
    assert look(scene) == 0
    # As if so much time had passed.
    execute(scene.conn, "UPDATE sitemon.schedule_stretch SET patience_ms = 100000")
    assert (look(scene), look(scene)) == (1, 0)
    assert [(state, minute_of(since)) for state, since, _ in told(scene)] == [("up", -60), ("unknown", -59)]


def test_a_site_that_is_taken_out_of_the_configuration_keeps_its_last_state(scene: Scene) -> None:
    write_notices(scene.conn, scene.names, [started(240, patience_s=1_000_000)])
    scene.arrive(*scene.results("u", start=LONG_AGO))
    execute(scene.conn, "DELETE FROM sitemon.schedule_stretch")
    execute(scene.conn, "UPDATE sitemon.watch SET at_ms = sitemon.to_ms(now())")
    assert look(scene) == 0


def test_a_site_that_another_alerter_has_in_hand_is_left_to_it(
    scene: Scene, postgres_server: PostgresServer, owner: Credentials
) -> None:
    scene.arrive(*scene.results("u", start=LONG_AGO))
    now = clock.utc_now()
    declare(scene.conn, Declaration(now - MINUTE, now + HOUR, ["shop"]))
    scene.write(scene.results("d", start=LONG_AGO + 1))
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        with take_sites(scene.conn, undecided_ids(scene.conn)) as taken:
            assert list(taken.names.values()) == ["shop"]
            assert note_changes(second, 10) == 0
        assert note_changes(second, 10) == 1
