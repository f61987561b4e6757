"""What was said before of other sites is not read when something is said, or has arrived."""

import pytest

from sitemon.store.lasting import read_lasting
from sitemon.store.outbox import mark_delivered, mark_failed
from tests.databases import execute, rows
from tests.integration.alert.leaving import LATER, Story
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_fair_order import say
from tests.integration.alert.test_flapping import reads_few

OF_OTHERS = """
INSERT INTO sitemon.outbox (event_id, channel, type, site_name, event, delivered_at)
SELECT
    gen_random_uuid(), 'hook', 'site.degraded', 'theirs-' || number,
    jsonb_build_object('data', jsonb_build_object('site', 'theirs-' || number)), now()
FROM generate_series(1, 5000) AS number
"""

REMINDERS = """
INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, site_name, event, created_at, delivered_at)
SELECT
    gen_random_uuid(), 'hook', 'site.reminder', incident_id, site_name,
    event || jsonb_build_object('number', number), created_at + number * '1 minute'::interval, now()
FROM sitemon.outbox
CROSS JOIN generate_series(1, 5000) AS number
"""


@pytest.fixture
def story(scene: Scene, receiver: Receiver) -> Story:
    """A site that is degraded, and much that was said of others since."""
    story = Story(scene, receiver)
    story.arrive("uggg")
    execute(scene.conn, OF_OTHERS)
    return story


def test_the_labels_of_a_degraded_site_that_was_taken_out_are_known(story: Story, scene: Scene) -> None:
    story.edit(minute=4)
    story.leave(4)
    with reads_few(scene.conn, "outbox"):
        story.look(LATER)
    assert story.said == ["site.degraded", "site.recovered"]
    assert scene.receiver.events[-1]["data"]["labels"] == {"team": "web"}


def test_what_lasts_is_found_by_its_newest_alerts(story: Story, scene: Scene) -> None:
    with reads_few(scene.conn, "outbox"):
        found = read_lasting(scene.conn, "hook", 0, 9)
    assert [event["data"]["site"] for event in found.events] == ["shop"]


def test_of_an_incident_that_lasts_not_all_reminders_are_read(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    execute(scene.conn, REMINDERS)
    with reads_few(scene.conn, "outbox"):
        [event] = read_lasting(scene.conn, "hook", 0, 9).events
    assert event["number"] == 5000


def test_what_it_has_overtaken_is_looked_for_among_what_waits_of_its_site(scene: Scene) -> None:
    say(scene.conn, ["shop", "wiki"])
    execute(scene.conn, OF_OTHERS)
    say(scene.conn, ["shop"])
    first, last = rows(scene.conn, "SELECT min(outbox_id), max(outbox_id) FROM sitemon.outbox")[0]
    mark_failed(scene.conn, first, "HTTP 403", 3_600.0)
    with reads_few(scene.conn, "outbox"):
        mark_delivered(scene.conn, "hook", last)
    states = "SELECT site, state, is_overtaken FROM sitemon.alerts WHERE site IN ('shop', 'wiki') ORDER BY alert_id"
    assert rows(scene.conn, states) == [
        ("shop", "given up", True),
        ("wiki", "waiting", False),
        ("shop", "delivered", False),
    ]


OF_REGIONS = """
INSERT INTO sitemon.outbox (event_id, channel, type, event, delivered_at)
SELECT gen_random_uuid(), 'hook', type, jsonb_build_object('data', data || jsonb_build_object('number', number)), now()
FROM generate_series(1, 5000) AS number
CROSS JOIN (
    VALUES
        ('region.offline', '{"region": "theirs"}'::jsonb),
        ('monitor.silent', '{"cause": "no_recent_results", "region": "theirs", "state": "silent"}')
) AS given (type, data)
"""


def test_of_regions_and_silences_only_what_was_said_of_those_that_last_is_read(scene: Scene) -> None:
    execute(scene.conn, "INSERT INTO sitemon.region_outage (region, from_at) VALUES ('eu', now())")
    execute(scene.conn, "INSERT INTO sitemon.silence (cause, region, since_at) VALUES ('no_results', 'eu', now())")
    execute(scene.conn, OF_REGIONS)
    with reads_few(scene.conn, "outbox"):
        assert read_lasting(scene.conn, "hook", 0, 9).events == []
