"""Whatever bytes a broker hands out, each record of them is read, or one says why there is no more of its batch."""

import contextlib
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from sitemon.stream import records
from sitemon.stream.consumer import message_of
from sitemon.stream.records import BATCH_MAX_BYTES, Unreadable
from tests.foreign import SNAPPY, Latin, a_batch, said_to_be

PLACE = TopicPartition("t", 0)
CODECS = [DefaultRecordBatch.CODEC_NONE, DefaultRecordBatch.CODEC_GZIP, DefaultRecordBatch.CODEC_LZ4]
VALUES = [b"one" * 40, b"two" * 40, b"three" * 40]


class Partition:
    """What was fetched of a partition, in one answer."""

    def __init__(self, *batches: bytes, fetch_offset: int = 0, check_crcs: bool = True) -> None:
        self.allowance = records._Allowance()
        fetched = MemoryRecords(b"".join(batches))
        self.records = records._Records(self.allowance, fetch_offset, PLACE, fetched, check_crcs=check_crcs)

    def poll(self) -> list[Any]:
        found: list[Any] = self.records.take()
        return found


def values(*batches: bytes, **how: Any) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record in Partition(*batches, **how).poll()]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_in_order_is_read_as_it_was_written(codec: int) -> None:
    batch = a_batch(*VALUES, codec=codec, headers=[("name", b"value"), ("null", None)], base=7)
    assert values(batch, fetch_offset=7) == list(enumerate(VALUES, 7))
    assert values(batch, fetch_offset=9) == [(9, VALUES[2])]
    message = message_of(PLACE, Partition(batch).poll()[0])
    assert message.headers == (("name", b"value"), ("null", None))
    assert (message.key, message.timestamp_ms) == (b"k", 1_000)


@pytest.mark.parametrize("codec", CODECS)
def test_a_name_of_a_header_that_is_not_utf8_is_replaced_and_all_else_is_as_it_was(codec: int) -> None:
    batch = a_batch(*VALUES, codec=codec, headers=[(Latin("n\xe4me"), b"\xff")])
    assert values(batch, a_batch(b"next", base=3)) == [*enumerate(VALUES), (3, b"next")]
    assert message_of(PLACE, Partition(batch).poll()[2]).headers == (("n\ufffdme", b"\xff"),)


def test_a_batch_of_a_codec_that_is_not_there_is_one_unreadable_record_in_the_place_of_its_last() -> None:
    batch = said_to_be(SNAPPY, a_batch(*VALUES, base=5))
    before, unreadable, after = Partition(a_batch(b"a", base=4), batch, a_batch(b"b", base=8)).poll()
    assert [before.offset, unreadable.offset, after.offset] == [4, 7, 8]
    assert isinstance(unreadable.value, Unreadable)
    assert "snappy" in unreadable.value.why
    assert unreadable.value == batch


@pytest.mark.parametrize("places", [[0, 1 << 30, 2], [0, -7, 2], [0, 0, 1], [1, 3, 2]], ids=str)
def test_no_record_says_from_where_to_read_on(places: list[int]) -> None:
    *good, unreadable = Partition(a_batch(*VALUES, base=7, places=places), a_batch(b"next", base=10)).poll()[:-1]
    assert [record.offset for record in good] == [7 + places[0]]
    assert unreadable.offset == 9
    assert "an offset that is not of its batch" in unreadable.value.why


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_batch_that_expands_beyond_all_measure_is_not_expanded(codec: int) -> None:
    bomb = a_batch(bytes(BATCH_MAX_BYTES + 1), codec=codec)
    assert len(bomb) < 1 << 20
    (unreadable,) = Partition(bomb).poll()
    assert isinstance(unreadable.value, Unreadable)
    assert "more than 33,554,432 bytes" in unreadable.value.why


@pytest.mark.parametrize("name", ["", Latin("\xe4")], ids=["utf8", "latin"])
def test_of_a_large_batch_no_record_has_headers_without_measure(name: str) -> None:
    large, header = b"v" * records.LARGE_BATCH_BYTES, (name, None)
    few = Partition(a_batch(large, headers=[header] * 1_000)).poll()
    assert [len(record.headers) for record in few] == [1_000]
    (unreadable,) = Partition(a_batch(large, headers=[header] * 6_000)).poll()
    assert isinstance(unreadable.value, Unreadable)
    assert "too many headers" in unreadable.value.why


