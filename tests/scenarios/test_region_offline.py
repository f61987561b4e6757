"""A region whose network fails: that is told, and nothing of its sites but of the one that is down all the same."""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_offline_and_online_again_are_two_messages_and_who_is_down_after_it_a_third(story: Story) -> None:
    well = [f"site-{number}" for number in range(7)]
    story.sites(shop={}, **{site: {} for site in well})
    story.plays("00:00  shop  uuddddddddddd\n" + "\n".join(f"00:00  {site}  uudddddddduuu" for site in well))
    assert story.told == lines_of("""
        00:02  region.offline  hook  default  since 00:02: 8 of 8 hosts
        00:10  region.online   hook  default  since 00:10: 7 of 8 hosts
        00:12  site.down       hook  shop     since 00:10, timeout
    """)


def test_what_was_told_before_it_was_clear_is_withdrawn(story: Story) -> None:
    others = [f"site-{number}" for number in range(7)]
    story.sites(shop={}, **{site: {} for site in others})
    story.plays("""
        00:00     shop  ud
        00:01:01  shop  d   confirming
        00:01:04  shop  d   confirming
    """)
    story.plays("00:02  shop  d\n" + "\n".join(f"00:02  {site}  d" for site in others))
    assert story.told == lines_of("""
        00:01:04  site.down           hook  shop     since 00:01, timeout
        00:02     region.offline      hook  default  since 00:01: 8 of 8 hosts
        00:02     incident.withdrawn  hook  shop     since 00:01, timeout, corrected
    """)


def test_one_that_was_down_before_stays_so(story: Story) -> None:
    others = [f"site-{number}" for number in range(7)]
    story.sites(shop={}, **{site: {} for site in others})
    story.plays(f"00:00  shop  u{25 * 'd'}u\n" + "\n".join(f"00:00  {site}  {20 * 'u'}dddduuu" for site in others))
    assert story.told == lines_of("""
        00:03  site.down       hook  shop     since 00:01, timeout
        00:20  region.offline  hook  default  since 00:20: 7 of 7 hosts
        00:24  region.online   hook  default  since 00:24: 7 of 8 hosts
        00:26  site.resolved   hook  shop     00:01 to 00:26, timeout
    """)
