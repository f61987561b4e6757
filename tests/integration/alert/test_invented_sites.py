"""Sites that nobody has scheduled: however many somebody invents, what is in the schedule is decided before them."""

from sitemon.alert.waiting import Waiting
from sitemon.store.connect import Connection
from sitemon.store.incident import take_sites
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.integration.store.events import started
from tests.results import a_down


def fail(
    conn: Connection, names: Names, count: int, prefix: str = "invented", *, is_scheduled: bool = False
) -> list[str]:
    """Let so many sites fail, one after the other, and return their names."""
    sites = [f"{prefix}-{number:04}" for number in range(count)]
    if is_scheduled:
        write_notices(conn, names, [started(0, site=site) for site in sites])
    write_batch(conn, names, [a_down(site) for site in sites])
    return sites


def take(conn: Connection, most: int) -> list[str]:
    waiting = Waiting(lambda _: "one.yaml")
    waiting.look(conn)
    with take_sites(conn, [one.site_id for one in waiting.next(most, ())]) as taken:
        return list(taken.names.values())


def test_however_many_wait_one_in_the_schedule_comes_before_them(conn: Connection, names: Names) -> None:
    fail(conn, names, 2_500)
    shops = fail(conn, names, 1, "shop", is_scheduled=True)
    assert take(conn, 1) == shops


def test_beside_ten_in_the_schedule_comes_another_one(conn: Connection, names: Names) -> None:
    invented = fail(conn, names, 5)
    shops = fail(conn, names, 50, "shop", is_scheduled=True)
    assert sorted(take(conn, 22)) == invented[:2] + shops[:20]


def test_where_nothing_else_waits_all_come_in_the_order_in_which_they_waited(conn: Connection, names: Names) -> None:
    invented = fail(conn, names, 5)
    assert [take(conn, 3), take(conn, 3)] == [invented[:3], invented[3:]]
