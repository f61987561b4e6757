"""The schedule's history as it is read back from its topic."""

import logging

import pytest

from sitemon.model.schedule import Away, Ended, Past, ScheduleEvent, SentUpTo, Started, encode_event, past_of

SHOP = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)
EVENTS: list[ScheduleEvent] = [
    SHOP,
    Ended(site="blog", region="default", at_ms=9),
    Away(region="eu", from_ms=1, until_ms=2),
]


def test_the_past_is_the_stretches_that_hold_and_how_far_was_sent() -> None:
    assert past_of(map(encode_event, [*EVENTS, SentUpTo(at_ms=7)])) == Past([SHOP], 7, {"default": 9})


def test_without_a_mark_nothing_was_sent_since_the_first_stretch_began() -> None:
    assert past_of(map(encode_event, EVENTS)) == Past([SHOP], 1, {"default": 9})
    assert past_of([]) == Past([], None)


def test_what_is_no_event_is_passed_over_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert past_of([b"\xff", encode_event(SHOP), b'{"event":"sent_up_to","v":2,"at_ms":7}']) == Past(
            [SHOP], 1, {"default": 1}
        )
    assert caplog.text.count("schedule.event_unreadable") == 2
