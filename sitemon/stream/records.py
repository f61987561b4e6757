"""From the bytes of a topic to its records, whoever wrote them: one that cannot be read holds up no other.

A broker takes what kafka-python (3.0.12) cannot read, names of headers that are not UTF-8 and codecs whose library is
not there among them. It then raises at each poll, so that the partition is never read any further; and it expands a
batch of 1 MiB to the GiB that it may have been made of.
"""

import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Self, SupportsIndex

import kafka
import lz4.frame
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import decode_varint

from sitemon.stream.topics import DEAD_LETTER_MAX_BYTES

BATCH_MAX_BYTES: Final = 2 * DEAD_LETTER_MAX_BYTES
"""What a batch may expand to. A producer of ours closes one at 128 KiB, or with the largest record that there is."""

POLL_BYTES: Final = 2 * BATCH_MAX_BYTES
"""After so much a poll brings no further batch."""

LARGE_BATCH_BYTES: Final = 1 << 20
_MOST_NUMBERS: Final = 10_000
"""A record of a large batch holds so many, two for each header. Of 32 MiB of empty ones, kafka-python makes a GiB."""
_MORE_FOLLOWS: Final = 0x80
_NEGATIVE_OR_LONGER: Final = ~0x3FFE
"""The bits of a number in zigzag, of which some is set where it is negative or has more than two bytes."""
_WHY_CHARS: Final = 200
_ENOUGH: Final = BATCH_MAX_BYTES + 1
_LZ4_MOST_TIMES: Final = 255
"""No byte of LZ4 stands for more (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md)."""
_EXPAND: Final[dict[int, Callable[[bytes], bytes]]] = {
    DefaultRecordBatch.CODEC_GZIP: lambda data: gzip.GzipFile(fileobj=io.BytesIO(data)).read(_ENOUGH),
    # It takes as much memory as it may fill before it begins: for a batch of some results that was most of its time.
    DefaultRecordBatch.CODEC_LZ4: lambda data: lz4.frame.LZ4FrameDecompressor().decompress(
        data, min(_ENOUGH, len(data) * _LZ4_MOST_TIMES)
    ),
}


class Unreadable(bytes):
    """A value that is none: the bytes of a batch of which nothing, or nothing more, can be read, and why."""

    def __new__(cls, batch: bytes, why: str) -> Self:
        """Take the bytes, and the reason in words."""
        made = super().__new__(cls, batch)
        made.why = why
        return made

    why: str


class Reader(kafka.KafkaConsumer):  # type: ignore[misc] # kafka has no types
    """kafka-python's consumer, for which there is nothing that it cannot read.

    A name of a header that is not UTF-8 has U+FFFD in it. Where a batch cannot be read on, there is one more record, in
    the place of its last, with an `Unreadable` value.
    """

    def __init__(self, *topics: str, **configs: object) -> None:
        super().__init__(*topics, **configs)
        self._allowance = _Allowance()
        self._fetcher.PartitionRecords = self._records_of

    def poll(self, timeout_ms: int = 0, max_records: int | None = None, update_offsets: bool = True) -> Any:
        """Return the next records by partition, of no more than about `POLL_BYTES`."""
        self._allowance.left_bytes = POLL_BYTES
        return super().poll(timeout_ms, max_records, update_offsets)

    def _records_of(self, *args: Any, **kwargs: Any) -> "_Records":
        return _Records(self._allowance, *args, **kwargs)


class _Allowance:
    """What a poll may still bring."""

    left_bytes = POLL_BYTES


class _Records(Fetcher.PartitionRecords):  # type: ignore[misc] # kafka has no types
    """What was fetched of one partition."""

    def __init__(self, allowance: _Allowance, *args: Any, **kwargs: Any) -> None:
        self._allowance = allowance
        super().__init__(*args, **kwargs)

    def _unpack_records(self, tp: Any, records: MemoryRecords, *_deserializers: Any) -> Iterator[Any]:
        """Give the records as the batches have them: what the library makes of each takes as long as to read it.

        We read what is not committed as well, so no batch is left out for its transaction.
        """
        for batch in iter(_Batches(records, self._allowance).next_batch, None):
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"a batch of {tp} has a wrong checksum")
            # By it the library sees that the partition has had its turn.
            self.bytes_read += batch.size_in_bytes
            is_control = isinstance(batch, DefaultRecordBatch) and batch.is_control_batch
            for record in () if is_control else batch:
                self.next_fetch_offset = record.offset + 1
                yield record
            if isinstance(batch, DefaultRecordBatch):
                # The last of its records may have been compacted away.
                self.leader_epoch, self.next_fetch_offset = batch.leader_epoch, batch.next_offset
        self.drain()

    def take(self, n: int | None = None) -> Any:
        try:
            return super().take(n)
        except Exception:
            # A wrong checksum: fetch it again. The library would ask an iterator that has failed for more, without end.
            self.drain()
            raise


