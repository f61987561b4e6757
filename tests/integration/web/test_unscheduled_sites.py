"""Names that are in no schedule: a monitor's sites, and whatever somebody invented who may write results."""

from contextlib import closing
from datetime import timedelta

from sitemon import clock
from sitemon.alert.silence import say_silences
from sitemon.model.alerts import Alerts, Channel, Route
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.page import PresentReader
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.integration.store.events import ended, started
from tests.integration.web.conftest import Connect
from tests.results import a_result

LISTED = 2_000
LONG_AGO = timedelta(days=1, minutes=1)


def ago(site: str, time: timedelta, kind: str = "scheduled") -> Result:
    return a_result(site, slot_at=clock.utc_now().replace(microsecond=0) - time, kind=kind)


def listed(reader: Connect) -> list[str]:
    """Return the sites that the page reads."""
    with closing(reader()) as conn:
        return sorted(watch.site for watch in PresentReader().read(conn).watches)


def test_one_at_which_nobody_looked_for_a_day_has_ended(conn: Connection, names: Names, reader: Connect) -> None:
    of_a_monitor = ago("new", timedelta(hours=23), "monitor"), ago("old", LONG_AGO, "monitor")
    write_batch(conn, names, [ago("invented", LONG_AGO), ago("seen", timedelta(hours=23)), *of_a_monitor])
    assert listed(reader) == ["new", "seen"]
    write_batch(conn, names, [ago("old", timedelta(), "monitor")])
    assert listed(reader) == ["new", "old", "seen"]


def test_one_that_is_in_the_schedule_is_listed_all_the_same(conn: Connection, names: Names, reader: Connect) -> None:
    write_batch(conn, names, [ago("shop", LONG_AGO)])
    write_notices(conn, names, [started(0)])
    assert listed(reader) == ["shop"]


def test_one_that_was_taken_out_is_back_for_as_long(conn: Connection, names: Names, reader: Connect) -> None:
    write_notices(conn, names, [started(0), started(0, site="wiki"), ended(9), ended(9, site="wiki")])
    assert listed(reader) == []
    write_batch(conn, names, [ago("shop", timedelta())])
    assert listed(reader) == ["shop"]


def test_of_very_many_the_first_are_listed_and_all_that_are_in_the_schedule(
    conn: Connection, names: Names, reader: Connect
) -> None:
    write_batch(conn, names, [ago("monitored", timedelta(), "monitor")])
    write_batch(conn, names, [ago(f"invented-{n}", timedelta()) for n in range(LISTED + 9)])
    write_notices(conn, names, [started(0)])
    write_batch(conn, names, [ago("shop", timedelta())])
    found = listed(reader)
    assert (len(found), "monitored" in found, "shop" in found) == (LISTED + 1, True, True)


def test_nobody_is_told_that_one_that_ended_is_not_looked_at(conn: Connection, names: Names) -> None:
    channel = Channel(name="team", kind="webhook", url="https://hooks.example/")
    alerts = Alerts(channels={"team": channel}, routes=(Route(channels=("team",)),))
    write_batch(conn, names, [ago("old", LONG_AGO + timedelta(minutes=1), "monitor")])
    write_batch(conn, names, [ago("old", LONG_AGO, "monitor")])
    say_silences(conn, alerts, clock.utc_now, {"default": ["sites.yaml"]}, str)
    assert rows(conn, "SELECT * FROM sitemon.outbox") == []
