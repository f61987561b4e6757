"""When to stop rather than to divert a whole topic to the dead letters. Pure.

A few bad messages are their writer's trouble, and must not hold up the others. Many of them are trouble of ours: a
newer version of the message, a foreign writer on the topic, a schema that somebody changed. To divert them all would
empty the topic in seconds, and look healthy meanwhile.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sitemon.model.errors import FatalError
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.batch import Rejected
from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import DeadLetter

WINDOW: Final = 1_000
"""How many of the newest messages are looked at: with one site a second a quarter of an hour, with 4,000 less than a
batch."""

AT_LEAST: Final = 100
"""Of fewer messages nothing can be said: a quiet topic may well begin with three bad ones."""

_ADVICE: Final = {
    "unknown_version": "this recorder is older than what writes there: update it, and start it again",
    "slot_out_of_range": "look at the clocks, and at the retention; then start it again",
}
_MEND: Final = "mend what writes there, or what refuses it, and start it again"


class TooManyDeadLettersError(FatalError):
    """Most of what comes cannot be recorded; a person has to look before more of it is put aside."""


class _Tally(NamedTuple):
    messages: int
    reasons: Counter[str]

    @property
    def ratio(self) -> float:
        return self.reasons.total() / self.messages


class DeadLetterLimit:
    """Holds the tallies of the newest batches, of at least `WINDOW` messages if there were so many.

    `past` are the newest dead letters there are: what was put aside before a restart counts too, else a supervisor
    that restarts the recorder again and again would divert the topic in slices.
    """

    def __init__(self, limit: float, past: Iterable[DeadLetter] = ()) -> None:
        self._limit = limit
        self._past: dict[TopicPartition, dict[int, str]] = {}
        self._tallies: deque[_Tally] = deque()
        for letter in past:
            self._past.setdefault((letter.topic, letter.partition), {})[letter.offset] = letter.reason

    def check(self, messages: Sequence[Message], rejected: Sequence[Rejected]) -> None:
        """Count a batch, of which `rejected` cannot be recorded.

        Raises:
            TooManyDeadLettersError: they are over the limit, both of this batch and of the newest messages.

        """
        self._recall(messages)
        batch = _Tally(len(messages), Counter(one.reason for one in rejected))
        self._tallies.append(batch)
        while sum(tally.messages for tally in self._tallies) - self._tallies[0].messages >= WINDOW:
            self._tallies.popleft()
        newest = _sum(self._tallies)
        if newest.messages >= AT_LEAST and min(newest.ratio, batch.ratio) > self._limit:
            raise TooManyDeadLettersError(_why(newest, rejected[0]))

    def _recall(self, messages: Sequence[Message]) -> None:
        """Count what lies before the first message of each partition that is read for the first time."""
        for message in messages if self._past else ():
            reasons = self._past.pop((message.topic, message.partition), {})
            before = _before(reasons, message.offset)
            if before is not None:
                self._tallies.appendleft(before)


def _before(reasons: Mapping[int, str], offset: int) -> _Tally | None:
    """Return the tally of the stretch from the oldest dead letter in the window to an offset."""
    near = {at: reason for at, reason in reasons.items() if offset - WINDOW <= at < offset}
    return _Tally(offset - min(near), Counter(near.values())) if near else None


def _sum(tallies: Iterable[_Tally]) -> _Tally:
    counts, reasons = zip(*tallies, strict=True)
    return _Tally(sum(counts), sum(reasons, Counter()))


def _why(newest: _Tally, first: Rejected) -> str:
    ((reason, _),) = newest.reasons.most_common(1)
    return (
        f"recorder.too_many_dead_letters: {newest.reasons.total():,} of the newest {newest.messages:,} messages cannot"
        f" be recorded, most of them as {reason}. Nothing of the last batch is put aside or lost, from {first.place} on"
        f" ({first.reason}: {first.detail}): {_ADVICE.get(reason, _MEND)};"
        " with SITEMON_DEAD_LETTER_RATIO=1 it puts all of them aside"
    )
