"""What thousands of alerts that wait for a channel cost, in a database that has no statistics of them yet."""

from collections.abc import Callable

import pytest

from sitemon.store import outbox
from tests.databases import execute, looks_at, rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import say

SITES = [f"site-{number}" for number in range(2_000)]
Gathering = Callable[[], outbox.Gathered]


@pytest.fixture
def backlog(scene: Scene) -> Scene:
    """An alert of each of very many sites waits; the planner has seen the table when it was nearly empty."""
    say(scene.conn, ["shop", "wiki"])
    say(scene.conn, SITES)
    return scene


@pytest.fixture
def gather(backlog: Scene) -> Gathering:
    def gather() -> outbox.Gathered:
        gathered = outbox.gather(backlog.conn, "hook", is_of_one_site=False, but_for=[], first=None)
        assert gathered is not None
        return gathered

    return gather


def rows_an_alert(scene: Scene, step: Callable[[], object]) -> float:
    """Return how many rows a step reads for each alert that waits."""
    before = looks_at(scene.conn, "outbox")
    step()
    return (looks_at(scene.conn, "outbox") - before) / len(SITES)


def test_further_alerts_read_one_each(backlog: Scene) -> None:
    assert rows_an_alert(backlog, lambda: say(backlog.conn, SITES)) < 2


def test_not_all_are_read_for_the_next_ones_of_each_file(backlog: Scene) -> None:
    assert rows_an_alert(backlog, lambda: outbox.due_alerts(backlog.conn, "hook", 4)) < 0.1


def test_so_is_what_failed(backlog: Scene) -> None:
    assert rows_an_alert(backlog, lambda: outbox.waiting_sites(backlog.conn, "hook")) < 2


def test_nor_more_than_a_few_times_where_half_was_refused(backlog: Scene) -> None:
    execute(backlog.conn, "UPDATE sitemon.outbox SET turn = -1 WHERE outbox_id % 2 = 0")
    assert rows_an_alert(backlog, lambda: outbox.due_alerts(backlog.conn, "hook", 4)) < 10


def test_a_message_that_fails_or_is_refused_costs_a_few(backlog: Scene, gather: Gathering) -> None:
    assert rows_an_alert(backlog, gather) < 10
    number = gather().message_id

    def fail() -> None:
        outbox.mark_message_failed(backlog.conn, "hook", number, "HTTP 500", 0.0, is_broken_up=False)

    assert rows_an_alert(backlog, fail) < 5
    assert rows_an_alert(backlog, lambda: outbox.split_message(backlog.conn, "hook", number, "HTTP 400")) < 5
    assert len({*rows(backlog.conn, "SELECT DISTINCT message_id FROM sitemon.outbox")}) == len(SITES) + 2


def test_one_that_arrives_costs_a_few(backlog: Scene, gather: Gathering) -> None:
    number = gather().message_id
    assert rows_an_alert(backlog, lambda: outbox.mark_message_delivered(backlog.conn, "hook", number)) < 5


def test_to_send_all_again_costs_a_few_each_also_where_later_ones_have_arrived(backlog: Scene) -> None:
    while outbox.give_up(backlog.conn, "hook", "gone"):
        pass
    say(backlog.conn, SITES)
    execute(backlog.conn, "UPDATE sitemon.outbox SET delivered_at = now() WHERE given_up_at IS NULL")
    assert rows_an_alert(backlog, lambda: outbox.retry_alerts(backlog.conn)) < 15
    states = "SELECT state, count(*)::integer FROM sitemon.alerts GROUP BY state ORDER BY state"
    assert rows(backlog.conn, states) == [("delivered", len(SITES)), ("given up", len(SITES)), ("waiting", 2)]
