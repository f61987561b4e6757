"""Thresholds that are edited during an incident hold from then on, also where late results make it look back.

Of routes that are edited then, who was told that the site is down hears the rest.
"""

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_an_edited_policy_holds_for_rows_from_its_edit_on(story: Story) -> None:
    story.plays("""
        00:01  shop  uddd
    """)
    story.sites(shop={"down_after": 6})
    story.plays("""
        00:05  shop  dudddduddddddu
    """)
    story.brings_late("""
        00:00  shop  u
    """)
    assert story.told == lines_of("""
        00:04  site.down      hook  shop  since 00:02, timeout
        00:06  site.resolved  hook  shop  00:02 to 00:06, timeout
        00:17  site.down      hook  shop  since 00:12, timeout
        00:18  site.resolved  hook  shop  00:12 to 00:18, timeout
    """)


def test_an_incident_heals_by_the_threshold_of_its_rows(story: Story) -> None:
    story.plays("""
        00:00  shop  uddd
    """)
    story.sites(shop={"up_after": 3})
    story.plays("""
        00:04  shop  dudduuuu
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:10  site.resolved  hook  shop  00:01 to 00:08, timeout
    """)


def test_who_was_told_before_the_routes_were_edited_hears_the_rest(story: Story) -> None:
    story.plays("""
        00:00  shop  uddd
    """)
    story.routes({"channels": ["boss"], "remind_every": "5m"})
    story.plays("""
        00:04  shop  ddddddu
    """)
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:10  site.resolved  hook  shop  00:01 to 00:10, timeout
        00:10  site.resolved  boss  shop  00:01 to 00:10, timeout
    """)
