"""Alerts of a database of migration 0030 are sent, and known, after the next one as they were before."""

import pytest

from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding
from sitemon.store.lasting import read_lasting
from sitemon.store.migrate import migrate
from sitemon.store.outbox import due_alerts, read_waiting, retry_alerts
from tests.databases import execute, rows
from tests.migration.old_rows import migrate_to

SITES = """
INSERT INTO sitemon.site (name) VALUES ('shop'), ('wiki');
INSERT INTO sitemon.incident (site_id, started_at, opened_by_at, regions)
SELECT site_id, now(), now(), '{default}' FROM sitemon.site WHERE name = 'shop';
INSERT INTO sitemon.degradation (site_id, since_at, regions, is_settled, channels)
SELECT site_id, now() - '9 days'::interval, '{"default": "degraded"}', true, '{hook}'
FROM sitemon.site WHERE name = 'wiki';
INSERT INTO sitemon.silence (cause, region, since_at) VALUES ('beat_down', '', now() - '1 hour'::interval);
INSERT INTO sitemon.channel (name) VALUES ('hook');
"""
SAID = """
INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, created_at, delivered_at, given_up_at)
SELECT
    gen_random_uuid(), 'hook', type, CASE WHEN data ->> 'site' = 'shop' THEN incident_id END,
    jsonb_build_object('type', type, 'data', data), now() - age,
    CASE state WHEN 'delivered' THEN now() - age END, CASE state WHEN 'given up' THEN now() - age END
FROM sitemon.incident
CROSS JOIN (
    VALUES
        ('{"site": "wiki", "labels": {"team": "first"}}'::jsonb, 'site.degraded', '8 days'::interval, 'delivered'),
        ('{"site": "wiki", "labels": {"team": "docs"}}', 'site.degraded', '7 days', 'delivered'),
        ('{"site": "wiki"}', 'certificate.expiring', '2 days', 'given up'),
        ('{"site": "shop", "labels": {"team": "web"}}', 'site.down', '1 hour', 'delivered'),
        ('{"site": null, "region": null, "cause": "beat_down", "state": "silent"}', 'monitor.silent', '1h', 'given up'),
        ('{"site": "shop", "labels": {"team": "web"}}', 'site.reminder', '1 minute', 'waiting')
) AS said (data, type, age, state)
ORDER BY age DESC
"""


@pytest.fixture
def migrated(bare: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    migrate_to(bare, 30, monkeypatch)
    execute(bare, SITES)
    execute(bare, SAID)
    migrate(bare)
    return bare


def test_what_waits_is_sent(migrated: Connection) -> None:
    [(number, (site, _))] = due_alerts(migrated, "hook", 9).items()
    [alert] = read_waiting(migrated, [number])
    assert (site, alert.event["type"], alert.event["data"]["labels"]) == ("shop", "site.reminder", {"team": "web"})
    assert retry_alerts(migrated) == 2
    assert sorted(one.site for one in due_alerts(migrated, "hook", 9).values()) == ["/", "shop", "wiki"]


def test_what_lasts_is_told_again_and_ends_with_its_labels(migrated: Connection) -> None:
    types = [event["type"] for event in read_lasting(migrated, "hook", 0, 9).events]
    assert sorted(types) == ["monitor.silent", "site.degraded", "site.down"]
    assert rows(migrated, "SELECT labels FROM sitemon.degradation") == [({"team": "docs"},)]
    with migrated, migrated.cursor() as cursor:
        assert [*Deciding(cursor).labels_said([1]).values()] == [{"team": "web"}]
