"""Databases of earlier versions, and what is in one of migration 0004."""

import re
from datetime import datetime

import pytest

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.store import migrate as module
from sitemon.store.connect import Connection
from sitemon.store.migrate import migrate, migrations
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.steps import Steps
from tests.databases import execute
from tests.results import MINUTE

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


def migrate_to(conn: Connection, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring the database to an earlier schema; views of later migrations, which readers may read, are not there."""
    with monkeypatch.context() as before:
        before.setattr(module, "migrations", lambda: migrations()[:number])
        before.setitem(module._sql, "grant_to_reader", "SELECT 1")
        migrate(conn)


def granted_views() -> list[str]:
    """The public views."""
    return re.findall(r"^ {12}sitemon\.(\w+),?$", module._sql["grant_to_reader"], re.MULTILINE)


def last_minute() -> datetime:
    return clock.utc_now().replace(second=0, microsecond=0)


def fill_0004(conn: Connection) -> datetime:
    """Put rows into a database of migration 0004, and return the first slot of all sites."""
    make_partitions(Steps(conn), clock.utc_now(), DEFAULT_RETENTION)
    start = last_minute() - SINCE_MIN * MINUTE
    values = {"sites": SITES, "start": to_ms(start), "now": to_ms(last_minute())}
    for statements in (NAMES, SCHEDULE, RESULTS, STATES):
        execute(conn, statements, values)
    return start
