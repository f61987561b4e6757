"""An outage of hours: who was told is reminded, others are told when nobody knows of it, until somebody does."""

from datetime import timedelta

import pytest

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

STEP = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _configured(story: Story) -> None:
    story.routes({"channels": ["hook"], "remind_every": "1h", "escalate": [{"after": "15m", "channels": ["boss"]}]})


def test_nobody_knows_of_it_for_two_hours(story: Story) -> None:
    story.plays("""
        00:00  shop  uddd
    """)
    story.goes_on_until("02:13", STEP)
    story.acknowledges(by="anna")
    story.goes_on_until("05:00", STEP)
    story.plays("""
        05:00  shop  u
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:18  site.down      boss  shop  since 00:01, timeout, escalated
        01:03  site.reminder  hook  shop  since 00:01, timeout
        01:18  site.reminder  boss  shop  since 00:01, timeout
        02:03  site.reminder  hook  shop  since 00:01, timeout
        05:00  site.resolved  hook  shop  00:01 to 05:00, timeout, known to anna
        05:00  site.resolved  boss  shop  00:01 to 05:00, timeout, known to anna
    """)


def test_one_that_is_known_at_once_goes_no_further(story: Story) -> None:
    story.plays("""
        00:00  shop  uddd
    """)
    story.acknowledges(by="anna")
    story.goes_on_until("02:00", STEP)
    story.plays("""
        02:00  shop  u
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        02:00  site.resolved  hook  shop  00:01 to 02:00, timeout, known to anna
    """)
