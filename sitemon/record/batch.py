"""A batch of results: what one poll brought, sorted into what is written and what can never be. Pure."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from sitemon.model.errors import PoisonError
from sitemon.model.outcome import Outcome
from sitemon.model.result import Result, decode
from sitemon.model.topic_partition import TopicPartition
from sitemon.store.copy_rows import inet
from sitemon.store.partitions import Span
from sitemon.store.positions import Read
from sitemon.stream.consumer import Message
from sitemon.stream.records import Unreadable

MAX_VALUE_BYTES: Final = 65_536
MAX_NAME_BYTES: Final = 1_000
UNREADABLE: Final = "unreadable"
"""The reason of a dead letter that is a batch of Kafka's, not a record."""
Key = tuple[str, str, datetime, str]
_partition_of: Final = attrgetter("topic", "partition")


class Entry(NamedTuple):
    """A message and the result that it holds.

    `shadowed` are other results of its key, which need not be written unless this one turns out not to be writable.
    """

    message: Message
    result: Result
    shadowed: "tuple[Entry, ...]" = ()


class Rejected(NamedTuple):
    """A message that can never be recorded. `reason` is a short word, `detail` a sentence without its values."""

    message: Message
    reason: str
    detail: str

    @property
    def place(self) -> str:
        """Where the message is: ``<topic> <partition>:<offset>``."""
        return f"{self.message.topic} {self.message.partition}:{self.message.offset}"


class Batch(NamedTuple):
    """What one poll brought: one entry a key, and which messages were read, all of them dealt with by this batch."""

    messages: Sequence[Message]
    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    read: Mapping[TopicPartition, Read]

    @property
    def offsets(self) -> dict[TopicPartition, int]:
        """What to commit once all of it is dealt with: of each partition the next offset."""
        return {partition: read.following for partition, read in self.read.items()}


NOTHING: Final = Batch((), (), (), {})


def sort_out(messages: Sequence[Message], span: Span) -> Batch:
    """Read the messages of a poll, in their order.

    Of several results of one key the first real one stays, else the first. `span` is what the database has room for.
    """
    entries: dict[Key, Entry] = {}
    copies: dict[Key, list[Entry]] = {}
    rejected: list[Rejected] = []
    for message in messages:
        try:
            result = _read_result(message, span)
        except PoisonError as exc:
            rejected.append(Rejected(message, exc.reason, exc.detail))
            continue
        entry = Entry(message, result)
        key = (result.site, result.region, result.slot_at, result.kind)
        first = entries.setdefault(key, entry)
        if first is not entry:
            copies.setdefault(key, [first]).append(entry)
    entries |= {key: _best(of_key) for key, of_key in copies.items()}
    return Batch(messages, tuple(entries.values()), tuple(rejected), read_of(messages, len(messages) - len(entries)))


def read_of(messages: Sequence[Message], beside: int = 0) -> dict[TopicPartition, Read]:
    """Return for each partition which offsets were read; so many of the messages hold no result that is written."""
    read: dict[TopicPartition, Read] = {}
    for partition, group in itertools.groupby(messages, _partition_of):
        offsets = [message.offset for message in group]
        first = read[partition].first if partition in read else offsets[0]
        read[partition] = Read(first, offsets[-1] + 1)
    return with_beside(read, beside)


def places(messages: Sequence[Message]) -> str:
    """Say from where to where messages lie, for people: ``<topic> <partition>:<offset> to <partition>:<offset>``."""
    return ", ".join(
        f"{topic} {number}:{read.first} to {number}:{read.following - 1}"
        for (topic, number), read in read_of(messages).items()
    )


def read_since(
    read: Mapping[TopicPartition, Read], positions: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Read]:
    """Return what was read as if all from these positions on had been read: what lies between is no longer there."""
    return {
        partition: one._replace(first=min(one.first, positions.get(partition, one.first)))
        for partition, one in read.items()
    }


def with_beside(read: Mapping[TopicPartition, Read], more: int) -> dict[TopicPartition, Read]:
    """Return what was read, with so many more results that are not written; of which partition is all the same."""
    changed = dict(read)
    for partition, one in itertools.islice(read.items(), 1):
        changed[partition] = one._replace(beside=one.beside + more)
    return changed


def split_by_range(entries: Sequence[Entry], span: Span) -> tuple[Sequence[Entry], tuple[Rejected, ...]]:
    """Return the entries that can be recorded, and the others as rejected."""
    kept = [entry for entry in entries if span.holds(entry.result.slot_at)]
    others = [entry for entry in entries if not span.holds(entry.result.slot_at)]
    return kept, tuple(Rejected(entry.message, *_OUT_OF_RANGE) for entry in others)


_OUT_OF_RANGE: Final = ("slot_out_of_range", "the slot is older than what is kept, or more than a day ahead")


def _best(entries: Sequence[Entry]) -> Entry:
    best = next((entry for entry in entries if entry.result.outcome is not Outcome.MISSED), entries[0])
    return best._replace(shadowed=tuple(entry for entry in entries if entry is not best))


def _read_result(message: Message, span: Span) -> Result:
    result = decode(value_of(message))
    check_name(result.site, "site")
    inet(result.ip)
    if not span.holds(result.slot_at):
        raise PoisonError(*_OUT_OF_RANGE)
    return result


def value_of(message: Message) -> bytes:
    """Return a message's value.

    Raises PoisonError when there is none, it cannot be read, or it is too long for anything of ours.
    """
    if message.value is None:
        raise PoisonError("tombstone", "there is no value")
    if isinstance(message.value, Unreadable):
        raise PoisonError(UNREADABLE, message.value.why)
    if len(message.value) > MAX_VALUE_BYTES:
        raise PoisonError("too_large", f"the value is longer than {MAX_VALUE_BYTES} bytes")
    return message.value


def check_name(name: str, what: str, most_bytes: int = MAX_NAME_BYTES) -> None:
    """Raise PoisonError when a name is none, no text, or too long; by default for an index."""
    if not name:
        raise PoisonError("not_a_result", f"the {what} has no name")
    if "\0" in name:
        raise PoisonError("not_text", f"the {what}'s name holds a NUL")
    if len(name) * 4 > most_bytes and len(name.encode(errors="replace")) > most_bytes:
        raise PoisonError("name_too_long", f"the {what}'s name is longer than {most_bytes} bytes")
