"""A site that fails now and then is no outage; one that does not stay well is one outage, if it shall be."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_two_failures_of_three_are_no_outage(story: Story) -> None:
    story.plays("""
        00:00  shop  uddudduddudduddu
    """)
    assert story.told == []


def test_one_that_is_well_in_between_is_told_each_time(story: Story) -> None:
    story.plays("""
        00:00  shop  udddudddu
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:04  site.resolved  hook  shop  00:01 to 00:04, timeout
        00:07  site.down      hook  shop  since 00:05, timeout
        00:08  site.resolved  hook  shop  00:05 to 00:08, timeout
    """)


def test_with_up_after_it_is_one_outage_until_it_stays_well(story: Story) -> None:
    story.sites(shop={"up_after": 3})
    story.plays("""
        00:00  shop  udddudduuddduuu
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:14  site.resolved  hook  shop  00:01 to 00:12, timeout
    """)
