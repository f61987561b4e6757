"""What leaders and publishers said is read and checked, and what can never be written is rejected."""

from typing import Any

import pytest
from msgspec import structs

from sitemon.model.marks import Mark, Published, Reign, encode_mark
from sitemon.model.result import encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started, Told, encode_event
from sitemon.record.batch import MAX_VALUE_BYTES
from sitemon.record.notices import NoticeBatch, sort_out_notices
from sitemon.store.positions import Read
from sitemon.stream.consumer import Message
from tests.results import a_result
from tests.unit.record.stage import TOPICS

LATEST_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def started(**fields: Any) -> Started:
    plain = {
        "at_ms": 1,
        "interval_ms": 60_000,
        "from_slot_ms": 60_000,
        "token": 3,
        "sequence": 1,
        "patience_ms": 90_000,
    }
    return Started(site="shop", region="default", **(plain | fields))


def test_a_label_that_the_database_cannot_hold_is_a_dead_letter() -> None:
    value = encode_event(structs.replace(started(), labels={"team": "web"}))
    assert sorted_out(TOPICS.schedule, value.replace(b"web", b"\\u0000")).notices == []
    assert len(sorted_out(TOPICS.schedule, value).notices) == 1


@pytest.mark.parametrize(
    "labels", [{"team": "x" * 8_192}, {"x" * 8_192: ""}, {f"x{n}": "" for n in range(1_000)}], ids=len
)
def test_labels_that_are_longer_than_any_of_ours_are_a_dead_letter(labels: dict[str, str]) -> None:
    [rejected] = of_schedule(started(labels=labels)).rejected
    assert rejected[1:] == ("not_a_schedule_event", "the labels are longer than 8192 bytes")


def ended(**fields: int) -> Ended:
    return Ended(site="shop", region="default", **({"at_ms": 2, "token": 3, "sequence": 2} | fields))


def told(**fields: int) -> Told:
    return Told(**({"at_ms": 2, "token": 3, "sequence": 3, "first": 1} | fields))


def reign(**fields: int) -> Reign:
    return Reign(**({"token": 3, "from_ms": 5, "until_ms": 6} | fields))


def published(publisher: str = "host:1:a", *, up_to_ms: int = 7, made: int = 8, is_last: bool = False) -> Published:
    return Published(publisher=publisher, up_to_ms=up_to_ms, made=made, is_last=is_last)


def of_schedule(*events: ScheduleEvent) -> NoticeBatch:
    return sorted_out(TOPICS.schedule, *map(encode_event, events))


def of_marks(*marks: Mark) -> NoticeBatch:
    return sorted_out(TOPICS.marks, *map(encode_mark, marks))


def sorted_out(topic: str, *values: bytes | None) -> NoticeBatch:
    messages = [Message(topic, 0, offset, b"k", value, 1_000) for offset, value in enumerate(values, 41)]
    return sort_out_notices(messages, TOPICS, LATEST_MS)


def reasons(batch: NoticeBatch) -> list[str]:
    return [one.reason for one in batch.rejected]


EVENTS: list[ScheduleEvent] = [started(), ended(), told(), Away(region="default", from_ms=1, until_ms=2)]
MARKS: list[Mark] = [reign(), published(), published(made=0, is_last=True), published("p" * 200)]


def test_events_come_out_in_their_order() -> None:
    assert of_schedule(*EVENTS).notices == EVENTS


def test_marks_come_out_in_their_order() -> None:
    assert of_marks(*MARKS).notices == MARKS


def test_both_topics_may_come_in_one_poll() -> None:
    messages = [
        Message(TOPICS.marks, 0, 7, b"k", encode_mark(reign()), 1_000),
        Message(TOPICS.schedule, 0, 3, b"k", encode_event(told()), 1_000),
        Message(TOPICS.marks, 0, 9, b"k", b"junk", 1_000),
    ]
    batch = sort_out_notices(messages, TOPICS, LATEST_MS)
    assert batch.notices == [reign(), told()]
    assert batch.read == {(TOPICS.marks, 0): Read(7, 10), (TOPICS.schedule, 0): Read(3, 4)}


def test_up_to_where_an_earlier_version_had_sent_is_read_and_left() -> None:
    batch = of_schedule(SentUpTo(at_ms=5))
    assert (batch.notices, batch.rejected) == ([], [])
    assert batch.read == {(TOPICS.schedule, 0): Read(41, 42)}


def test_events_of_earlier_versions_have_neither_token_nor_patience() -> None:
    value = b'{"v":1,"event":"started","at_ms":5,"site":"shop","region":"default","interval_ms":1000,"from_slot_ms":6}'
    (event,) = sorted_out(TOPICS.schedule, value).notices
    assert event == Started(site="shop", region="default", at_ms=5, interval_ms=1_000, from_slot_ms=6)
    assert isinstance(event, Started)
    assert (event.token, event.sequence, event.patience_ms) == (0, 0, 0)


