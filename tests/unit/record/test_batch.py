"""What one poll brought is sorted into what is written and what can never be."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result, encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started, encode_event
from sitemon.record.batch import MAX_VALUE_BYTES, Batch, changes_of, results_of, sort_out, split_by_range
from sitemon.store.partitions import Span
from sitemon.stream.consumer import Message
from sitemon.stream.topics import Topics

TOPICS = Topics("s.results", "s.schedule", "s.dead-letters", "s.status")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPAN = Span(NOON - timedelta(days=1), NOON + timedelta(days=1))
LATEST_MS = to_ms(SPAN.last_at)


def a_result(
    outcome: Outcome = Outcome.UP, *, site: str = "shop", minute: int = 0, kind: Kind = Kind.SCHEDULED
) -> Result:
    slot_at = NOON + timedelta(minutes=minute)
    return Result(site=site, url="u", region="default", kind=kind, slot_at=slot_at, checked_at=slot_at, outcome=outcome)


def message(value: bytes | None, *, topic: str = TOPICS.results, partition: int = 0, offset: int = 0) -> Message:
    return Message(topic, partition, offset, b"shop", value, 1_000)


def sorted_out(*values: bytes | None, topic: str = TOPICS.results) -> Batch:
    messages = [message(value, topic=topic, offset=offset) for offset, value in enumerate(values)]
    return sort_out(messages, TOPICS, SPAN)


def reasons(batch: Batch) -> list[str]:
    return [one.reason for one in batch.rejected]


def test_results_come_out_in_their_order() -> None:
    results = [a_result(minute=minute) for minute in (3, 1, 2)]
    assert results_of(sorted_out(*map(encode, results)).entries) == results


@pytest.mark.parametrize(
    ("outcomes", "kept"),
    [
        ((Outcome.MISSED, Outcome.DOWN), Outcome.DOWN),
        ((Outcome.DOWN, Outcome.MISSED), Outcome.DOWN),
        ((Outcome.UP, Outcome.DOWN), Outcome.UP),
        ((Outcome.MISSED, Outcome.MISSED), Outcome.MISSED),
        ((Outcome.MISSED, Outcome.DOWN, Outcome.UP), Outcome.DOWN),
    ],
)
def test_of_one_key_the_first_real_result_stays(outcomes: tuple[Outcome, ...], kept: Outcome) -> None:
    batch = sorted_out(*(encode(a_result(outcome)) for outcome in outcomes))
    assert [result.outcome for result in results_of(batch.entries)] == [kept]
    assert batch.rejected == ()


def test_another_kind_or_slot_or_site_is_another_key() -> None:
    results = [a_result(), a_result(kind=Kind.ADHOC), a_result(minute=1), a_result(site="blog")]
    assert len(sorted_out(*map(encode, results)).entries) == 4


def test_offsets_are_those_after_the_last_message_of_each_partition_also_of_rejected_ones() -> None:
    messages = [
        message(encode(a_result()), partition=0, offset=7),
        message(b"junk", partition=1, offset=3),
        message(b"junk", partition=0, offset=8),
        message(encode_event(SentUpTo(at_ms=1)), topic=TOPICS.schedule, offset=1),
    ]
    batch = sort_out(messages, TOPICS, SPAN)
    assert batch.offsets == {("s.results", 0): 9, ("s.results", 1): 4, ("s.schedule", 0): 2}


def changed(**fields: object) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(encode(a_result())) | fields)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not_a_result"),
        (b"\xff\xfe random \x00", "not_a_result"),
        (b"[]", "not_a_result"),
        (b'{"v":1}', "not_a_result"),
        (changed(v=2), "unknown_version"),
        (changed(outcome="fine"), "not_a_result"),
        (changed(slot_at="2026-11-24T12:00:00"), "not_a_result"),
        (changed(slot_at="1970-01-01T00:00:00Z"), "slot_out_of_range"),
        (changed(slot_at="2200-01-01T00:00:00Z"), "slot_out_of_range"),
        (changed(site="s" * 10_000), "name_too_long"),
        (changed(site=""), "not_a_result"),
        (changed(region=""), "not_a_result"),
        (changed(padding="x" * MAX_VALUE_BYTES), "too_large"),
        (encode(a_result()).replace(b'"shop"', b'"\\ud800"'), "not_a_result"),
    ],
)
def test_what_can_never_be_recorded_is_rejected_with_a_reason(value: bytes | None, reason: str) -> None:
    batch = sorted_out(encode(a_result()), value)
    assert reasons(batch) == [reason]
    assert batch.rejected[0].message.offset == 1
    assert len(batch.entries) == 1


def test_an_unknown_field_is_no_reason_to_reject() -> None:
    assert reasons(sorted_out(changed(colour="blue"))) == []


EVENTS: list[ScheduleEvent] = [
    Started(site="shop", region="default", at_ms=1, interval_ms=60_000, from_slot_ms=60_000),
    Ended(site="shop", region="default", at_ms=2),
    Away(region="default", from_ms=1, until_ms=2),
]


def test_the_schedule_s_events_are_changes_and_marks_are_not() -> None:
    batch = sorted_out(*map(encode_event, [*EVENTS, SentUpTo(at_ms=5)]), topic=TOPICS.schedule)
    assert changes_of(batch.entries) == EVENTS
    assert batch.rejected == ()
    assert batch.offsets == {("s.schedule", 0): 4}


@pytest.mark.parametrize(
    "event",
    [
        Started(site="shop", region="default", at_ms=1, interval_ms=0, from_slot_ms=1),
        Started(site="shop", region="default", at_ms=-1, interval_ms=1000, from_slot_ms=1),
        Started(site="shop", region="default", at_ms=1, interval_ms=1000, from_slot_ms=2**62),
        Started(site="shop", region="default", at_ms=LATEST_MS + 1, interval_ms=1000, from_slot_ms=LATEST_MS),
        Started(site="shop", region="default", at_ms=1, interval_ms=1000, from_slot_ms=LATEST_MS + 1001),
        Ended(site="shop", region="default", at_ms=LATEST_MS + 1),
        Away(region="default", from_ms=1, until_ms=2**62),
        Away(region="default", from_ms=1, until_ms=LATEST_MS + 1),
    ],
)
def test_an_event_out_of_range_is_rejected(event: ScheduleEvent) -> None:
    assert reasons(sorted_out(encode_event(event), topic=TOPICS.schedule)) == ["not_a_schedule_event"]


def test_the_first_slot_may_lie_an_interval_ahead() -> None:
    event = Started(
        site="shop", region="default", at_ms=LATEST_MS, interval_ms=86_400_000, from_slot_ms=LATEST_MS + 86_400_000
    )
    assert changes_of(sorted_out(encode_event(event), topic=TOPICS.schedule).entries) == [event]


def test_a_tombstone_of_the_schedule_is_rejected_too() -> None:
    assert reasons(sorted_out(None, topic=TOPICS.schedule)) == ["tombstone"]


def test_entries_that_grew_too_old_are_split_off() -> None:
    batch = sorted_out(*(encode(a_result(minute=minute)) for minute in range(3)))
    kept, rejected = split_by_range(batch.entries, Span(NOON + timedelta(minutes=1), NOON + timedelta(days=1)))
    assert [entry.message.offset for entry in kept] == [1, 2]
    assert [(one.message.offset, one.reason) for one in rejected] == [(0, "slot_out_of_range")]
