"""Down from one region of two is no outage; from both it is, since the second saw it."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_one_region_of_two_is_no_outage(story: Story) -> None:
    story.sites(shop={"regions": ["eu", "us"]})
    story.plays("""
        00:00  shop from eu  uddddddddu
        00:00  shop from us  uuuuuddduu
    """)
    assert story.told == lines_of("""
        00:07  site.down      hook  shop  since 00:05, timeout, from eu us
        00:08  site.resolved  hook  shop  00:05 to 00:08, timeout, from eu us
    """)
