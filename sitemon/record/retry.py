"""Sending dead letters to their topics again: after an update, or once what refused them is mended.

A result that is recorded already changes nothing, and what still cannot be recorded becomes a new dead letter.

What a letter says of the topic that it came from is what its writer says: many may write dead letters, and few the
schedule. An event of the schedule, or a mark, is sent again only when somebody asks for that very letter.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from sitemon.model.errors import PoisonError, UnreachableError
from sitemon.record.batch import UNREADABLE
from sitemon.stream.dead_letters import Kept
from sitemon.stream.producer import Producer, Record, send_all
from sitemon.stream.topics import Topics

_AT_ONCE: Final = 500
_AT_ONCE_BYTES: Final = 16 << 20
_SEND_S: Final = 10.0
_CLOSE_S: Final = 2.0


class Fate(Enum):
    """What became of a dead letter."""

    SENT = auto()
    """Kafka has acknowledged it on its own topic."""
    COPY = auto()
    """One with the same topic, key and value was sent before it."""
    STAYS = auto()
    """It cannot be sent again."""
    NOT_NAMED = auto()
    """It says that it came from the schedule or the marks, and nobody asked for it by its number."""


class Retried(NamedTuple):
    """A dead letter and what became of it; `problem` says why it stays."""

    kept: Kept
    fate: Fate
    problem: str = ""


class Retry:
    """Sends dead letters again. `are_named` says whether somebody asked for each of them by its number."""

    def __init__(self, topics: Topics, make_producer: Callable[[], Producer], *, are_named: bool) -> None:
        self._topics = topics
        self._are_named = are_named
        self._make_producer = make_producer
        self._seen: set[bytes] = set()

    def run(self, letters: Iterable[Kept]) -> Iterator[Retried]:
        """Give what became of each. Holds a few of them in memory, however many there are.

        Raises:
            UnreachableError: Kafka did not acknowledge one; those that were given are done, and all of it can be
                done again.
            RefusedError: Kafka does not let us.

        """
        for chunk in _chunks(letters):
            fates = [Retried(kept, *self._fate_of(kept)) for kept in chunk]
            problems = iter(self._send([kept for kept, fate, _ in fates if fate is Fate.SENT]))
            for retried in fates:
                problem = next(problems) if retried.fate is Fate.SENT else ""
                yield retried._replace(fate=Fate.STAYS, problem=problem) if problem else retried

    def _fate_of(self, kept: Kept) -> tuple[Fate, str]:
        letter = kept.letter
        problem = why_it_stays(kept, self._topics)
        if problem:
            return Fate.STAYS, problem
        if not self._are_named and letter.topic != self._topics.results:
            return Fate.NOT_NAMED, ""
        parts = (letter.topic.encode(), letter.key or b"", letter.value or b"")
        sameness = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
        if sameness in self._seen:
            return Fate.COPY, ""
        self._seen.add(sameness)
        return Fate.SENT, ""

    def _send(self, letters: Sequence[Kept]) -> list[str]:
        """Send them; return of each why Kafka does not take it, or nothing.

        One that Kafka never takes fails everything that is in flight with it, hence then one by one.
        """
        records = [Record(kept.letter.topic, kept.letter.key or b"", kept.letter.value) for kept in letters]
        try:
            self._send_all(records)
        except PoisonError as exc:
            if len(records) == 1:
                return [str(exc)]
            return [problem for kept in letters for problem in self._send([kept])]
        return [""] * len(records)

    def _send_all(self, records: Sequence[Record]) -> None:
        if not records:
            return
        producer = self._make_producer()
        try:
            if not send_all(producer, records, _SEND_S):
                raise UnreachableError(f"no acknowledgement within {_SEND_S:g} s; run it again, twice does no harm")
        finally:
            producer.close(_CLOSE_S)


def why_it_stays(kept: Kept, topics: Topics) -> str:
    """Return why a dead letter can never be sent again; nothing when it can."""
    letter = kept.letter
    if letter.topic not in (topics.results, topics.schedule, topics.marks):
        return f"it came from {letter.topic or 'nowhere'}, which is not recorded"
    if letter.value is None:
        return "there is no value in it"
    if letter.reason == UNREADABLE:
        return "it is a batch of records that could not be read"
    if letter.truncated:
        return f"only the first {len(letter.value):,} of its {kept.value_bytes:,} bytes were kept"
    return ""


def _chunks(letters: Iterable[Kept]) -> Iterator[list[Kept]]:
    chunk: list[Kept] = []
    size_bytes = 0
    for kept in letters:
        chunk.append(kept)
        size_bytes += len(kept.letter.key or b"") + len(kept.letter.value or b"")
        if len(chunk) >= _AT_ONCE or size_bytes >= _AT_ONCE_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
    yield chunk
