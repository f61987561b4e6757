"""An installation of any earlier version, with data in it, says after each migration what it said before.

One database goes all the way from migration 0004; the tables of each migration get rows as they were then. So the rows
of an installation of any version since have passed the same steps.
"""

from collections import Counter
from typing import Any, Final

import pytest

from sitemon.store.connect import Connection
from sitemon.store.migrate import migrations
from tests.databases import dicts, execute, rows
from tests.migration.old_rows import granted_views, migrate_to

DAYS = """
INSERT INTO sitemon.count_day (day, site_id, region_id, up, degraded, down, missed)
SELECT current_date - 5, site_id, 1, 1400, 20, 15, 5 FROM sitemon.site;
INSERT INTO sitemon.latency_day (day, site_id, region_id, checks, bucket)
SELECT current_date - 5, site_id, 1, 1400, 40 FROM sitemon.site;
INSERT INTO sitemon.count_hour (hour_at, site_id, region_id, up, degraded, down, missed)
SELECT date_trunc('hour', now()) - '20 hours'::interval, site_id, 1, 50, 5, 4, 1 FROM sitemon.site;
INSERT INTO sitemon.latency_hour (hour_at, site_id, region_id, checks, bucket)
SELECT date_trunc('hour', now()) - '20 hours'::interval, site_id, 1, 50, 40 FROM sitemon.site;
REFRESH MATERIALIZED VIEW sitemon.uptime_recent;
"""
ACCOUNT = """
INSERT INTO sitemon.reign VALUES (1, sitemon.to_ms(now() - '3 hours'::interval), sitemon.to_ms(now()));
INSERT INTO sitemon.publisher VALUES ('worker-1', sitemon.to_ms(now()), 900, false);
INSERT INTO sitemon.stream_position VALUES ('sitemon.schedule', 0, 77);
UPDATE sitemon.account SET
    from_ms = from_ms - 3600000 * 2, closed_ms = from_ms - 60000, away_ms = from_ms - 60000;
"""
INCIDENTS = """
INSERT INTO sitemon.incident (
    site_id, started_at, opened_by_at, ended_at, closed_by_at, regions, reason, error, acknowledged_by
)
SELECT
    site_id, now() - '40 minutes'::interval, now() - '38 minutes'::interval,
    CASE name WHEN 'steady' THEN now() - '20 minutes'::interval END,
    CASE name WHEN 'steady' THEN now() - '20 minutes'::interval END,
    '{default}', 'timeout', 'no answer within 10 s', CASE name WHEN 'steady' THEN 'anna' END
FROM sitemon.site WHERE name IN ('steady', 'broken');
INSERT INTO sitemon.incident_policy SELECT site_id, now() - '3 hours'::interval, 3, 1 FROM sitemon.site;
INSERT INTO sitemon.channel (name, failures) VALUES ('hook', 2);
INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, delivered_at, given_up_at, problem, tries)
SELECT
    gen_random_uuid(), 'hook', type, incident_id, '{"data": {"site": "steady"}}',
    CASE state WHEN 'delivered' THEN now() END, CASE state WHEN 'given up' THEN now() END, problem, 1
FROM sitemon.incident
CROSS JOIN (
    VALUES
        ('site.down', 'given up', 'overtaken by what came later: HTTP 400'),
        ('site.reminder', 'given up', 'HTTP 503'),
        ('site.reminder', 'waiting', 'HTTP 503'),
        ('site.resolved', 'delivered', NULL)
) AS said (type, state, problem)
WHERE acknowledged_by = 'anna';
"""
MAINTENANCE = """
INSERT INTO sitemon.maintenance_window (maintenance_id, site_id, from_at, until_at, is_configured, reason, declared_by)
SELECT 1, site_id, now() - '90 minutes'::interval, now() - '80 minutes'::interval, false, 'new disk', 'anna'
FROM sitemon.site WHERE name = 'edited';
INSERT INTO sitemon.maintenance_stretch SELECT site_id, from_at, until_at FROM sitemon.maintenance_window;
INSERT INTO sitemon.maintenance_plan SELECT site_id, '[]', now() FROM sitemon.site WHERE name = 'edited';
"""
BESIDE = """
INSERT INTO sitemon.region_outage VALUES ('default', now() - '170 minutes'::interval, now() - '165 minutes'::interval);
INSERT INTO sitemon.silence (cause, region, since_at, ended_at)
VALUES ('beat_down', '', now() - '2 hours'::interval, now() - '1 hour'::interval);
INSERT INTO sitemon.confirming (site_id, region, slot_at) SELECT site_id, 'default', now() FROM sitemon.site;
"""
EXCERPTS = """
UPDATE sitemon.result SET excerpt = 'Down for maintenance' WHERE outcome = 'down';
UPDATE sitemon.incident SET excerpt = 'Down for maintenance', cert_expires_at = now() + '9 days'::interval;
"""
MESSAGES = """
INSERT INTO sitemon.outbox (event_id, channel, type, event, message_id)
SELECT gen_random_uuid(), 'ops', 'monitor.silent', '{"data": {}}', '00000000-0000-0000-0000-000000000001';
INSERT INTO sitemon.certificate_warning SELECT site_id, now() + '9 days'::interval, 14 FROM sitemon.site;
"""
STATES = """
INSERT INTO sitemon.decided_state (site_id, state, since_at, incident_id)
SELECT site_id, 'down', started_at, incident_id FROM sitemon.incident WHERE ended_at IS NULL;
INSERT INTO sitemon.untold_state (site_id, state, since_at, regions, incident_id)
SELECT site_id, state, since_at, '{"default": "down"}', incident_id FROM sitemon.decided_state;
"""
DEGRADED = """
INSERT INTO sitemon.degradation (site_id, since_at, regions, reason, is_settled, channels)
SELECT site_id, now() - '9 minutes'::interval, '{"default": "degraded"}', 'too_slow', true, '{hook}'
FROM sitemon.site WHERE name = 'edited';
"""
NOTES = """
INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published)
SELECT incident_id, 'anna', note, note = 'for all'
FROM sitemon.incident CROSS JOIN unnest('{for all,for us}'::text[]) AS note;
"""
CHAINS = """
INSERT INTO sitemon.certificate_chain (site_id, region_id, digest, chain, first_at, last_at)
SELECT site_id, 1, 'd', '[{"subject": "CN=a", "issuer": "CN=b", "expires_at": "2030-01-01Z"}]', now(), now()
FROM sitemon.site;
"""
WITHDRAWN = "UPDATE sitemon.incident_note SET withdrawn_at = now(), withdrawn_by = 'anna' WHERE note = 'for us'"
ROWS: Final = {
    4: DAYS,
    5: ACCOUNT,
    6: INCIDENTS,
    7: MAINTENANCE,
    8: BESIDE,
    9: EXCERPTS,
    10: MESSAGES,
    11: STATES,
    15: DEGRADED,
    16: NOTES,
    17: CHAINS,
    19: WITHDRAWN,
}

