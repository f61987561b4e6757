"""What the page reads, as a login that may read the public views alone."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.counts import Counts, total_of
from sitemon.model.outcome import Outcome
from sitemon.report.uptime import words_of
from sitemon.store.connect import Connection
from sitemon.store.history import END_OF_TIME, ResultsAfter, SiteStretch, all_results, read_results
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.page import PresentReader, read_days, read_trends
from sitemon.store.page_incidents import Before, read_incident, read_incidents
from sitemon.store.page_site import (
    Source,
    Stretch,
    is_anything_before,
    read_counts,
    read_newest,
    read_parts,
)
from sitemon.web.downloads import COLUMNS
from sitemon.web.ranges import RANGES, days_before, stretch_of
from tests.browser.scene import DAY, few_with_incidents
from tests.databases import execute, filled
from tests.integration.web.conftest import Connect
from tests.results import MINUTE


@pytest.fixture(scope="module")
def now() -> datetime:
    """The moment up to which thirteen sites have a past."""
    return clock.utc_now()


@pytest.fixture(scope="module")
def template(
    now: datetime, postgres_server: PostgresServer, admin: Credentials, template: Credentials
) -> Iterator[Credentials]:
    with filled(postgres_server, admin, template, lambda conn: few_with_incidents(conn, now)) as full:
        yield full


def test_how_everything_is(reader: Connect, now: datetime) -> None:
    with closing(reader()) as conn:
        present = PresentReader().read(conn)
    assert abs(present.closed_at - now) < timedelta(seconds=1)
    assert {watch.state for watch in present.watches} == {"down", "unknown", "degraded", "up"}
    assert [incident.site for incident in present.open_incidents] == ["warehouse", "checkout"]
    (shop,) = [watch for watch in present.watches if watch.site == "shop"]
    assert (shop.labels, shop.interval_s) == ({"team": "web", "env": "prod"}, 300)


def test_what_did_not_change_is_not_made_anew(reader: Connect) -> None:
    present = PresentReader()
    with closing(reader()) as conn:
        first, second = (present.read(conn).watches for _ in range(2))
    assert first == second
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_days_and_trends_of_some_sites(reader: Connect, now: datetime) -> None:
    first = now.date() - timedelta(days=89)
    with closing(reader()) as conn:
        days = read_days(conn, ["shop", "docs", "nobody"], first, 90)
        trends = read_trends(conn, ["shop", "nobody"], now - 23 * timedelta(hours=1), 24)
    assert set(days) == {"shop", "docs", "nobody"}
    assert days["shop"][66] == Counts(up=60, down=200, missed=28)
    assert days["nobody"] == [None] * 90
    assert days["shop"][49] == Counts(missed=288)
    assert sum(mean is not None for mean in trends["shop"]) >= 22
    assert trends["nobody"] == [None] * 24


@pytest.mark.parametrize("name", RANGES)
def test_each_range_has_counts_and_percentiles(reader: Connect, now: datetime, name: str) -> None:
    chosen = RANGES[name]
    stretch = stretch_of(chosen, 300, now)
    with closing(reader()) as conn:
        parts = read_parts(conn, "shop", stretch, with_phases=chosen.has_phases)
    found = [part for part in parts if part and part.p50_s is not None]
    assert found
    for part in found:
        assert part.p50_s is not None
        assert part.p95_s is not None
        assert part.p99_s is not None
        assert 0 < part.p50_s <= part.p95_s <= part.p99_s
        assert sum(part.histogram.values()) > 0
    assert any(part.phases_s for part in found) == chosen.has_phases


def test_raw_parts_count_each_result_once(reader: Connect, now: datetime) -> None:
    stretch = stretch_of(RANGES["6h"], 300, now)
    with closing(reader()) as conn:
        parts = read_parts(conn, "checkout", stretch, with_phases=False)
        results = list(
            all_results(lambda: nullcontext(conn), SiteStretch("checkout", stretch.first, now + DAY), COLUMNS, 7, now)
        )
    total = total_of(part.counts if part else None for part in parts)
    assert total.total == len(results)
    assert total.down == sum(row["outcome"] == "down" for row in results) == 41


@pytest.mark.parametrize(("source", "days"), [(Source.RAW, 1), (Source.HOUR, 89), (Source.DAY, 89)])
def test_before_the_first_that_is_kept_there_is_nothing(
    reader: Connect, now: datetime, source: Source, days: int
) -> None:
    first_day = now.replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY
    with closing(reader()) as conn:
        assert is_anything_before(conn, "shop", Stretch(source, now, 60, 1))
        assert not is_anything_before(conn, "shop", Stretch(source, first_day, 60, 1))
        assert not is_anything_before(conn, "nobody", Stretch(source, now, 60, 1))


def test_hours_of_two_weeks(reader: Connect, now: datetime) -> None:
    with closing(reader()) as conn:
        hours = read_counts(conn, "shop", days_before(now, 14))
    assert len(hours) == 336
    assert total_of(hours).total > 3_000


def test_the_newest_result_and_certificate_of_each_region(reader: Connect, now: datetime) -> None:
    with closing(reader()) as conn:
        (down,) = read_newest(conn, "checkout", now - DAY)
        (unseen,) = read_newest(conn, "search", now - DAY)
    assert (down.outcome, down.error, down.http_code) == ("down", "status 503 is not one of 200-299", 503)
    assert down.cert_expires_at is not None
    assert unseen.outcome == Outcome.UP


def test_results_go_on_after_one(reader: Connect, now: datetime) -> None:
    stretch = SiteStretch("shop", now - 2 * DAY, now + DAY)
    with closing(reader()) as conn:
        first = read_results(conn, stretch, ResultsAfter(END_OF_TIME), 10, now=now)
        after = ResultsAfter(first[-1]["slot_at"], first[-1]["region"], first[-1]["kind"])
        second = read_results(conn, stretch, after, 10, now=now)
        every = list(all_results(lambda: nullcontext(conn), stretch, COLUMNS, 10, now))
    assert [{name: row[name] for name in COLUMNS} for row in first + second] == every[:20]
    assert len(every) == 289
    assert len({row["slot_at"] for row in every}) == 289


def test_incidents_of_a_site_and_of_all(conn: Connection, reader: Connect, now: datetime) -> None:
    with closing(reader()) as reading:

        def sites(most: int | None = None, **asked: Any) -> list[str]:
            return [one.site for one in read_incidents(reading, most, **asked)]

        assert sites() == ["warehouse", "checkout", "shop"]
        assert sites(2) == ["warehouse", "checkout"]
        newest = read_incidents(reading)[0]
        assert sites(before=Before(newest.started_at, newest.incident_id)) == ["checkout", "shop"]
        assert sites(before_number=3) == ["warehouse", "checkout"]
        assert sites(before_number=4) == ["shop", "warehouse", "checkout"]
        assert sites(state="open", sites=["checkout", "shop"]) == ["checkout"]
        assert sites(state="ended") == ["shop"]
        assert sites(sites=["shop"], since=now - DAY, until=now) == ["shop"]
        assert sites(sites=["shop"], since=now - 10 * MINUTE, until=now) == []
        assert sites(sites=["checkout"], until=now - DAY) == []
        assert sites(sites=[]) == []
        found = read_incident(reading, newest.incident_id)
        assert found is not None
        assert [(alert.channel, alert.state) for alert in found.alerts] == [("ops", "delivered"), ("hook", "waiting")]
        execute(conn, "UPDATE sitemon.incident SET withdrawn_at = now() WHERE incident_id = 3")
        assert (sites(state="withdrawn"), "shop" in sites(), "shop" in sites(state="any")) == (["shop"], False, True)
        assert read_incident(reading, 2**40) is None


def test_of_an_incident_of_many_alerts_the_newest_are_read(conn: Connection, reader: Connect) -> None:
    more = """
        INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, created_at)
        SELECT gen_random_uuid(), 'reminder-' || place, 'site.reminder', 3, '{}', now()
        FROM generate_series(1, 500) AS place
    """
    execute(conn, more)
    with closing(reader()) as reading:
        found = read_incident(reading, 3)
    assert found is not None
    assert [alert.channel for alert in found.alerts] == [f"reminder-{place}" for place in range(301, 501)]


def test_equal_names_of_regions_are_one_text(reader: Connect) -> None:
    with closing(reader()) as reading:
        names = [region for one in read_incidents(reading, state="any") for region in one.regions]
    assert len(names) > len(set(names)) == len(set(map(id, names)))


@pytest.mark.parametrize("source", [Source.RAW, Source.HOUR])
def test_what_lies_in_a_window_of_maintenance_counts_apart(
    conn: Connection, reader: Connect, now: datetime, source: Source
) -> None:
    begin = now.replace(minute=0, second=0, microsecond=0) - 5 * timedelta(hours=1)
    declare(conn, Declaration(begin, begin + timedelta(hours=1), ["shop"]))
    with closing(reader()) as reading:
        (part,) = read_parts(reading, "shop", Stretch(source, begin, 3_600, 1), with_phases=False)
    assert part is not None
    assert (part.counts.total, part.counts.maintenance, part.p50_s) == (0, 12, None)
    assert words_of(part.counts) == "in maintenance"
