"""Dead letters: what could not be recorded, kept on a topic of its own with the reason and where it came from."""

import hashlib
from typing import Final, NamedTuple

from sitemon.stream.consumer import Message
from sitemon.stream.producer import Record
from sitemon.stream.topics import DEAD_LETTER_MAX_BYTES

_ROOM_BYTES: Final = 64 << 10
_NAME_BYTES: Final = 1_000
"""The longest name of a site; a key that somebody else wrote may be as long as a value."""
_HEADER_MAX_BYTES: Final = 249
"""The longest header of ours is the name of a topic; Kafka takes none that is longer."""
_DIGITS: Final = 18
"""Those of the largest offset, but one."""


class Size(NamedTuple):
    """How much is kept of a message: of its key, and of key and value together."""

    key_bytes: int
    both_bytes: int


WHOLE: Final = Size(1 << 20, DEAD_LETTER_MAX_BYTES - _ROOM_BYTES)
SMALLER: Final = (Size(_NAME_BYTES, _NAME_BYTES + (64 << 10)), Size(_NAME_BYTES, 0))
"""Where the topic takes no more, since somebody else made it: as much as a result may have, or no value."""


class DeadLetter(NamedTuple):
    """A message that could not be recorded.

    `partition` and `offset` are -1 for a record that Kafka never took. `truncated` is empty, or the length and the
    SHA-256 of a value that was too long even for the dead letters: ``<bytes> <hex>``; `value` is then its beginning.
    """

    key: bytes | None
    value: bytes | None
    reason: str
    topic: str
    partition: int
    offset: int
    truncated: str = ""


class Kept(NamedTuple):
    """A dead letter where it is kept: its own partition and offset, and when it was put there.

    `value_bytes` is how long its value was when it came, also where it is cut or left out; None for a tombstone.
    """

    partition: int
    offset: int
    kept_at_ms: int
    value_bytes: int | None
    letter: DeadLetter

    @property
    def number(self) -> str:
        """What people call it: ``<partition>:<offset>`` on the topic of dead letters."""
        return f"{self.partition}:{self.offset}"

    def for_a_list(self) -> "Kept":
        """Return it as a list needs it: of its key, the beginning, and no value, which may be of 16 MiB."""
        key = self.letter.key
        return self._replace(letter=self.letter._replace(value=None, key=key and key[:_NAME_BYTES]))


def dead_letter(topic: str, message: Message, reason: str, size: Size = WHOLE) -> Record:
    """Return the record for topic `topic` that keeps a message, with a reason of one short word."""
    place = message.topic, message.partition, message.offset
    return _record(topic, message.key, message.value, reason, place, size=size)


def dead_letter_of_record(topic: str, record: Record, reason: str) -> Record:
    """Return the record for topic `topic` that keeps a record which Kafka never took."""
    return _record(topic, record.key, record.value, reason, (record.topic, -1, -1), size=WHOLE)


def kept(message: Message) -> Kept:
    """Read a message of the dead letters, with its place there."""
    letter = parse_dead_letter(message)
    whole_bytes = _number(letter.truncated.partition(" ")[0])
    value_bytes = None if letter.value is None else max(whole_bytes, len(letter.value))
    return Kept(message.partition, message.offset, message.timestamp_ms, value_bytes, letter)


def parse_dead_letter(message: Message) -> DeadLetter:
    """Read a message of the dead letters. One that somebody else put there has an empty reason and topic."""
    headers = {name: (value or b"")[:_HEADER_MAX_BYTES].decode(errors="replace") for name, value in message.headers}
    return DeadLetter(
        key=message.key,
        value=message.value,
        reason=headers.get("reason", ""),
        topic=headers.get("topic", ""),
        partition=_number(headers.get("partition", "")),
        offset=_number(headers.get("offset", "")),
        truncated=headers.get("truncated", ""),
    )


def _record(
    topic: str, key: bytes | None, value: bytes | None, reason: str, place: tuple[str, int, int], *, size: Size
) -> Record:
    # A value can be larger than any single record that Kafka takes: batches are measured when compressed.
    kept_key = (key or b"")[: size.key_bytes]
    kept_value = value if value is None else value[: max(0, size.both_bytes - len(kept_key))]
    headers = [("reason", reason), *zip(("topic", "partition", "offset"), map(str, place), strict=True)]
    if value is not None and kept_value != value:
        headers.append(("truncated", f"{len(value)} {hashlib.sha256(value).hexdigest()}"))
    return Record(topic, kept_key, kept_value, tuple((name, text.encode()) for name, text in headers))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1
