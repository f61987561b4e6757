"""A database of migration 0004, with data in it, is right after migration 0005, and goes on from there."""

from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.schedule import Ended, Started
from sitemon.store import migrate as module
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.migrate import migrate, migrations
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.read import SiteStatus, read_status
from sitemon.store.rebuild import rebuild
from sitemon.store.schedule import write_notices
from sitemon.store.write import prepare_session, write_batch
from tests.databases import close_account, dicts, execute, rows
from tests.results import MINUTE, a_down, a_result

SITES = ["steady", "broken", "unseen", "edited", "gone"]
SINCE_MIN = 180
"""The sites are watched for so long, every minute; nobody was there in minutes 60 to 80."""

NAMES = """
INSERT INTO sitemon.region (name) VALUES ('default');
INSERT INTO sitemon.site (name) SELECT unnest(%(sites)s);
INSERT INTO sitemon.target (site_id, url) SELECT site_id, 'https://' || name || '.example/' FROM sitemon.site;
"""
SCHEDULE = """
INSERT INTO sitemon.schedule_event (at_ms, from_ms, interval_ms, site_id, region_id)
SELECT %(start)s - 1, %(start)s, 60000, site_id, 1 FROM sitemon.site
UNION ALL
SELECT %(start)s + 100 * 60000 + 1, %(start)s + 110 * 60000, 600000, site_id, 1
FROM sitemon.site WHERE name = 'edited'
UNION ALL
SELECT %(start)s + 120 * 60000 + 1, NULL, NULL, site_id, 1 FROM sitemon.site WHERE name = 'gone';
INSERT INTO sitemon.away (from_ms, until_ms, region_id) VALUES (%(start)s + 59 * 60000, %(start)s + 80 * 60000, 1);
"""
RESULTS = """
INSERT INTO sitemon.result (
    slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, redirects, latency_s, reason_id
)
SELECT
    slot_at, slot_at, site_id, 1, target_id, 'scheduled', outcome::sitemon.outcome, 0, 0,
    CASE WHEN outcome <> 'missed' THEN 0.2 END,
    (
        SELECT reason_id
        FROM sitemon.reason
        WHERE name = CASE slot.outcome WHEN 'down' THEN 'timeout' WHEN 'missed' THEN 'late' END
    )
FROM (
    SELECT
        target.site_id,
        target_id,
        sitemon.from_ms(slot_ms) AS slot_at,
        CASE
            WHEN site.name = 'broken' AND minute = 150 THEN 'missed'
            WHEN site.name = 'broken' AND minute >= 140 THEN 'down'
            WHEN site.name = 'unseen' AND minute >= 170 THEN 'missed'
            ELSE 'up'
        END AS outcome
    FROM sitemon.schedule_stretch
    CROSS JOIN LATERAL generate_series(from_ms, least(until_ms - 1, %(now)s), interval_ms) AS slot_ms
    CROSS JOIN LATERAL (SELECT (slot_ms - %(start)s) / 60000 AS minute) AS at
    JOIN sitemon.site USING (site_id)
    JOIN sitemon.target USING (site_id)
    WHERE minute NOT BETWEEN 60 AND 80
) AS slot;
"""
STATES = """
INSERT INTO sitemon.current_state (
    slot_at, since_at, checked_at, site_id, region_id, target_id, kind, outcome, latency_s, reason_id
)
SELECT DISTINCT ON (result.site_id)
    slot_at, since_at, checked_at, result.site_id, region_id, target_id, kind, outcome, latency_s, reason_id
FROM sitemon.result
JOIN (
    SELECT
        site_id,
        sitemon.from_ms(
            %(start)s + 60000 * CASE name WHEN 'broken' THEN 151 WHEN 'unseen' THEN 170 WHEN 'steady' THEN 0 ELSE 81 END
        ) AS since_at
    FROM sitemon.site
) AS since USING (site_id)
ORDER BY result.site_id, slot_at DESC;
INSERT INTO sitemon.away_hour (site_id, region_id, hour_at, missed)
SELECT
    site_id, region_id, sitemon.from_ms(hour * 3600000),
    sum(sitemon.slots_without_row(site_id, region_id, first_ms, interval_ms, from_ms, until_ms))
FROM sitemon.away_piece
GROUP BY site_id, region_id, hour;
"""
LEDGER = "SELECT sum(expected), sum(real), sum(missed), sum(unaccounted), sum(unexpected) FROM sitemon.ledger"
LEDGER_BY_SITE = """
SELECT site, sum(expected), sum(real), sum(derived), sum(unaccounted), sum(unexpected)
FROM sitemon.ledger
GROUP BY site
"""
STRETCHES = "SELECT site_id, region_id, from_ms, until_ms, interval_ms FROM sitemon.schedule_stretch ORDER BY 1, 3"
UPTIME = "SELECT site, hour_at, up, down, missed FROM sitemon.uptime_hourly ORDER BY 1, 2"


def last_minute() -> datetime:
    return clock.utc_now().replace(second=0, microsecond=0)


