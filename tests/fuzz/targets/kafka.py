"""What lies on Kafka's topics, whoever put it there, and in the files of the spool."""

import json
import random
import tempfile
from collections import defaultdict
from contextlib import closing, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from kafka import TopicPartition
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

from sitemon.model.errors import PoisonError, SpoolFullError
from sitemon.model.marks import Mark, Published, Reign, encode_mark
from sitemon.model.moment import to_ms
from sitemon.model.result import encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started, Told, encode_event
from sitemon.record.batch import sort_out
from sitemon.record.notices import sort_out_notices
from sitemon.record.retry import why_it_stays
from sitemon.report.letters import as_json_types, letter_lines, letters_table
from sitemon.store.copy_rows import rows_of
from sitemon.store.names import Numbers
from sitemon.store.partitions import Span
from sitemon.stream import records
from sitemon.stream.consumer import Message, message_of
from sitemon.stream.dead_letters import kept
from sitemon.stream.producer import Record
from sitemon.stream.spool import Spool
from sitemon.stream.spool_rows import spooled_of
from sitemon.stream.topics import Topics
from tests.foreign import Latin, a_batch
from tests.fuzz.target import SEPARATOR, Target, parts_of
from tests.results import a_down, a_missed, a_result

_TOPICS: Final = Topics("s.results", "s.schedule", "s.dead-letters", "s.marks", "s.status")
_PLACE: Final = TopicPartition("s.results", 0)
_BROKERS_BYTES: Final = 12
"""A broker makes the offset and the length of a batch, and refuses one whose checksum does not hold."""
_NOON: Final = a_result().slot_at
_SPAN: Final = Span(_NOON - timedelta(days=1), _NOON + timedelta(days=1))
_ANY_NUMBER: Final[Any] = defaultdict(lambda: 1)
_NUMBERS: Final = Numbers(_ANY_NUMBER, _ANY_NUMBER, _ANY_NUMBER, _ANY_NUMBER)


def _said(topic: str, value: bytes | None) -> list[Message]:
    return [Message(topic, 3, 41, b"k", value, 0)]


def read_batch(data: bytes) -> None:
    """Read a batch of records, and the good one behind it."""
    batch = bytearray(data.ljust(DefaultRecordBatch.HEADER_STRUCT.size, b"\0"))
    batch[:_BROKERS_BYTES] = bytes(8) + (len(batch) - _BROKERS_BYTES).to_bytes(4, "big")
    batch[16] = 2  # the only format that brokers take today
    fetched = MemoryRecords(bytes(batch) + a_batch(b"last", base=1 << 40))
    found = records._Records(records._Allowance(), 0, _PLACE, fetched, check_crcs=False).take()
    assert found[-1].value == b"last"
    for record in found:
        message_of(_PLACE, record)


def read_result(data: bytes) -> None:
    """Read a result, as far as into the row that PostgreSQL gets."""
    batch = sort_out(_said(_TOPICS.results, data), _SPAN)
    assert len(batch.entries) + len(batch.rejected) == 1
    assert all(one.detail.isprintable() for one in batch.rejected)
    with suppress(PoisonError):
        rows_of([entry.result for entry in batch.entries], _NUMBERS)


def read_event(data: bytes) -> None:
    """Read an event of the schedule."""
    _read_notice(_TOPICS.schedule, data)


def read_mark(data: bytes) -> None:
    """Read a mark."""
    _read_notice(_TOPICS.marks, data)


def _read_notice(topic: str, data: bytes) -> None:
    batch = sort_out_notices(_said(topic, data), _TOPICS, to_ms(_NOON))
    assert len(batch.notices) + len(batch.rejected) <= 1
    assert all(one.detail.isprintable() for one in batch.rejected)
    for one in batch.notices:
        numbers = [value for value in msgspec.structs.astuple(one) if isinstance(value, int)]
        assert all(0 <= number < 2**63 for number in numbers)


