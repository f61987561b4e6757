"""A receiver that answers 410, 429 with Retry-After, or 400, or takes the request and answers nothing."""

from datetime import timedelta

from sitemon.alert.post import post
from sitemon.alert.sender import Sender
from sitemon.store.outbox import retry_alerts
from tests.databases import rows
from tests.scenarios.story import Story
from tests.scenarios.table import lines_of

PROBLEM = "SELECT problem FROM sitemon.alerts WHERE tries > 0"
OUTAGE = """
    00:00  shop  udddu
"""


def test_after_410_nothing_is_sent_until_somebody_says_so(story: Story) -> None:
    story.receiver.answers = [(410, {})]
    story.plays(OUTAGE)
    story.goes_on_until("01:00", every=timedelta(minutes=8))
    assert story.receiver.tries == 1
    assert rows(story.conn, "SELECT DISTINCT state FROM sitemon.alerts") == [("given up",)]
    retry_alerts(story.conn)
    story.works()
    assert story.told == lines_of("""
        01:00  site.down      hook  shop  since 00:01, timeout
        01:00  site.resolved  hook  shop  00:01 to 00:04, timeout
    """)


def test_after_429_the_channel_waits_as_long_as_it_was_asked_to(story: Story) -> None:
    story.receiver.answers = [(429, {"Retry-After": "1800"})]
    story.plays(OUTAGE)
    story.goes_on_until("00:40")
    assert story.told == lines_of("""
        00:33  site.down      hook  shop  since 00:01, timeout
        00:33  site.resolved  hook  shop  00:01 to 00:04, timeout
    """)


def test_one_that_hangs_is_asked_again(story: Story) -> None:
    hook = story.alerts.channels["hook"]
    story.senders = [Sender(hook, lambda request: post(request.url, request.body, request.headers, timeout_s=0.2), str)]
    with story.receiver.slow(answers=False):
        story.plays(OUTAGE)
    assert rows(story.conn, PROBLEM) == [("no answer in time",)]
    story.goes_on_until("00:05")
    assert story.told == lines_of("""
        00:05  site.down      hook  shop  since 00:01, timeout
        00:05  site.resolved  hook  shop  00:01 to 00:04, timeout
    """)


def test_one_that_closes_without_an_answer_is_asked_again(story: Story) -> None:
    story.receiver.answers = [(0, {})]
    story.plays("""
        00:00  shop  uddd
    """)
    assert rows(story.conn, PROBLEM) == [("it closed the connection without an answer",)]
    story.goes_on_until("00:04")
    assert story.told == lines_of("""
        00:04  site.down  hook  shop  since 00:01, timeout
    """)


def test_what_it_refuses_is_overtaken_by_what_it_takes_later(story: Story) -> None:
    story.receiver.answers = [(400, {}), (400, {})]
    story.plays("""
        00:00  shop  uddd
    """)
    assert rows(story.conn, PROBLEM) == [("HTTP 400",)]
    story.plays("""
        00:04  shop  u
    """)
    story.goes_on_until("01:00", every=timedelta(minutes=8))
    query = "SELECT type, problem FROM sitemon.alerts WHERE state = 'given up'"
    assert rows(story.conn, query) == [("site.down", "overtaken by what came later: HTTP 400")]
    assert story.told == lines_of("""
        00:04  site.resolved  hook  shop  00:01 to 00:04, timeout
    """)