@pytest.mark.parametrize("codec", CODECS)
def test_a_poll_brings_no_more_than_fits_and_the_rest_is_fetched_again(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records._Allowance, "left_bytes", 2_500)
    batches = [a_batch(b"x" * 1_000, codec=codec, base=base) for base in range(10)]
    partition = Partition(*batches)
    assert [record.offset for record in partition.poll()] == [0, 1, 2]
    assert partition.records.next_fetch_offset == 3
    assert not partition.records, "nothing of it is kept"


_GIVEN_BY_THE_BROKER = {*range(21), *range(23, 27)}
"""Offsets, lengths and the checksum of a batch."""


def test_behind_a_wrong_checksum_all_is_fetched_again() -> None:
    wrong = bytearray(a_batch(b"two", base=1))
    wrong[-2] ^= 1
    partition = Partition(a_batch(b"one"), bytes(wrong))
    assert [record.offset for record in partition.poll()] == [0]
    assert partition.records.next_fetch_offset == 1
    with pytest.raises(CorruptRecordError):
        partition.poll()
    assert not partition.records, "nothing of it is kept"


@settings(max_examples=300)
@given(
    codec=st.sampled_from(CODECS),
    changes=st.dictionaries(st.integers(0, 700), st.integers(0, 255), min_size=1, max_size=5),
    cut=st.integers(0, 20),
)
def test_a_batch_of_any_bytes_ends_in_records_and_in_what_follows(
    codec: int, changes: dict[int, int], cut: int
) -> None:
    headers = [("name", b"value"), (Latin("\xe4"), None)]
    batch = bytearray(a_batch(*VALUES, random.Random(1).randbytes(200), codec=codec, headers=headers))
    for place in changes.keys() & set(range(len(batch))) - _GIVEN_BY_THE_BROKER:
        batch[place] = changes[place]
    del batch[len(batch) - cut :]
    batch[8:12] = (len(batch) - 12).to_bytes(4, "big")
    found = values(bytes(batch), a_batch(b"last", base=1 << 40), check_crcs=False)
    assert found[-1] == (1 << 40, b"last")


def read_by(batch: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [(one.offset, one.timestamp, one.key, one.value, list(one.headers)) for one in batch]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 40),
            st.none() | st.binary(max_size=70),
            st.none() | st.binary(max_size=70) | st.sampled_from([bytes(8_191), bytes(8_192), bytes(20_000)]),
            st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2),
        ),
        min_size=1,
        max_size=70,
    ),
    st.booleans(),
)
def test_any_record_is_read_as_kafka_python_reads_it(written: list[tuple[Any, ...]], is_appended: bool) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 30)
    for number, (moment_ms, key, value, headers) in enumerate(written):
        assert builder.append(number, moment_ms, key, value, headers) is not None
    batch = bytearray(builder.build())
    if is_appended:
        batch[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.TIMESTAMP_TYPE_MASK
    ours = records._Batch(DefaultRecordBatch(bytes(batch)), records._Allowance())
    assert read_by(ours) == read_by(DefaultRecordBatch(bytes(batch)))


@given(st.binary(max_size=40), st.integers(1, 3))
@example(bytes.fromhex("12818182040002000000"), 1)  # attributes of three bytes
def test_any_bytes_of_a_batch_are_the_records_that_kafka_python_reads_or_one_says_why_there_are_no_more(
    data: bytes, count: int
) -> None:
    head = DefaultRecordBatch.HEADER_STRUCT.pack(0, 0, 0, 2, 0, 0, 2, 1_000, 1_000, -1, -1, -1, count)
    theirs, expected = DefaultRecordBatch(head + data), []
    with contextlib.suppress(CorruptRecordError, ValueError, IndexError):
        for _ in range(count):
            expected += read_by([theirs._read_msg()])
    *found, last = read_by(records._Batch(DefaultRecordBatch(head + data), records._Allowance()))
    assert found == expected[: len(found)]
    assert isinstance(last[3], Unreadable) or [*found, last] == expected