@pytest.mark.parametrize(
    "event",
    [
        started(interval_ms=0),
        started(interval_ms=-1_000),
        started(interval_ms=999),
        started(interval_ms=2**62),
        started(interval_ms=367 * DAY_MS),
        started(at_ms=-1),
        started(at_ms=LATEST_MS + 1),
        started(from_slot_ms=-1),
        started(from_slot_ms=2**62),
        started(interval_ms=1_000, from_slot_ms=LATEST_MS + 1_001),
        started(patience_ms=-1),
        started(patience_ms=2**62),
        started(patience_ms=733 * DAY_MS),
        started(token=-1),
        started(token=2**63),
        started(sequence=2**63),
        ended(at_ms=LATEST_MS + 1),
        ended(sequence=-1),
        told(at_ms=LATEST_MS + 1),
        told(first=-1),
        Away(region="default", from_ms=1, until_ms=2**62),
        Away(region="default", from_ms=1, until_ms=LATEST_MS + 1),
        Away(region="default", from_ms=-1, until_ms=2),
    ],
    ids=str,
)
def test_an_event_out_of_range_is_rejected(event: ScheduleEvent) -> None:
    batch = of_schedule(event, ended())
    assert reasons(batch) == ["not_a_schedule_event"]
    assert batch.rejected[0].message.offset == 41
    assert batch.notices == [ended()]


@pytest.mark.parametrize(
    "mark",
    [
        reign(token=-1),
        reign(token=2**63),
        reign(from_ms=-1),
        reign(until_ms=LATEST_MS + 1),
        published(up_to_ms=-1),
        published(up_to_ms=LATEST_MS + 1),
        published(made=-1),
        published(made=2**63),
        published(made=2**40),
        published(""),
    ],
    ids=str,
)
def test_a_mark_out_of_range_is_rejected(mark: Mark) -> None:
    batch = of_marks(mark, reign())
    assert reasons(batch) == ["not_a_mark"]
    assert batch.notices == [reign()]


@pytest.mark.parametrize(
    "event",
    [
        started(at_ms=LATEST_MS, interval_ms=DAY_MS, from_slot_ms=LATEST_MS + DAY_MS),
        started(interval_ms=366 * DAY_MS, patience_ms=732 * DAY_MS),
        started(at_ms=LATEST_MS, from_slot_ms=1),
        ended(at_ms=0, token=2**63 - 1, sequence=2**63 - 1),
        told(at_ms=LATEST_MS),
    ],
    ids=str,
)
def test_at_the_ends_of_its_range_an_event_is_taken(event: ScheduleEvent) -> None:
    assert of_schedule(event).notices == [event]


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (TOPICS.schedule, None, "tombstone"),
        (TOPICS.marks, None, "tombstone"),
        (TOPICS.schedule, b"junk", "not_a_schedule_event"),
        (TOPICS.marks, b"junk", "not_a_mark"),
        (TOPICS.schedule, encode(a_result()), "not_a_schedule_event"),
        (TOPICS.marks, encode(a_result()), "not_a_mark"),
        (TOPICS.schedule, encode_mark(reign()), "not_a_schedule_event"),
        (TOPICS.marks, encode_event(told()), "not_a_mark"),
        (TOPICS.schedule, encode_event(told()).replace(b'"v":1', b'"v":2'), "unknown_version"),
        (TOPICS.marks, encode_mark(reign()).replace(b'"v":1', b'"v":2'), "unknown_version"),
        (TOPICS.schedule, encode_event(ended()).replace(b"shop", b"s" * 10_000), "name_too_long"),
        (TOPICS.schedule, encode_event(ended()).replace(b"default", b"r" * 65), "not_a_schedule_event"),
        (TOPICS.schedule, encode_event(ended()).replace(b"shop", b""), "not_a_schedule_event"),
        (TOPICS.schedule, encode_event(Away(region="", from_ms=1, until_ms=2)), "not_a_schedule_event"),
        (TOPICS.marks, encode_mark(published("ä" * 101)), "name_too_long"),
        (TOPICS.marks, encode_mark(published("p" * 201)), "name_too_long"),
        (TOPICS.marks, b" " * MAX_VALUE_BYTES + encode_mark(reign()), "too_large"),
    ],
)
def test_what_is_none_of_its_topic_is_rejected_with_a_reason(topic: str, value: bytes | None, reason: str) -> None:
    assert reasons(sorted_out(topic, value)) == [reason]
