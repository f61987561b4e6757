"""What several events say to people where a service has room for so much: each is named, or all are counted."""

from collections import Counter
from typing import Any

import pytest

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, REMINDER, RESOLVED, WITHDRAWN
from sitemon.alert.message import MOST_NAMED, Message, fitted, message_of
from sitemon.apprise_services import Service
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
        fit = fitted(types, events[:MOST_NAMED], 1, "", lambda message: len(message.body) <= room)
        messages.append(fit.message)
        events = events[fit.events :]
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


def is_an_sms(message: Message) -> bool:
    return len(f"{message.subject}\r\n{message.body}") <= 160


def of_long_names() -> list[dict[str, Any]]:
    kinds = [DOWN, REMINDER, DEGRADED, RESOLVED, WITHDRAWN, CERTIFICATE]
    events = downs(20, "x" * 190)
    return [{**event, "type": kinds[number % len(kinds)]} for number, event in enumerate(events)]


def test_however_long_names_are_an_sms_names_a_site_of_each_of_two_files() -> None:
    evil = of_long_names()
    events = [evil[0], *downs(1, "victim"), *evil[1:]]
    message, told, files = fitted(Counter(event["type"] for event in events), events, 2, "", is_an_sms)
    assert is_an_sms(message)
    assert message.body.splitlines()[1:] == ["victim-0 is down: http_status (503)", "and 19 more"]
    assert (told, files) == (21, 2)


@pytest.mark.parametrize(("files", "told"), [(1, 1), (3, 2), (10, 2), (11, 11)])
def test_it_tells_all_of_the_files_that_it_names_unless_there_are_very_many(files: int, told: int) -> None:
    events = of_long_names()
    fit = fitted(Counter(event["type"] for event in events), events, files, "", is_an_sms)
    assert (fit.events, fit.files) == (20, told)


def test_a_message_has_the_room_that_it_is_sent_with_whatever_its_format() -> None:
    """Matrix has as much room as what it is given, which is what was made of the message in its format."""
    service = Service("matrix://me:secret@chat.example/#ops?format=html", 1.0)
    events = [an_event(DOWN, What.OPENED, site=f"site-{number}") for number in range(40)]
    fit = fitted({DOWN: 40}, events, 40, "", lambda message: service.fits(message.subject, message.body))
    assert (fit.events, fit.files) == (40, 40)
    assert [event for event in events if f"{event['data']['site']} is down" not in fit.message.body] == []


def test_turns_are_of_owners() -> None:
    owned = [("evil", 1), ("evil", 2), ("evil", 3), ("ours", 4), ("others", 5), ("ours", 6)]
    assert in_turns(owned) == [1, 4, 5, 2, 6, 3]
