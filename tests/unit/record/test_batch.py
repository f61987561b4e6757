"""What one poll brought is sorted into what is written and what can never be."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result, encode
from sitemon.model.schedule import Ended, encode_event
from sitemon.record.batch import MAX_VALUE_BYTES, Batch, read_of, sort_out, split_by_range
from sitemon.store.partitions import Span
from sitemon.store.positions import Read
from sitemon.stream.consumer import Message

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPAN = Span(NOON - timedelta(days=1), NOON + timedelta(days=1))


def a_result(
    outcome: Outcome = Outcome.UP, *, site: str = "shop", minute: int = 0, kind: Kind = Kind.SCHEDULED
) -> Result:
    slot_at = NOON + timedelta(minutes=minute)
    return Result(site=site, url="u", region="default", kind=kind, slot_at=slot_at, checked_at=slot_at, outcome=outcome)


def message(value: bytes | None, *, partition: int = 0, offset: int = 0) -> Message:
    return Message("s.results", partition, offset, b"shop", value, 1_000)


def sorted_out(*values: bytes | None) -> Batch:
    return sort_out([message(value, offset=offset) for offset, value in enumerate(values)], SPAN)


def results(batch: Batch) -> Sequence[Result]:
    return [entry.result for entry in batch.entries]


def reasons(batch: Batch) -> list[str]:
    return [one.reason for one in batch.rejected]


def test_results_come_out_in_their_order() -> None:
    given = [a_result(minute=minute) for minute in (3, 1, 2)]
    assert results(sorted_out(*map(encode, given))) == given


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
    assert [result.outcome for result in results(batch)] == [kept]
    assert batch.rejected == ()


def test_what_it_shadows_is_all_else_of_its_key_in_order() -> None:
    outcomes = (Outcome.MISSED, Outcome.MISSED, Outcome.DOWN, Outcome.UP, Outcome.MISSED)
    [entry] = sorted_out(*(encode(a_result(outcome)) for outcome in outcomes)).entries
    assert entry.message.offset == 2
    assert [other.message.offset for other in entry.shadowed] == [0, 1, 3, 4]
    assert all(other.shadowed == () for other in entry.shadowed)


def cpu_s(messages: Sequence[Message]) -> float:
    began_s = time.thread_time()
    sort_out(messages, SPAN)
    return time.thread_time() - began_s


def test_copies_of_a_key_cost_no_more_than_results_of_others() -> None:
    copies = [message(encode(a_result()), offset=offset) for offset in range(20_000)]
    others = [message(encode(a_result(site=f"site-{offset}")), offset=offset) for offset in range(20_000)]
    assert min(cpu_s(copies) for _ in range(3)) < 4 * min(cpu_s(others) for _ in range(3))


def test_another_kind_or_slot_or_site_is_another_key() -> None:
    given = [a_result(), a_result(kind=Kind.ADHOC), a_result(minute=1), a_result(site="blog")]
    assert len(sorted_out(*map(encode, given)).entries) == 4


def test_offsets_are_those_after_the_last_message_of_each_partition_also_of_rejected_ones() -> None:
    messages = [
        message(encode(a_result()), partition=0, offset=7),
        message(b"junk", partition=1, offset=3),
        message(b"junk", partition=0, offset=8),
    ]
    batch = sort_out(messages, SPAN)
    assert batch.offsets == {("s.results", 0): 9, ("s.results", 1): 4}
    assert batch.read == {("s.results", 0): Read(7, 9, beside=2), ("s.results", 1): Read(3, 4)}


def test_read_is_from_the_first_to_the_last_message_also_where_some_between_are_not_there() -> None:
    assert read_of([message(b"", offset=offset) for offset in (5, 9, 12)]) == {("s.results", 0): Read(5, 13)}


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
        (encode_event(Ended(site="shop", region="default", at_ms=2)), "not_a_result"),
        (changed(v=2), "unknown_version"),
        (changed(outcome="fine"), "not_a_result"),
        (changed(slot_at="2026-11-24T12:00:00"), "not_a_result"),
        (changed(slot_at="1970-01-01T00:00:00Z"), "slot_out_of_range"),
        (changed(slot_at="2200-01-01T00:00:00Z"), "slot_out_of_range"),
        (changed(site="s" * 10_000), "name_too_long"),
        (changed(site=""), "not_a_result"),
        (changed(region=""), "not_a_result"),
        (changed(region="r" * 65), "not_a_result"),
        (changed(padding="x" * MAX_VALUE_BYTES), "too_large"),
        (encode(a_result()).replace(b'"shop"', b'"\\ud800"'), "not_a_result"),
    ],
)
def test_what_can_never_be_recorded_is_rejected_with_a_reason(value: bytes | None, reason: str) -> None:
    batch = sorted_out(encode(a_result()), value)
    assert reasons(batch) == [reason]
    assert batch.rejected[0].message.offset == 1
    assert len(batch.entries) == 1


CERTIFICATE = {
    "subject": "CN=a",
    "issuer": "CN=b",
    "begins_at": "2026-11-24T12:00:00Z",
    "expires_at": "2026-11-24T12:00:00Z",
}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"url": "x" * 8_001}, "url"),
        ({"match": "x" * 4_097}, "match"),
        ({"error": "x" * 513}, "error"),
        ({"excerpt": "x" * 513}, "excerpt"),
        ({"ip": "fe80::1%" + "x" * 54}, "ip"),
        ({"http_version": "1" * 17}, "http_version"),
        ({"certificates": [CERTIFICATE] * 9}, "certificates"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_longer_than_any_of_ours_is_rejected(fields: dict[str, object], name: str) -> None:
    [rejected] = sorted_out(changed(**fields)).rejected
    assert rejected.reason == "not_a_result"
    assert rejected.detail.endswith(f"at `$.{name}`")


def test_an_unknown_field_is_no_reason_to_reject() -> None:
    assert reasons(sorted_out(changed(colour="blue"))) == []


def test_entries_that_grew_too_old_are_split_off() -> None:
    batch = sorted_out(*(encode(a_result(minute=minute)) for minute in range(3)))
    kept, rejected = split_by_range(batch.entries, Span(NOON + timedelta(minutes=1), NOON + timedelta(days=1)))
    assert [entry.message.offset for entry in kept] == [1, 2]
    assert [(one.message.offset, one.reason) for one in rejected] == [(0, "slot_out_of_range")]
