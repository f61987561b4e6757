"""Sites that say themselves who is told of what, beside one of which the routes say it."""

from datetime import timedelta

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

OWN = {
    "channels": ["hook"],
    "events": ["down", "resolved", "degraded"],
    "escalate": [{"after": "15m", "channels": ["boss"]}],
}


def test_a_site_hears_of_slowness_and_escalates_where_another_does_not(story: Story) -> None:
    story.sites(pay={"alerts": OWN}, shop={}, wiki={"alerts": "off"})
    story.plays("""
        00:00  pay   ugggu
        00:00  shop  ugggu
        00:10  pay   uddd
        00:10  shop  uddd
        00:10  wiki  uddd
    """)
    story.goes_on_until("00:30", every=timedelta(minutes=5))
    story.plays("""
        00:31  pay   u
        00:31  shop  u
        00:31  wiki  u
    """)
    assert story.told == lines_of("""
        00:03  site.degraded   hook  pay   since 00:01, too_slow
        00:04  site.recovered  hook  pay   00:01 to 00:04, too_slow
        00:13  site.down       hook  pay   since 00:11, timeout
        00:13  site.down       hook  shop  since 00:11, timeout
        00:28  site.down       boss  pay   since 00:11, timeout, escalated
        00:31  site.resolved   hook  pay   00:11 to 00:31, timeout
        00:31  site.resolved   hook  shop  00:11 to 00:31, timeout
        00:31  site.resolved   boss  pay   00:11 to 00:31, timeout
    """)
