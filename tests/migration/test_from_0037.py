"""States that a slot ahead had taken over begin anew with what comes; where results wait for their slots is found."""

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.migrate import migrate
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.steps import Steps
from sitemon.store.write import prepare_session, write_batch
from tests.databases import execute, rows
from tests.results import MINUTE, a_down, a_result, this_hour
from tests.slots_ahead import DAY_AHEAD

STATES = """
    SELECT name, outcome::text, slot_at FROM sitemon.current_state JOIN sitemon.site USING (site_id) ORDER BY name
"""
AHEAD = """
    UPDATE sitemon.current_state AS state SET slot_at = %s
    FROM sitemon.site WHERE site.site_id = state.site_id AND name = 'over'
"""
WAITING = "SELECT name, slot_at FROM sitemon.slot_ahead JOIN sitemon.site USING (site_id) ORDER BY name"


def test_states_of_slots_that_lie_ahead_give_way(bare: Connection) -> None:
    migrate(bare)
    make_partitions(Steps(bare), clock.utc_now(), DEFAULT_RETENTION)
    names, soon = Names(), this_hour() + DAY_AHEAD
    prepare_session(bare)
    write_batch(bare, names, [a_result(site) for site in ("plain", "passed", "over")])
    write_batch(bare, names, [a_down(site, slot_at=soon + n * MINUTE) for n in (0, 5) for site in ("passed", "over")])
    # As a version of before left it.
    execute(bare, AHEAD, (soon,))
    execute(bare, "DELETE FROM sitemon.undecided; DROP TABLE sitemon.slot_ahead")
    execute(bare, "DELETE FROM sitemon.migration WHERE number = 38")
    migrate(bare)
    known = [("passed", "up", this_hour()), ("plain", "up", this_hour())]
    assert (rows(bare, STATES), rows(bare, WAITING)) == (known, [("over", soon), ("passed", soon)])
    assert rows(bare, "SELECT name FROM sitemon.undecided JOIN sitemon.site USING (site_id)") == [("over",)]
    write_batch(bare, names, [a_result("over", minute=1)])
    assert rows(bare, STATES)[0] == ("over", "up", this_hour() + MINUTE)
