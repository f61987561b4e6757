"""A batch: what one poll brought, sorted into what is written and what can never be. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import structs

from sitemon.model.errors import PoisonError
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Result, decode
from sitemon.model.schedule import SentUpTo, decode_event
from sitemon.store.partitions import Span
from sitemon.store.write import Change
from sitemon.stream.consumer import Message, Partition
from sitemon.stream.topics import Topics

MAX_VALUE_BYTES: Final = 65_536
MAX_NAME_BYTES: Final = 1_000
_MAX_MS: Final = 253_402_300_799_999
"""The last millisecond that a moment can hold: the end of year 9999."""

Key = tuple[str, str, datetime, str]


class Entry(NamedTuple):
    """A message and what it says.

    `shadowed` are other results of its key, which need not be written unless this one turns out not to be writable.
    """

    message: Message
    said: Result | Change
    shadowed: "tuple[Entry, ...]" = ()


class Rejected(NamedTuple):
    """A message that can never be recorded. `reason` is a short word, `detail` a sentence without its values."""

    message: Message
    reason: str
    detail: str


class Batch(NamedTuple):
    """What one poll brought: one entry a key, and the offsets to commit once all of it is dealt with."""

    messages: Sequence[Message]
    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    offsets: Mapping[Partition, int]


NOTHING: Final = Batch((), (), (), {})


def sort_out(messages: Sequence[Message], topics: Topics, span: Span) -> Batch:
    """Read the messages of a poll, in their order.

    Of several results of one key the first real one stays, else the first. `span` is what the database has room for.
    """
    results: dict[Key, Entry] = {}
    changes: list[Entry] = []
    rejected: list[Rejected] = []
    for message in messages:
        try:
            said = _read(message, topics, span)
        except PoisonError as exc:
            rejected.append(Rejected(message, exc.reason, exc.detail))
            continue
        if isinstance(said, Result):
            _keep_better(results, Entry(message, said), said)
        elif said is not None:
            changes.append(Entry(message, said))
    return Batch(messages, (*changes, *results.values()), tuple(rejected), next_offsets(messages))


def next_offsets(messages: Iterable[Message]) -> dict[Partition, int]:
    """Return for each partition the offset after its last message."""
    return {(message.topic, message.partition): message.offset + 1 for message in messages}


def results_of(entries: Iterable[Entry]) -> list[Result]:
    """Return the results among the entries."""
    return [entry.said for entry in entries if isinstance(entry.said, Result)]


def changes_of(entries: Iterable[Entry]) -> list[Change]:
    """Return the schedule's events among the entries."""
    return [entry.said for entry in entries if not isinstance(entry.said, Result)]


def split_by_range(entries: Sequence[Entry], span: Span) -> tuple[Sequence[Entry], tuple[Rejected, ...]]:
    """Return the entries that can be recorded, and the others as rejected."""
    kept: list[Entry] = []
    letters: list[Rejected] = []
    for entry in entries:
        if not isinstance(entry.said, Result) or span.holds(entry.said.slot_at):
            kept.append(entry)
        else:
            letters.append(Rejected(entry.message, *_OUT_OF_RANGE))
    return kept, tuple(letters)


_OUT_OF_RANGE: Final = ("slot_out_of_range", "the slot is older than what is kept, or more than a day ahead")


def _keep_better(results: dict[Key, Entry], entry: Entry, result: Result) -> None:
    key = (result.site, result.region, result.slot_at, result.kind)
    kept = results.get(key)
    if kept is None:
        results[key] = entry
    elif _is_missed(kept.said) and not _is_missed(result):
        results[key] = entry._replace(shadowed=(kept._replace(shadowed=()), *kept.shadowed))
    else:
        results[key] = kept._replace(shadowed=(*kept.shadowed, entry))


def _is_missed(said: Result | Change) -> bool:
    return isinstance(said, Result) and said.outcome is Outcome.MISSED


def _read(message: Message, topics: Topics, span: Span) -> Result | Change | None:
    """Return what a message says; None when it is nothing for the database."""
    if message.value is None:
        raise PoisonError("tombstone", "there is no value")
    if len(message.value) > MAX_VALUE_BYTES:
        raise PoisonError("too_large", f"the value is longer than {MAX_VALUE_BYTES} bytes")
    if message.topic == topics.schedule:
        return _read_event(message.value, to_ms(span.last_at))
    result = decode(message.value)
    _check_name(result.site, "site")
    _check_name(result.region, "region")
    if not span.holds(result.slot_at):
        raise PoisonError(*_OUT_OF_RANGE)
    return result


def _read_event(value: bytes, latest_ms: int) -> Change | None:
    event = decode_event(value)
    if isinstance(event, SentUpTo):
        return None
    fields = structs.asdict(event)
    for name in ("site", "region"):
        _check_name(fields.get(name, "-"), name)
    if not 0 < fields.get("interval_ms", 1) <= _MAX_MS:
        raise PoisonError("not_a_schedule_event", "the interval is out of range")
    # A stretch that ended in the year 9999 would be counted hour by hour, for every site.
    limits_ms = {"at_ms": latest_ms, "from_ms": latest_ms, "until_ms": latest_ms}
    limits_ms["from_slot_ms"] = latest_ms + fields.get("interval_ms", 0)
    if not all(0 <= fields[name] <= limits_ms[name] for name in limits_ms.keys() & fields.keys()):
        raise PoisonError("not_a_schedule_event", "a moment is out of range")
    return event


def _check_name(name: str, what: str) -> None:
    if not name:
        raise PoisonError("not_a_result", f"the {what} has no name")
    if len(name) * 4 > MAX_NAME_BYTES and len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        raise PoisonError("name_too_long", f"the {what}'s name is longer than {MAX_NAME_BYTES} bytes")
