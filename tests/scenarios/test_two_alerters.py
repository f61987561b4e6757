"""Two alerters share the work: each incident is told once."""

import signal

from tests.databases import rows
from tests.pipeline import wait_for
from tests.scenarios.processes import an_alerter
from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

SITES = [f"site-{number}" for number in range(10)]
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'sitemon-alerter'
"""
OF_EACH = 6
"""One that decides, one that looks around, one for the heartbeat, and one for each of three channels."""


def test_each_incident_is_told_once(story: Story, database: dict[str, str]) -> None:
    story.sites(**{site: {} for site in SITES})
    with story.alone(), an_alerter(story, database) as first, an_alerter(story, database) as second:
        wait_for(lambda: rows(story.conn, CONNECTIONS) == [(2 * OF_EACH,)], 60)
        for minute, letter in enumerate("uddddu"):
            story.brings_late("\n".join(f"00:0{minute}  {site}  {letter}  because http_status" for site in SITES))
        wait_for(lambda: len(story.told) >= 2 * len(SITES))
        for alerter in (first, second):
            alerter.send(signal.SIGTERM)
        assert [alerter.wait(10) for alerter in (first, second)] == [0, 0]
    assert sorted(story.told) == sorted(
        line
        for site in SITES
        for line in lines_of(f"""
            00:00  site.down      hook  {site}  since 00:01, http_status
            00:00  site.resolved  hook  {site}  00:01 to 00:05, http_status
        """)
    )
