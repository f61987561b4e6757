"""Regions that nobody has but in results: however many somebody invents, it is decided on the sites of all others."""

from datetime import timedelta
from typing import Any

import msgspec
import psycopg2.extensions
import pytest

from sitemon import clock
from sitemon.alert import decide as decide_module
from sitemon.alert import regions as module
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules, rules_of_site
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Alerts, Audience, Channel, Route
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.integration.store.events import started
from tests.results import a_down, a_result

SEEN_BY = "SELECT regions FROM sitemon.incidents WHERE site = %s"
OFFLINE = "SELECT region FROM sitemon.region_outage ORDER BY region"
FEW = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_UNNAMED", FEW)
    monkeypatch.setattr(decide_module, "MOST_REGIONS", FEW)


def decider(regions: frozenset[str] | None = None, alerts: Alerts | None = None) -> Decider:
    """Return one that looks at regions when it decides next; sites called configured-… have these regions."""
    configured, others = SiteRules(Policy(), Audience(), regions, timedelta(minutes=1)), rules_of_site(None, {})
    return Decider(
        lambda name: configured if name.startswith("configured-") else others, alerts or Alerts(), clock.utc_now
    )


def cut(region: str, prefix: str = "invented") -> list[Result]:
    """Return results by which the region would be offline: all that it looks at fails at once."""
    sites = [f"{prefix}-{n}" for n in range(5)]
    well = [a_result(site, region=region) for site in sites]
    return well + [a_down(site, minute=1, region=region) for site in sites]


def scheduled(conn: Connection, names: Names, *regions: str) -> None:
    """Have something looked at from these regions."""
    write_notices(conn, names, [started(n, site="scheduled", region=region) for n, region in enumerate(regions)])


def statements_of(conn: Connection, decider: Decider) -> int:
    """Decide, and return how many statements it took."""
    count = 0

    class Counting(psycopg2.extensions.cursor):
        def execute(self, *args: Any) -> None:
            nonlocal count
            count += 1
            super().execute(*args)

    before, conn.cursor_factory = conn.cursor_factory, Counting
    decider.decide(conn)
    conn.cursor_factory = before
    return count


def test_further_regions_take_no_further_statement(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_UNNAMED", 1000)
    took = []
    for site, count in (("one", 20), ("other", 200)):
        write_batch(conn, names, [a_result(site, region=f"{site}-{n}") for n in range(count)])
        took.append(statements_of(conn, decider()))
    assert took[0] == took[1]


def test_those_that_only_results_name_are_neither_offline_nor_told_of(conn: Connection, names: Names) -> None:
    write_batch(conn, names, cut("invented"))
    channel = Channel(name="team", kind="webhook", url="https://hooks.example/")
    hears_all = Alerts(channels={"team": channel}, routes=(Route(channels=("team",)),))
    decider(alerts=hears_all).decide(conn)
    assert rows(conn, OFFLINE) == []
    assert rows(conn, "SELECT count(*) FROM sitemon.outbox WHERE type = 'region.offline'") == [(0,)]


def test_of_those_that_only_the_schedule_names_a_few_are_offline(conn: Connection, names: Names) -> None:
    regions = [f"region-{n}" for n in range(FEW + 2)]
    write_batch(conn, names, cut("invented"))
    for region in regions:
        write_batch(conn, names, cut(region))
    scheduled(conn, names, *regions)
    decider().decide(conn)
    assert rows(conn, OFFLINE) == [(region,) for region in regions[:FEW]]


def test_they_take_the_place_of_none_that_a_configured_site_names(conn: Connection, names: Names) -> None:
    for n in range(FEW):
        write_batch(conn, names, [a_result("invented", region=f"region-{n}")])
    write_batch(conn, names, cut("eu", "configured"))
    decider(frozenset({"eu"})).decide(conn)
    assert rows(conn, OFFLINE) == [("eu",)]


def test_they_take_the_place_of_none_that_has_reference_sites(conn: Connection, names: Names) -> None:
    for n in range(FEW):
        write_batch(conn, names, [a_result("invented", region=f"region-{n}")])
    write_batch(conn, names, cut("eu"))
    alerts = msgspec.structs.replace(Alerts(), references={"eu": ("https://one.example/",)})
    decides = decider(alerts=alerts)
    decides.decide(conn)
    assert decides.suspected == {"eu"}
    assert rows(conn, OFFLINE) == [("eu",)]


def test_one_that_a_configured_site_does_not_have_is_not_looked_at(conn: Connection, names: Names) -> None:
    write_batch(conn, names, cut("invented", "configured") + cut("eu", "configured"))
    decider(frozenset({"eu"})).decide(conn)
    assert rows(conn, OFFLINE) == [("eu",)]


def fail(conn: Connection, names: Names, site: str, count: int) -> list[str]:
    """Let a site be down from so many regions, which become known one after the other, and return their names."""
    regions = [f"region-{n}" for n in range(count)]
    for region in regions:
        write_batch(conn, names, [a_down(site, minute=minute, region=region) for minute in range(3)])
    return regions


def test_of_a_site_that_no_configuration_has_a_few_count(conn: Connection, names: Names) -> None:
    regions = fail(conn, names, "invented", FEW + 2)
    decider().decide(conn)
    assert rows(conn, SEEN_BY, ("invented",)) == [(regions[:FEW],)]
    write_batch(conn, names, [a_result("invented", minute=4, region=region) for region in regions[FEW:]])
    decider().decide(conn)
    assert rows(conn, "SELECT ended_at FROM sitemon.incidents") == [(None,)]


def test_first_come_those_of_its_schedule_and_those_with_reference_sites(conn: Connection, names: Names) -> None:
    fail(conn, names, "invented", FEW + 2)
    write_notices(conn, names, [started(0, site="invented", region="region-3")])
    alerts = msgspec.structs.replace(Alerts(), references={"region-4": ("https://one.example/",)})
    decider(alerts=alerts).decide(conn)
    assert rows(conn, SEEN_BY, ("invented",)) == [(["region-0", "region-3", "region-4"],)]


def test_what_others_said_is_forgotten_once_there_are_too_many(conn: Connection, names: Names) -> None:
    regions = fail(conn, names, "other", FEW + 2)
    down = [a_down("invented", minute=minute, region=region) for region in regions[2:] for minute in range(3)]
    for arriving in down, [a_result("invented", minute=3, region=region) for region in regions[:2]]:
        write_batch(conn, names, arriving)
        decider().decide(conn)
    assert rows(conn, "SELECT ended_at IS NULL FROM sitemon.incidents WHERE site = 'invented'") == [(False,)]


def test_of_a_configured_site_all_of_its_own_count(conn: Connection, names: Names) -> None:
    regions = fail(conn, names, "configured-site", FEW + 2)
    decider(frozenset(regions)).decide(conn)
    assert rows(conn, SEEN_BY, ("configured-site",)) == [(regions,)]
