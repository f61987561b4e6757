"""Receivers that refuse connections for an hour: programs get all of it in order, people two messages."""

from datetime import timedelta

from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


def test_a_receiver_that_is_down_for_an_hour_gets_all_of_it(story: Story) -> None:
    story.routes({"channels": ["hook", "ops"]})
    with story.receiver.away():
        story.plays("""
            00:00  shop  udddu
        """)
        story.goes_on_until("00:30")
        story.plays("""
            00:30  shop  dddu
        """)
        story.goes_on_until("01:03")
    assert story.told == []
    story.goes_on_until("01:09", every=timedelta(minutes=6))  # it is tried every 5 min at least
    assert story.told == lines_of("""
        01:09  site.down      hook  shop     since 00:01, timeout
        01:09  site.resolved  hook  shop     00:01 to 00:04, timeout
        01:09  site.down      hook  shop     since 00:30, timeout
        01:09  site.resolved  hook  shop     00:30 to 00:33, timeout
        01:09  message        ops   failure  1 site is down, 1 site is up again: shop
        01:09  message        ops   failure  1 site is down, 1 site is up again: shop
    """)
