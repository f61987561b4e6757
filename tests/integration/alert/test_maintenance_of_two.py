"""Windows of two alerters whose sites differ: neither undoes what the other one has planned."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.model.maintenance import Recurring
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.planning import plan
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_command import Start, environ, start
from tests.integration.store.events import ended, started
from tests.pipeline import wait_for

__all__ = ["environ", "start"]

DAILY = Recurring("02:30", 7200, "FREQ=DAILY")
WEEKLY = Recurring("02:00", 7200, "FREQ=WEEKLY;BYDAY=SU")
TIMES = {"daily": 14, "weekly": 2}
"""How many windows there are within 15 days at least; one more where one is running or the days fall so."""


def planned(conn: Connection, site: str = "shop") -> int:
    query = "SELECT count(*) FROM sitemon.maintenance WHERE site = %s AND is_configured AND until_at > now()"
    [(count,)] = rows(conn, query, (site,))
    return int(count)


def is_planned(conn: Connection, how: str, site: str = "shop") -> bool:
    return 0 <= planned(conn, site) - TIMES[how] <= 2


def write_sites(file: Path, rules: dict[str, str]) -> str:
    """Let a file have these sites, each with a window daily or weekly."""
    how = {"daily": '{rrule: "FREQ=DAILY", start: "02:30", duration: 2h}'}
    how["weekly"] = '{rrule: "FREQ=WEEKLY;BYDAY=SU", start: "02:00", duration: 2h}'
    lines = [
        f"- {{name: {site}, url: https://{site}.example/, maintenance: [{how[rule]}]}}" for site, rule in rules.items()
    ]
    new = file.with_suffix(".new")
    new.write_text("sites:\n" + "\n".join(lines))
    new.replace(file)
    return str(file)


def test_what_one_alerter_has_planned_another_does_not_undo(start: Start, scene: Scene, tmp_path: Path) -> None:
    one = start("alerter", SITEMON_SITES=write_sites(tmp_path / "one.yaml", {"shop": "daily"}))
    wait_for(lambda: is_planned(scene.conn, "daily"))
    other = start("alerter", SITEMON_SITES=write_sites(tmp_path / "other.yaml", {"shop": "weekly", "wiki": "daily"}))
    wait_for(lambda: is_planned(scene.conn, "weekly"))
    wait_for(lambda: is_planned(scene.conn, "daily", "wiki"))
    # The first one plans again, and another site alone was edited there.
    write_sites(tmp_path / "one.yaml", {"shop": "daily", "blog": "daily"})
    wait_for(lambda: is_planned(scene.conn, "daily", "blog"))
    assert is_planned(scene.conn, "weekly")
    assert is_planned(scene.conn, "daily", "wiki")
    differs = "alerter.maintenance_differs: another alerter has planned other windows of 1 sites, such as shop"
    [said] = itertools.islice((line for line in one.stderr or () if "maintenance_differs" in line), 1)
    assert differs in said
    # An edit of the site itself holds, wherever it was made last.
    write_sites(tmp_path / "one.yaml", {"shop": "daily"} | {"blog": "weekly"})
    wait_for(lambda: is_planned(scene.conn, "weekly", "blog"))
    assert is_planned(scene.conn, "weekly")
    write_sites(tmp_path / "other.yaml", {"shop": "daily", "wiki": "daily"})
    wait_for(lambda: is_planned(scene.conn, "daily"))
    other.terminate()
    assert "maintenance_differs" not in other.communicate(timeout=15)[1]


def plan_of(conn: Connection, rules: dict[str, Sequence[Recurring]], *edited: str, days: int = 0) -> Sequence[str]:
    now = clock.utc_now() + timedelta(days=days)
    return plan(conn, {site: tuple(own) for site, own in rules.items()}, edited, now).differing


def test_the_windows_of_a_site_that_one_does_not_know_last_until_the_schedule_ends_it(
    conn: Connection, names: Names
) -> None:
    write_notices(conn, names, [started(0)])
    plan_of(conn, {"shop": [DAILY]}, "shop")
    plan_of(conn, {"blog": []}, "blog")
    assert is_planned(conn, "daily")
    write_notices(conn, names, [ended(10)])
    plan_of(conn, {"blog": []})
    assert planned(conn) == 0


def test_a_plan_is_gone_on_with_as_it_is_kept(conn: Connection) -> None:
    plan_of(conn, {"shop": [WEEKLY]}, "shop")
    before = planned(conn)
    assert plan_of(conn, {"shop": [DAILY]}, days=8) == ["shop"]
    assert planned(conn) == before + 1


@pytest.mark.parametrize(
    ("own", "differing"), [([WEEKLY], []), ([DAILY], ["shop"]), ([], ["shop"])], ids=["same", "other", "none"]
)
def test_it_is_said_where_others_have_planned_otherwise(
    conn: Connection, own: Sequence[Recurring], differing: Sequence[str]
) -> None:
    plan_of(conn, {"shop": [WEEKLY]}, "shop")
    assert plan_of(conn, {"shop": own, "blog": []}) == differing
