"""What several events say to people where a service has room for so much: each is named, or all are counted."""

from collections import Counter
from typing import Any

import pytest

from sitemon.alert.events import DOWN
from sitemon.alert.message import MOST_NAMED, Message, fitted, message_of
from sitemon.incident.change import What
from sitemon.turns import in_turns
from tests.unit.alert.test_text import an_event

LONG = "http://evil.example/" + "x" * 7_900


def downs(count: int, name: str = "site") -> list[dict[str, Any]]:
    return [an_event(DOWN, What.OPENED, site=f"{name}-{number}", url=LONG) for number in range(count)]


def told_in(events: list[dict[str, Any]], room: int) -> list[Message]:
    """Return the messages that tell events one after the other, with so many characters in the body of each."""
    messages = []
    while events:
        types = Counter(event["type"] for event in events)
        message, told = fitted(types, events[:MOST_NAMED], "", lambda message: len(message.body) <= room)
        messages.append(message)
        events = events[told:]
    return messages


@pytest.mark.parametrize("room", [300, 1_000, 2_000, 32_768])
@pytest.mark.parametrize("count", [2, 5, 10, 20, 21])
def test_each_is_named_however_long_its_url_is(count: int, room: int) -> None:
    events = [*downs(count - 1), *downs(1, "victim")]
    messages = told_in(events, room)
    assert len(messages) <= 7
    assert all(len(message.body) <= room for message in messages)
    for event in events:
        assert any(f"{event['data']['site']} is down" in message.subject + message.body for message in messages)


def test_a_paragraph_has_the_beginning_of_a_long_url() -> None:
    [message] = told_in(downs(2), 1_000)
    assert message.body.splitlines()[:2] == ["site-0 is down: http_status (503)", f"{LONG[:199]}…"]


def test_a_long_name_takes_no_more_of_the_room_than_a_line() -> None:
    events = [*downs(3, "x" * 2_000), *downs(1, "victim")]
    [message] = told_in(events, 2_000)
    assert "victim-0 is down" in message.body
    assert len(message.subject) < 250


def test_where_each_had_a_message_of_its_own_it_is_whole() -> None:
    events = downs(2)
    assert told_in(events, 40) == [message_of([event]) for event in events]


@pytest.mark.parametrize(("count", "room"), [(101, 32_768), (1_000, 2_000), (20_000, 32_768), (30, 10)])
def test_of_very_many_one_message_names_some_and_says_how_many(count: int, room: int) -> None:
    [message] = told_in(downs(count), room)
    named = message.body.count(" is down: ")
    assert message.subject.startswith(f"{count:,} sites are down: site-0, ")
    assert message.body.endswith(f"and {count - named:,} more: sitemon incidents")
    assert 1 <= named <= MOST_NAMED


def test_turns_are_of_owners() -> None:
    owned = [("evil", 1), ("evil", 2), ("evil", 3), ("ours", 4), ("others", 5), ("ours", 6)]
    assert in_turns(owned) == [1, 4, 5, 2, 6, 3]