Said = dict[str, list[dict[str, Any]]]


def said(conn: Connection) -> Said:
    """What each public view says that is there."""
    views = [
        view for view in granted_views() if rows(conn, "SELECT to_regclass(%s)", (f"sitemon.{view}",)) != [(None,)]
    ]
    return {view: dicts(conn, f"TABLE sitemon.{view}") for view in views}


def of_columns(found: list[dict[str, Any]], columns: set[str]) -> Counter[str]:
    """The rows of a view, in no order, without what a later migration added."""
    return Counter(repr(sorted((name, value) for name, value in row.items() if name in columns)) for row in found)


@pytest.mark.usefixtures("start")
def test_each_view_says_after_a_migration_what_it_said_before(
    bare: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(bare, ROWS[4])
    migrate_to(bare, 5, monkeypatch)
    execute(bare, ROWS[5])
    for number in range(6, len(migrations()) + 1):
        before = said(bare)
        migrate_to(bare, number, monkeypatch)
        after = said(bare)
        for view, found in before.items():
            columns = set(found[0]) if found else set()
            assert of_columns(after[view], columns) == of_columns(found, columns), (
                f"{view}, by {migrations()[number - 1].name}"
            )
        if number in ROWS:
            execute(bare, ROWS[number])
    assert {view for view, found in said(bare).items() if not found} == set()
    given_up = "SELECT problem, is_overtaken FROM sitemon.alerts WHERE state = 'given up' ORDER BY problem"
    assert rows(bare, given_up) == [("HTTP 503", False), ("overtaken by what came later: HTTP 400", True)]
