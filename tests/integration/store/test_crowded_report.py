"""A report of more than it has room for: files of sites take turns, and the others are summed."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.counts import Counts
from sitemon.report.figures import Report, report_of
from sitemon.report.period import Period
from sitemon.store import report as module
from sitemon.store import report_places
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.provision import READER
from sitemon.store.report import DayCounts, Only, ReportRows, read_report
from sitemon.store.write import write_batch
from tests.databases import as_admin, execute, open_account, run, template_filled_by
from tests.results import MINUTE, a_down, a_result

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = clock.utc_now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
OF = Period((TODAY - DAY).date(), TODAY.date(), UTC)
LARGE = [f"large-{number:02}" for number in range(20)]
SMALL = ["small-0", "small-1", "small-2"]
FILES = dict.fromkeys(LARGE, "large.yaml") | dict.fromkeys(SMALL, "small.yaml")
A_SITE, A_GROUP = 2 + 3, 2 * 10
"""What one counts for in a report of two days."""


def record(conn: Connection) -> None:
    """Sites of a large file, all down once, each a team and all but two a group, of a small one, and one taken out."""
    open_account(conn, TODAY - DAY)
    sites = [*LARGE, *SMALL, "taken-out"]
    write_batch(
        conn, Names(), [a_result(site, slot_at=TODAY - DAY + place * MINUTE) for place, site in enumerate(sites)]
    )
    write_batch(conn, Names(), [a_down(site, slot_at=TODAY - DAY + HOUR) for site in LARGE])
    write_batch(conn, Names(), [a_result(site, slot_at=TODAY - HOUR, latency_s=3.0) for site in LARGE])
    own = "'own', CASE WHEN site.name < 'large-18' OR site.name > 'small' THEN site.name ELSE 'z' END"
    label(conn, f"'team', site.name, 'kind', 'web', {own}", "large%")
    label(conn, f"'team', 'ours', 'tier', site.name, {own}", "small%")
    execute(
        conn,
        "INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, closed_by_at, regions, decided_at) "
        "SELECT site_id, %(from)s, %(until)s, %(from)s, %(until)s, '{default}', %(from)s FROM sitemon.site "
        "WHERE name LIKE 'large%%'",
        {"from": TODAY - DAY + HOUR, "until": TODAY - HOUR},
    )


def label(conn: Connection, said: str, which: str) -> None:
    execute(
        conn,
        "INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, labels) "  # noqa: S608 - our own words
        f"SELECT site_id, region_id, 1, 1, 0, jsonb_build_object({said}) FROM sitemon.site, sitemon.region "
        "WHERE site.name LIKE %s",
        (which,),
    )


template = template_filled_by(record)


@pytest.fixture
def reader(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Connection]:
    with closing(as_admin(postgres_server, admin, template.database)) as conn:
        run(conn, "SET ROLE {role}", role=READER)
        conn.autocommit = False
        yield conn


def read(reader: Connection, group_by: str | None = None, **choices: Any) -> ReportRows:
    now = clock.utc_now()
    given = {"files": FILES} | choices
    return read_report(reader, OF.starts_at, OF.until_at, now, by_days=True, group_by=group_by, **given)


def reported(rows: ReportRows, group_by: str | None = None) -> Report:
    return report_of(rows, OF, {}, datetime(2100, 1, 1, tzinfo=UTC), group_by)


def test_files_take_turns_and_the_others_are_one_sum(reader: Connection) -> None:
    whole, found = read(reader), read(reader, most_site_days=8 * A_SITE)
    assert sorted(found.groups) == [*LARGE[:4], *SMALL, "taken-out"]
    assert (whole.others, list(found.others), found.others[""].sites) == ({}, [""], 16)
    assert found.others[""].counts == [DayCounts(0, Counts(up=16 + 16, down=16))]
    assert found.others[""].sums[:2] == (16, 0)
    assert reported(found).figures == reported(whole).figures
    assert reported(found).groups[0].figures == reported(whole).groups[0].figures
    assert reported(found).groups[0].days == reported(whole).groups[0].days
    assert len(reported(found).groups[0].incidents) == 20


def test_without_files_the_worst_are_there(reader: Connection) -> None:
    assert sorted(read(reader, most_site_days=8 * A_SITE, files={}).groups) == LARGE[:8]


def test_of_more_groups_than_have_room_the_last_of_the_file_with_most_are_one(reader: Connection) -> None:
    whole, found = read(reader, "own"), read(reader, "own", most_site_days=7 * A_GROUP)
    groups = {group.name: group for group in reported(found, "own").groups}
    assert (list(groups), found.more_groups) == ([*LARGE[:2], *SMALL, "z", "", None], 16)
    assert sorted(site.site for site in groups["z"].sites) == LARGE[18:]
    assert sorted(site.site for site in groups[None].sites) == LARGE[2:18]
    same = {group.name: group for group in reported(whole, "own").groups}
    assert groups == {name: same.get(name, group) for name, group in groups.items()}
    assert sum(group.figures.counts.total for group in groups.values()) == 20 * 3 + 4
    assert reported(found, "own").figures == reported(whole, "own").figures


def test_sites_that_are_summed_are_in_their_groups(reader: Connection) -> None:
    whole, found = reported(read(reader, "kind"), "kind"), read(reader, "kind", most_site_days=8 * A_SITE)
    assert ({*found.groups.values()}, {*found.others}) == ({"web", ""}, {"web"})
    groups = reported(found, "kind").groups
    for group, same in zip(groups, whole.groups, strict=True):
        assert (group.name, group.figures, group.days, group.incidents) == (*same[:3], same.incidents)
    assert [group.others.sites if group.others else 0 for group in groups] == [16, 0]
    found = read(reader, "team", most_site_days=3 * A_GROUP)
    groups = reported(found, "team").groups
    assert [(group.name, len(group.sites), len(group.incidents)) for group in groups] == [
        ("large-00", 1, 1),
        ("ours", 3, 0),
        ("", 1, 0),
        (None, 7, 19),
    ]
    assert {name: others.sites for name, others in found.others.items()} == {None: 12}


def test_long_labels_of_a_file_take_no_room_of_others(reader: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LABELS", 1)
    most = 8 * len('{"own": "large-00", "kind": "web", "team": "large-00"}')
    found = read(reader, most_site_days=most)
    assert {*SMALL, "taken-out"} < {*found.groups}
    assert 0 < found.others[""].sites < 20
    assert sum(map(len, found.labels.values())) <= most


def test_of_what_is_summed_nothing_is_held(reader: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[DayCounts] = []

    def count(day: int, counts: Counts) -> DayCounts:
        held.append(DayCounts(day, counts))
        return held[-1]

    monkeypatch.setattr(module, "DayCounts", count)
    read(reader, most_site_days=3 * A_SITE)
    assert len(held) == 3 + 1


@pytest.mark.parametrize(
    ("only", "sites"),
    [
        (Only("small-1"), ["small-1"]),
        (Only("nobody"), []),
        (Only(labels=["team:ours"]), SMALL),
        (Only(labels=["tier"]), SMALL),
        (Only(labels=["tier", "tier:small-2"]), ["small-2"]),
        (Only(labels=["tier:"]), []),
        (Only("small-1", ["team:large-01"]), []),
        (Only("large-01", ["team:large-01"]), ["large-01"]),
    ],
)
@pytest.mark.parametrize("few", [1_000, 0])
def test_it_is_of_the_sites_that_are_asked_for(
    reader: Connection, monkeypatch: pytest.MonkeyPatch, only: Only, sites: list[str], few: int
) -> None:
    monkeypatch.setattr(report_places, "_FEW", few)
    found = read(reader, "team", only=only)
    assert list(found.groups) == sites
    assert {incident.site for incident in found.incidents} == {*sites} & {*LARGE}
    assert found.latencies.keys() == {*sites}
    assert {group for group, _ in found.group_latencies} == {*found.groups.values()}
    assert reported(found).figures.counts.total == sum(3 if site in LARGE else 1 for site in sites)