class _Batches:
    """The batches of what was fetched, each as one that can be read; of those that are too much, none."""

    def __init__(self, records: MemoryRecords, allowance: _Allowance) -> None:
        self._records = records
        self._allowance = allowance

    def next_batch(self) -> Any:
        """Return the next batch. Behind a None the next poll fetches it again."""
        batch = self._records.next_batch() if self._allowance.left_bytes > 0 else None
        return _Batch(batch, self._allowance) if isinstance(batch, DefaultRecordBatch) else batch


class _Record(NamedTuple):
    """What is asked for of kafka-python's `DefaultRecord`, without a call for each of its fields."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes | None]] = ()


class _Batch(DefaultRecordBatch):  # type: ignore[misc] # kafka has no types
    _buffer: bytearray
    _pos: int

    def __init__(self, batch: DefaultRecordBatch, allowance: _Allowance) -> None:
        super().__init__(batch._buffer)  # noqa: SLF001 - nothing public gives its bytes
        self._allowance = allowance
        self._kind, self._first_offset, self._first_ms = self.timestamp_type, self.base_offset, self.first_timestamp

    def __iter__(self) -> Iterator["DefaultRecord | _Record"]:
        whole = self._buffer
        try:
            self._maybe_uncompress()
            self._allowance.left_bytes -= len(self._buffer)
            read = self._read_bounded if len(self._buffer) > LARGE_BATCH_BYTES else self._read_msg
            least_offset, last_offset = self.base_offset, self.last_offset
            for _ in range(self.records_count):
                try:
                    record = self._read_usual() or read()
                except UnicodeDecodeError:
                    self._buffer = _Lenient(self._buffer)
                    record = read()
                least_offset = _following(record.offset, least_offset, last_offset)
                yield record
        except Exception as exc:  # noqa: BLE001 - whatever a codec says of bytes that are not its own
            yield self._unreadable(bytes(whole), exc)

    def _read_usual(self) -> _Record | None:
        """Read the next record, in half of the time, if it is like those of our producers; None: it is not.

        These have no headers, and their numbers (zigzag varints: Protocol Buffers, Encoding) one byte or two.
        """
        buffer = self._buffer
        try:
            length, start = _short_number(buffer, self._pos)
            attributes, at = _short_number(buffer, start)
            time, at = _short_number(buffer, at)
            offset, at = _short_number(buffer, at)
            key_length, key_at = _short_number(buffer, at)
            key_end = key_at + (key_length >> 1)
            value_length, value_at = _short_number(buffer, key_end)
            value_end = value_at + (value_length >> 1)
            headers = buffer[value_end]
        except IndexError:
            return None
        numbers = length | attributes | time | offset | key_length | value_length
        if headers or numbers & _NEGATIVE_OR_LONGER or value_end + 1 - start != length >> 1:
            return None
        self._pos = value_end + 1
        return _Record(
            self._first_offset + (offset >> 1),
            self.max_timestamp if self._kind == self.LOG_APPEND_TIME else self._first_ms + (time >> 1),
            bytes(buffer[key_at:key_end]),
            bytes(buffer[value_at:value_end]),
        )

    def _read_bounded(self) -> DefaultRecord:
        return self._read_msg(_bounded())

    def _maybe_uncompress(self) -> None:
        expand = _EXPAND.get(self.compression_type)
        if expand is None:
            super()._maybe_uncompress()
            return
        data = expand(bytes(memoryview(self._buffer)[self._pos :]))
        if len(data) > BATCH_MAX_BYTES:
            raise CorruptRecordError(f"the batch expands to more than {BATCH_MAX_BYTES:,} bytes")
        self._buffer, self._pos, self._decompressed = bytearray(data), 0, True

    def _unreadable(self, whole: bytes, exc: Exception) -> DefaultRecord:
        why = f"{type(exc).__name__}: {exc}"[:_WHY_CHARS]
        moment, kind = self.max_timestamp, self.timestamp_type
        return DefaultRecord(len(whole), self.last_offset, moment, kind, None, Unreadable(whole, why), [])


def _following(offset: int, least_offset: int, last_offset: int) -> int:
    """Return what the next offset is at least. No broker looks at a record's own, and it says where to read on."""
    if not least_offset <= offset <= last_offset:
        raise CorruptRecordError("a record has an offset that is not of its batch")
    return offset + 1


def _short_number(buffer: bytearray, at: int) -> tuple[int, int]:
    """Return a number of one byte or two, in zigzag, and where the next one is; of a longer one its beginning."""
    low = buffer[at]
    return (low, at + 1) if low < _MORE_FOLLOWS else (low - _MORE_FOLLOWS + (buffer[at + 1] << 7), at + 2)


def _bounded() -> Callable[[bytearray, int], tuple[int, int]]:
    """Return what reads the numbers of one record, until there are too many."""
    left = iter(range(_MOST_NUMBERS))

    def read(buffer: bytearray, at: int) -> tuple[int, int]:
        if next(left, None) is None:
            raise CorruptRecordError("a record has too many headers")
        found: tuple[int, int] = decode_varint(buffer, at)
        return found

    return read


class _Lenient(bytearray):
    """Bytes whose parts can always be decoded."""

    def __getitem__(self, place: "SupportsIndex | slice") -> Any:
        found = super().__getitem__(place)
        return _LenientPart(found) if isinstance(place, slice) else found


class _LenientPart(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
