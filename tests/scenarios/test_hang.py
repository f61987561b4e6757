"""A site that hangs is told within twice its timeout and 8 s of the check that found it, whatever its interval."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_a_hang_is_told_when_its_confirming_checks_have_hung_too(story: Story) -> None:
    story.sites(shop={"interval": "5m", "timeout": "10s"})
    story.plays("""
        00:00  shop  u
        00:05  shop  d  took 10s
    """)
    assert story.asked == lines_of("""
        00:05:11  shop  default
        00:05:14  shop  default
    """)
    story.plays("""
        00:05:11  shop  d   confirming  took 10s
        00:05:14  shop  d   confirming  took 10s
        00:10     shop  du  took 10s
    """)
    assert story.told == lines_of("""
        00:05:24  site.down      hook  shop  since 00:05, timeout
        00:15:10  site.resolved  hook  shop  00:05 to 00:15, timeout
    """)
