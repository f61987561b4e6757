"""What leaders and publishers said on the topics of schedule and marks, read and checked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from sitemon.model.errors import PoisonError
from sitemon.model.marks import decode_mark
from sitemon.model.schedule import SentUpTo, Started, decode_event
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.batch import MAX_NAME_BYTES, Rejected, check_name, read_of, value_of
from sitemon.store.positions import Read
from sitemon.store.schedule import Notice
from sitemon.stream.consumer import Message
from sitemon.stream.topics import Topics

_MIN_INTERVAL_MS: Final = 1_000
_MAX_INTERVAL_MS: Final = 366 * 86_400_000
_MOST_MADE: Final = 2**40 - 1
"""A thousand results a second for 35 years; the counts of all who ever published are added up."""
_MOST_NAME_BYTES: Final = {"site": MAX_NAME_BYTES, "publisher": 200}
"""A publisher's is made by its process, of 32 characters."""
_LABELS_BYTES: Final = 8 << 10
"""4 KiB of a site's own, and as much of the defaults."""
_MOMENTS: Final = ("at_ms", "from_ms", "until_ms", "up_to_ms")


class NoticeBatch(NamedTuple):
    """What one poll brought, in order, and which messages were read."""

    notices: Sequence[Notice]
    rejected: Sequence[Rejected]
    read: Mapping[TopicPartition, Read]


def sort_out_notices(messages: Sequence[Message], topics: Topics, latest_ms: int) -> NoticeBatch:
    """Read the messages of a poll. `latest_ms` is the last moment that anybody can mean, clocks being what they are."""
    notices: list[Notice] = []
    rejected: list[Rejected] = []
    for message in messages:
        try:
            one = _read(message, topics, latest_ms)
        except PoisonError as exc:
            rejected.append(Rejected(message, exc.reason, exc.detail))
        else:
            if one is not None:
                notices.append(one)
    return NoticeBatch(notices, rejected, read_of(messages))


def _read(message: Message, topics: Topics, latest_ms: int) -> Notice | None:
    """Return what a message says; None when it is nothing for the database."""
    value = value_of(message)
    is_mark = message.topic == topics.marks
    one = decode_mark(value) if is_mark else decode_event(value)
    if isinstance(one, SentUpTo):
        return None
    fields = structs.asdict(one)
    problem = _problem_of(fields, latest_ms) or _problem_of_labels(one)
    if problem:
        raise PoisonError("not_a_mark" if is_mark else "not_a_schedule_event", problem)
    for name in _MOST_NAME_BYTES.keys() & fields.keys():
        check_name(fields[name], name, _MOST_NAME_BYTES[name])
    return one


def _problem_of_labels(one: Notice) -> str:
    """Return what jsonb cannot hold, or no site has, or nothing."""
    labels = one.labels if isinstance(one, Started) else {}
    if len(str(labels).encode()) > _LABELS_BYTES:
        return f"the labels are longer than {_LABELS_BYTES} bytes"
    return "a label holds NUL" if any("\0" in word for label in labels.items() for word in label) else ""


def _problem_of(fields: Mapping[str, object], latest_ms: int) -> str:
    """Return what is out of range, or nothing."""
    numbers = {name: value for name, value in fields.items() if isinstance(value, int)}
    if not _MIN_INTERVAL_MS <= numbers.get("interval_ms", _MIN_INTERVAL_MS) <= _MAX_INTERVAL_MS:
        return "the interval is out of range"
    if not 0 <= numbers.get("patience_ms", 0) <= 2 * _MAX_INTERVAL_MS:
        return "the patience is out of range"
    limits = {
        # A stretch that ended in the year 9999 would be counted hour by hour, for every site.
        **dict.fromkeys(_MOMENTS, (latest_ms, "a moment is out of range")),
        "from_slot_ms": (latest_ms + numbers.get("interval_ms", 0), "a moment is out of range"),
        "made": (_MOST_MADE, "so many results no process makes"),
        **dict.fromkeys(("token", "sequence", "first"), (2**63 - 1, "a number is out of range")),
    }
    for name, (most, problem) in limits.items():
        if not 0 <= numbers.get(name, 0) <= most:
            return problem
    return "" if all(fields[name] for name in _MOST_NAME_BYTES.keys() & fields.keys()) else "a name is missing"
