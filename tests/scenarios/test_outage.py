"""An outage of ten minutes: programs hear of it at once, people ten seconds later, and both when it is over."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_an_outage_of_ten_minutes(story: Story) -> None:
    story.routes({"channels": ["hook", "ops"], "group_for": "10s"})
    story.plays("""
        00:00  shop  uddddddddddu
    """)
    story.goes_on_until("00:12")
    assert story.told == lines_of("""
        00:03  site.down      hook  shop     since 00:01, timeout
        00:04  message        ops   failure  shop is down: timeout
        00:11  site.resolved  hook  shop     00:01 to 00:11, timeout
        00:12  message        ops   success  shop is up again after 10 min
    """)


def test_an_alerter_that_was_away_says_both_when_it_is_back(story: Story) -> None:
    with story.alone():
        story.plays("""
            00:00  shop  uddddddddddu
        """)
        story.goes_on_until("00:20")
    story.works()
    assert story.told == lines_of("""
        00:20  site.down      hook  shop  since 00:01, timeout
        00:20  site.resolved  hook  shop  00:01 to 00:11, timeout
    """)