def read_dead_letter(data: bytes) -> None:
    """Read a dead letter and show it: ``name=value`` a line are its headers, then its key and its value."""
    lines, key, value = parts_of(data, 3)
    pairs = [line.partition(b"=") for line in lines.split(b"\n")]
    headers = tuple((name.decode(errors="replace"), text if is_there else None) for name, is_there, text in pairs)
    letter = kept(Message(_TOPICS.dead_letters, 0, 7, key, value, 1_000, headers))
    assert all(line.isprintable() for line in letter_lines(letter, _TOPICS))
    letters_table([letter])
    json.dumps(as_json_types(letter, _TOPICS, with_value=True))
    why_it_stays(letter, _TOPICS)


def read_row(data: bytes) -> None:
    """Read a row of the spool, whose columns are the list that MessagePack makes of the input."""
    try:
        columns = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    if not isinstance(columns, list) or len(columns) != 4:
        return
    kinds = (int, float, str, bytes, type(None))  # SQLite has no others
    if all(isinstance(column, kinds) for column in columns):
        assert spooled_of((1, *columns)).record.size_bytes >= 0


def read_spool(data: bytes) -> None:
    """Take over a file of the spool that another process left, and go on with it."""
    file = Path(_folder().name) / "spool-0.db"
    for one in Path(_folder().name).iterdir():
        one.unlink()
    file.write_bytes(data)
    with suppress(SpoolFullError), closing(Spool(file, 1 << 30, "cluster a", lambda: None)) as spool:
        found = spool.read(10)
        spool.append([Record("s.results", b"k", b"v")])
        if found:
            spool.remove(found[-1].id)
        spool.read(10)


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="sitemon-fuzz-")


def _spool_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="sitemon-fuzz-") as folder:
        file = Path(folder) / "spool-0.db"
        with closing(Spool(file, 1 << 30, "cluster a", lambda: None)) as spool:
            spool.append([Record("s.results", b"k", b"v" * 20, (("a", b"b"),)), Record("s.marks", b"", None)])
        return file.read_bytes()


_VALUES: Final = (b"one" * 40, random.Random(1).randbytes(200))
_HEADERS: Final = (("name", b"value"), (Latin("\xe4"), None))
_EVENTS: Final[tuple[ScheduleEvent, ...]] = (
    Started(site="a", region="b", at_ms=1, interval_ms=1_000, from_slot_ms=2, labels={"c": "d"}),
    Ended(site="a", region="b", at_ms=3),
    Told(at_ms=3, token=1, sequence=2, first=1),
    Away(region="b", from_ms=4, until_ms=5),
    SentUpTo(at_ms=6),
)
_MARKS: Final[tuple[Mark, ...]] = (Reign(token=1, from_ms=2, until_ms=3), Published(publisher="p", up_to_ms=4, made=5))

TARGETS: Final = (
    Target("batch", read_batch, tuple(a_batch(*_VALUES, codec=codec, headers=_HEADERS) for codec in (0, 1, 3))),
    Target("result", read_result, tuple(map(encode, (a_result(match="a", error="b"), a_missed(), a_down())))),
    Target("event", read_event, tuple(encode_event(event) for event in _EVENTS)),
    Target("mark", read_mark, tuple(encode_mark(mark) for mark in _MARKS)),
    Target(
        "dead_letter",
        read_dead_letter,
        tuple(
            SEPARATOR.join((headers, b"k\x1b[2J", value))
            for headers in (b"reason=x\ntopic=s.results\npartition=1\noffset=2", b"truncated=9 a\nreason", b"")
            for value in (encode(a_result()), b"\x1b]0;x\x07", b"\xff")
        ),
    ),
    Target(
        "row",
        read_row,
        tuple(
            map(
                msgspec.msgpack.encode,
                (
                    ["s.results", b"k", b"v", msgspec.msgpack.encode([["a", b"b"]])],
                    ["s.results", b"k", None, msgspec.msgpack.encode([])],
                    [1, 2.5, "x", None],
                ),
            )
        ),
    ),
    Target("spool", read_spool, (_spool_file(), b"", b"SQLite format 3\0")),
)
