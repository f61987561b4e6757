"""Results that waited in a spool and come late: what was told is corrected, never by silence."""

from datetime import timedelta

import pytest

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


@pytest.mark.parametrize(
    ("comes", "late", "expected"),
    [
        pytest.param(
            "00:00  shop  ud.dd",
            "00:02  shop  u",
            """
            00:04  site.down           hook  shop  since 00:01, timeout
            00:10  incident.withdrawn  hook  shop  since 00:01, timeout, corrected
            """,
            id="it never was",
        ),
        pytest.param(
            "00:00  shop  u..ddd",
            "00:01  shop  dd",
            """
            00:05  site.down  hook  shop  since 00:03, timeout
            00:10  site.down  hook  shop  since 00:01, timeout, corrected
            """,
            id="it began before",
        ),
        pytest.param(
            "00:00  shop  uddd...u",
            "00:05  shop  u",
            """
            00:03  site.down      hook  shop  since 00:01, timeout
            00:07  site.resolved  hook  shop  00:01 to 00:07, timeout
            00:10  site.resolved  hook  shop  00:01 to 00:05, timeout, corrected
            """,
            id="it was over before",
        ),
        pytest.param(
            "00:00  shop  uddd.dddu",
            "00:04  shop  u",
            """
            00:03  site.down      hook  shop  since 00:01, timeout
            00:08  site.resolved  hook  shop  00:01 to 00:08, timeout
            00:10  site.resolved  hook  shop  00:01 to 00:04, timeout, corrected
            00:10  site.down      hook  shop  since 00:05, timeout
            00:10  site.resolved  hook  shop  00:05 to 00:08, timeout
            """,
            id="it was two",
        ),
        pytest.param(
            "00:00  shop  uud.duuuu",
            "00:03  shop  d",
            """
            00:10  site.down      hook  shop  since 00:02, timeout
            00:10  site.resolved  hook  shop  00:02 to 00:05, timeout
            """,
            id="it was one after all",
        ),
        pytest.param(
            "00:00  shop  udmdduuuu",
            "00:02  shop  u",
            """
            00:04  site.down           hook  shop  since 00:01, timeout
            00:05  site.resolved       hook  shop  00:01 to 00:05, timeout
            00:10  incident.withdrawn  hook  shop  00:01 to 00:05, timeout, corrected
            """,
            id="in the place of a missed one",
        ),
    ],
)
def test_what_was_told_is_corrected(story: Story, comes: str, late: str, expected: str) -> None:
    story.plays(comes)
    story.goes_on_until("00:10")
    story.brings_late(late)
    assert story.told == lines_of(expected)


def test_two_outages_that_were_one_are_one_of_which_somebody_knows(story: Story) -> None:
    story.sites(shop={"regions": ["eu", "us", "ap"]})
    story.plays("""
        00:00  shop from eu  uddduddd
        00:00  shop from us  uddddddd
        00:00  shop from ap  u.......
    """)
    story.acknowledges("anna")
    story.brings_late("""
        00:01  shop from ap  ddddddd
    """)
    story.goes_on_until("02:00", every=timedelta(minutes=30))
    assert story.told == lines_of("""
        00:03  site.down           hook  shop  since 00:01, timeout, from eu us
        00:04  site.resolved       hook  shop  00:01 to 00:04, timeout, from eu us
        00:07  site.down           hook  shop  since 00:05, timeout, from eu us
        00:07  incident.withdrawn  hook  shop  since 00:05, timeout, from ap eu us, corrected, down now, known to anna
        00:07  site.down           hook  shop  since 00:01, timeout, from ap eu us, corrected, known to anna
    """)