@pytest.fixture
def start(bare: Connection, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The first slot of all sites, in a database as it was before 0005."""
    with monkeypatch.context() as before:
        before.setattr(module, "migrations", lambda: migrations()[:4])
        # Views of later migrations are not there yet.
        before.setitem(module._sql, "grant_to_reader", "SELECT 1")
        migrate(bare)
    make_partitions(bare, clock.utc_now(), DEFAULT_RETENTION)
    start = last_minute() - SINCE_MIN * MINUTE
    values = {"sites": SITES, "start": to_ms(start), "now": to_ms(last_minute())}
    for statements in (NAMES, SCHEDULE, RESULTS, STATES):
        execute(bare, statements, values)
    return start


@pytest.fixture
def names(bare: Connection, start: datetime) -> Names:
    """The names of the database, which is migrated; nobody has closed any of its account since."""
    migrate(bare)
    prepare_session(bare)
    return Names()


def status(conn: Connection) -> dict[str, SiteStatus]:
    return {one.site: one for one in read_status(conn, clock.utc_now())}


@pytest.mark.usefixtures("start")
def test_uptime_and_what_is_expected_stay_as_they_were(bare: Connection) -> None:
    before = [rows(bare, query) for query in (UPTIME, STRETCHES)]
    assert rows(bare, LEDGER)[0][3:] == (0, 0)
    migrate(bare)
    assert [rows(bare, query) for query in (UPTIME, STRETCHES)] == before
    patience = "SELECT DISTINCT interval_ms, patience_ms FROM sitemon.schedule_stretch ORDER BY 1"
    assert rows(bare, patience) == [(60_000, 132_000), (600_000, 672_000)]


@pytest.mark.usefixtures("names")
def test_the_account_begins_with_the_migration(bare: Connection) -> None:
    account = read_account(bare)
    assert account.from_ms == account.closed_ms == account.away_ms
    assert abs(account.from_ms - clock.now_ms()) < 60_000
    assert rows(bare, LEDGER) == [(None,) * 5]
    maintain(bare, DEFAULT_RETENTION, clock.utc_now())


def test_from_there_on_each_slot_is_accounted_for(bare: Connection, names: Names) -> None:
    first = from_ms(read_account(bare).from_ms).replace(second=0, microsecond=0) + MINUTE
    write_batch(bare, names, [a_result("steady", slot_at=first + minute * MINUTE) for minute in range(3)])
    write_batch(bare, names, [a_down("broken", slot_at=first + MINUTE)])
    close_account(bare, first + 2 * MINUTE + timedelta(seconds=132))
    found = {site: [int(number) for number in numbers] for site, *numbers in rows(bare, LEDGER_BY_SITE)}
    assert found["steady"] == [3, 3, 0, 0, 0]
    assert found["broken"] == [3, 1, 2, 0, 0]
    assert found["unseen"] == [3, 0, 3, 0, 0]
    assert "gone" not in found


def test_a_late_result_of_before_is_taken_out_of_what_was_missed(
    bare: Connection, start: datetime, names: Names
) -> None:
    ((before,),) = rows(bare, "SELECT sum(missed) FROM sitemon.uptime_hourly WHERE site = 'steady'")
    write_batch(bare, names, [a_result("steady", slot_at=start + 70 * MINUTE)])
    assert rows(bare, "SELECT sum(missed) FROM sitemon.uptime_hourly WHERE site = 'steady'") == [(before - 1,)]


def test_the_status_is_as_it_was_and_what_was_missed_is_unknown(
    bare: Connection, start: datetime, names: Names
) -> None:
    found = status(bare)
    assert {site: one.state for site, one in found.items()} == {
        "steady": "up",
        "broken": "down",
        "edited": "up",
        "unseen": "unknown",
    }
    assert (found["steady"].state_since, found["steady"].seen_at) == (start, found["steady"].slot_at)
    assert (found["unseen"].state_since, found["unseen"].seen_at) == (start + 170 * MINUTE, start + 169 * MINUTE)
    assert rows(bare, "SELECT is_ended FROM sitemon.site_status WHERE site = 'gone'") == [(True,)]


def test_the_states_that_it_left_go_on(bare: Connection, start: datetime, names: Names) -> None:
    following = last_minute() + MINUTE
    write_batch(bare, names, [a_down("broken", slot_at=following), a_result("unseen", slot_at=following)])
    found = status(bare)
    assert (found["broken"].state, found["broken"].state_since) == ("down", start + 151 * MINUTE)
    assert found["unseen"].state == "up"
    rebuild(bare, None, lambda _: None)
    assert status(bare)["broken"].state_since == start + 140 * MINUTE, "what was missed is no interruption"
    assert status(bare)["unseen"].state_since == start


def test_what_leaders_of_either_version_say_changes_nothing_that_holds(
    bare: Connection, start: datetime, names: Names
) -> None:
    before = rows(bare, STRETCHES)
    start_ms = to_ms(start)
    old = Started(site="steady", region="default", at_ms=start_ms - 1, interval_ms=60_000, from_slot_ms=start_ms)
    write_notices(bare, names, [old])
    assert rows(bare, STRETCHES) == before
    at_ms = clock.now_ms()
    told_again = Started(
        site="steady",
        region="default",
        token=1,
        sequence=1,
        at_ms=at_ms,
        interval_ms=60_000,
        from_slot_ms=to_ms(last_minute()) + 60_000,
        patience_ms=82_000,
    )
    write_notices(bare, names, [told_again])
    of_steady = "SELECT until_ms - from_ms > 99999999, patience_ms FROM sitemon.schedule_stretch JOIN sitemon.site"
    assert (
        dicts(bare, f"{of_steady} USING (site_id) WHERE name = 'steady' ORDER BY from_ms")[-1]["patience_ms"] == 82_000
    )
    write_notices(bare, names, [Ended(site="steady", region="default", token=1, sequence=2, at_ms=at_ms + 1)])
    assert "steady" not in status(bare)


@pytest.mark.usefixtures("names")
def test_alerters_decide_on_every_site_that_there_is(bare: Connection) -> None:
    known = rows(bare, "SELECT DISTINCT site_id FROM sitemon.current_state ORDER BY site_id")
    assert len(known) >= 3
    assert rows(bare, "SELECT DISTINCT site_id FROM sitemon.undecided ORDER BY site_id") == known
