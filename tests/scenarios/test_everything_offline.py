"""Everything is offline, the alerter's own way to people too: four messages when it is back, and none of 12 sites."""

from datetime import timedelta

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

SITES = [f"site-{number:02}" for number in range(12)]


def test_a_network_that_is_gone_is_no_storm(story: Story) -> None:
    story.sites(**{site: {"regions": ["eu", "us"]} for site in SITES})
    with story.receiver.away():
        story.plays("\n".join(f"00:00  {site} from {region}  uuddddduuu" for site in SITES for region in ("eu", "us")))
    story.goes_on_until("00:20", every=timedelta(minutes=11))
    assert story.told == lines_of("""
        00:20  region.offline  hook  eu  since 00:02: 12 of 12 hosts
        00:20  region.offline  hook  us  since 00:02: 12 of 12 hosts
        00:20  region.online   hook  eu  since 00:07: 12 of 12 hosts
        00:20  region.online   hook  us  since 00:07: 12 of 12 hosts
    """)
