"""Whatever bytes lie on a topic, reading them ends in what they say, or a reason why not; nothing else."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from sitemon.model.errors import PoisonError
from sitemon.model.marks import Published, Reign, encode_mark
from sitemon.model.moment import to_ms
from sitemon.model.result import Kind, encode
from sitemon.model.schedule import Away, Ended, SentUpTo, Started, Told, encode_event
from sitemon.record.batch import Batch, sort_out
from sitemon.record.notices import NoticeBatch, sort_out_notices
from sitemon.store.copy_rows import rows_of
from sitemon.store.names import Numbers
from sitemon.store.partitions import Span
from sitemon.store.positions import Read
from sitemon.stream.consumer import Message
from tests.results import a_result
from tests.unit.record.stage import TOPICS

RESULT: Final[dict[str, Any]] = json.loads(encode(a_result(match="a", error="b")))
EVENTS: Final[list[dict[str, Any]]] = [
    json.loads(encode_event(event))
    for event in (
        Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2, patience_ms=5, token=1),
        Ended(site="shop", region="default", at_ms=3),
        Told(at_ms=3, token=1, sequence=2, first=1),
        Away(region="default", from_ms=4, until_ms=5),
        SentUpTo(at_ms=6),
    )
]
MARKS: Final[list[dict[str, Any]]] = [
    json.loads(encode_mark(mark))
    for mark in (Reign(token=1, from_ms=2, until_ms=3), Published(publisher="p", up_to_ms=4, made=5))
]

moments = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.datetimes().flatmap(lambda moment: st.sampled_from(["Z", "+23:59", "-23:59"]).map(moment.isoformat().__add__)),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "1970-01-01T00:00:00Z"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(),
    moments,
    st.sampled_from(["scheduled", "adhoc", "up", "missed", "shed", "127.0.0.1", "::1%eth0", "1.1", "\x00", "\ud800"]),
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def changed(fields: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The bytes of an object with some of its fields replaced, and perhaps cut short."""
    names = st.sampled_from(sorted(fields))
    documents = st.dictionaries(names, values, max_size=4).map(lambda other: json.dumps(fields | other).encode())
    return st.tuples(documents, st.sampled_from([None, None, None, -1, 7])).map(lambda pair: pair[0][: pair[1]])


anything = st.one_of(
    st.none(),
    st.binary(),
    values.map(lambda value: json.dumps(value).encode()),
    *map(changed, [RESULT, *EVENTS, *MARKS]),
)


def sorted_out(value: bytes | None) -> Batch:
    noon, day = a_result().slot_at, timedelta(days=1)
    return sort_out([Message(TOPICS.results, 3, 41, b"k", value, 0)], Span(noon - day, noon + day))


def said(topic: str, value: bytes | None) -> NoticeBatch:
    return sort_out_notices([Message(topic, 3, 41, b"k", value, 0)], TOPICS, to_ms(a_result().slot_at))


@given(value=anything)
@example(b'{"x":' + b"[" * 60_000)
@example(json.dumps(RESULT)[:-1].encode() + b',"http_code":' + b"9" * 5_000 + b"}")
@example(json.dumps(RESULT)[:-1].encode() + b',"latency_s":1e999}')
@example(json.dumps(RESULT)[:-1].encode() + b',"url":"\xff"}')
def test_a_result_is_read_or_rejected_with_its_place(value: bytes | None) -> None:
    batch = sorted_out(value)
    assert len(batch.entries) + len(batch.rejected) == 1
    assert batch.read == {(TOPICS.results, 3): Read(41, 42, beside=len(batch.rejected))}
    check_rejected(batch)


@given(topic=st.sampled_from([TOPICS.schedule, TOPICS.marks]), value=anything)
@example(TOPICS.schedule, b'{"v":1,"event":' + b"[" * 60_000)
@example(TOPICS.marks, b'{"v":1,"mark":' + b"[" * 60_000)
@example(TOPICS.marks, json.dumps(MARKS[0])[:-1].encode() + b',"token":' + b"9" * 5_000 + b"}")
def test_what_was_said_is_read_or_rejected_with_its_place(topic: str, value: bytes | None) -> None:
    batch = said(topic, value)
    assert len(batch.notices) + len(batch.rejected) <= 1
    assert batch.read == {(topic, 3): Read(41, 42)}
    check_rejected(batch)
    for one in batch.notices:
        numbers = [value for value in structs.astuple(one) if isinstance(value, int)]
        assert all(0 <= number < 2**63 for number in numbers), "it would not fit into the database"


def check_rejected(batch: Batch | NoticeBatch) -> None:
    for one in batch.rejected:
        assert one.reason.isidentifier()
        assert one.detail.isprintable()


@given(value=changed(RESULT))
def test_what_can_be_read_becomes_a_row_or_is_poison(value: bytes) -> None:
    results = [entry.result for entry in sorted_out(value).entries]
    any_number: Any = defaultdict(lambda: 1)
    try:
        rows = rows_of(results, Numbers(any_number, any_number, any_number, any_number))
    except PoisonError:
        return
    assert rows.startswith(b"PGCOPY")


@pytest.mark.parametrize("kind", Kind)
def test_a_good_one_of_every_kind_is_read(kind: Kind) -> None:
    assert len(sorted_out(encode(a_result(kind=kind))).entries) == 1
