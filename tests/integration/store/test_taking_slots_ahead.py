"""What it costs that slots lie ahead, and who takes them once they have come."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.outcome import Outcome
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.slots_ahead import take_what_came
from sitemon.store.write import write_batch
from tests.databases import execute, have_counted, rows
from tests.results import MINUTE, a_down, a_result, this_hour
from tests.slots_ahead import DAY_AHEAD, MANY, bring_nearer

SITES = ["shop", "blog", "new"]
START = this_hour() - timedelta(hours=1)
LASTS_S = 1_500
FEW = 30
READ = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname LIKE 'result%'"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
DOWN_BEHIND = """
    INSERT INTO sitemon.result
        (slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, redirects)
    SELECT slot_at + '1 minute'::interval, checked_at, site_id, region_id, target_id, kind, 'down', 0, 0
    FROM sitemon.result WHERE slot_at = %s
"""


@pytest.fixture
def others(postgres_server: PostgresServer, owner: Credentials) -> Iterator[list[Connection]]:
    """Three further sessions."""
    with (
        closing(connect(postgres_server, owner, application_name="test")) as one,
        closing(connect(postgres_server, owner, application_name="test")) as two,
        closing(connect(postgres_server, owner, application_name="test")) as three,
    ):
        yield [one, two, three]


def read(conn: Connection) -> int:
    """Return how many results were read so far."""
    have_counted(conn)
    ((number,),) = rows(conn, READ)
    return int(number)


def await_waiting(conn: Connection, count: int) -> None:
    until_s = clock.monotonic_s() + 20
    with conn.cursor() as cursor:
        while True:
            cursor.execute(WAITING)
            if cursor.fetchall() == [(count,)]:
                return
            assert clock.monotonic_s() < until_s
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)")


@pytest.mark.parametrize("outcome", Outcome)
def test_the_next_result_costs_what_it_did_before(conn: Connection, names: Names, outcome: Outcome) -> None:
    write_batch(conn, names, [a_result(slot_at=START + timedelta(seconds=second)) for second in range(LASTS_S)])
    for second in range(0, 6, 2):
        ahead_at = this_hour() + DAY_AHEAD + timedelta(seconds=second)
        write_batch(conn, names, [a_result(slot_at=ahead_at, outcome=outcome)])
        before = read(conn)
        write_batch(conn, names, [a_result(slot_at=START + timedelta(seconds=LASTS_S + second))])
        assert read(conn) - before < FEW


def test_of_a_thousand_that_wait_one_is_looked_at_when_another_has_come(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(minute=-1)])
    later = [a_result(slot_at=this_hour() + DAY_AHEAD + timedelta(hours=4, seconds=second)) for second in range(1_000)]
    write_batch(conn, names, [a_down(slot_at=this_hour() + DAY_AHEAD), *later])
    bring_nearer(conn)
    before = read(conn)
    assert not take_what_came(conn, MANY)
    assert read(conn) - before < FEW
    assert rows(conn, "SELECT outcome::text FROM sitemon.current_state") == [("down",)]
    assert rows(conn, "SELECT slot_at FROM sitemon.slot_ahead") == [(this_hour() + timedelta(hours=4),)]


def test_where_nothing_has_come_no_result_is_read(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_down(slot_at=this_hour() + DAY_AHEAD)])
    before = read(conn)
    assert not take_what_came(conn, MANY)
    assert read(conn) == before


def test_so_many_are_taken_at_a_time_and_those_first_that_came_first(conn: Connection, names: Names) -> None:
    slots = {site: this_hour() + DAY_AHEAD - n * MINUTE for n, site in enumerate(SITES)}
    write_batch(conn, names, [a_down(site, slot_at=slot_at) for site, slot_at in slots.items()])
    bring_nearer(conn)
    assert take_what_came(conn, 2)
    taken = "SELECT name FROM sitemon.current_state JOIN sitemon.site USING (site_id) ORDER BY name"
    assert rows(conn, taken) == [("blog",), ("new",)]
    assert not take_what_came(conn, 2)
    assert rows(conn, taken) == [("blog",), ("new",), ("shop",)]


def test_two_recorders_at_once_take_each_once(conn: Connection, names: Names, others: list[Connection]) -> None:
    write_batch(conn, names, [a_result(site) for site in SITES])
    write_batch(conn, names, [a_down(site, slot_at=this_hour() + MINUTE + DAY_AHEAD) for site in SITES])
    bring_nearer(conn)
    execute(conn, "DELETE FROM sitemon.undecided")
    with conn.cursor() as cursor:
        cursor.execute("SELECT FROM sitemon.current_state FOR UPDATE")
        threads = [threading.Thread(target=take_what_came, args=(other, MANY)) for other in others[:2]]
        for thread in threads:
            thread.start()
        await_waiting(others[2], 2)
    conn.commit()
    for thread in threads:
        thread.join()
    assert rows(conn, "SELECT count(*) FROM sitemon.undecided") == [(3,)]
    assert rows(conn, "SELECT DISTINCT outcome::text FROM sitemon.current_state") == [("down",)]


def test_what_a_batch_notes_that_is_being_written_is_waited_for(
    conn: Connection, names: Names, others: list[Connection]
) -> None:
    write_batch(conn, names, [a_result()])
    write_batch(conn, names, [a_result(slot_at=this_hour() + MINUTE + DAY_AHEAD)])
    bring_nearer(conn)
    execute(conn, "DELETE FROM sitemon.undecided")
    with conn.cursor() as cursor:
        cursor.execute(DOWN_BEHIND, (this_hour() + MINUTE,))
        cursor.execute("UPDATE sitemon.slot_ahead SET slot_at = slot_at")
        thread = threading.Thread(target=take_what_came, args=(others[0], MANY))
        thread.start()
        await_waiting(others[1], 1)
    conn.commit()
    thread.join()
    assert rows(conn, "SELECT outcome::text FROM sitemon.current_state") == [("down",)]
    assert rows(conn, "SELECT from_at FROM sitemon.undecided") == [(this_hour() + MINUTE,)]
