"""What the leader remembers in Redis for the next one: the schedule that holds, and when other entries last ran."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sitemon.model.schedule import Past, ScheduleEvent, decode_event, encode_event, past_of
from sitemon.schedule.lease import MARK, PREFIX, Lease
from sitemon.schedule.redis_client import mapped

EVENTS_PER_CALL: Final = 2_000
"""Redis serves nobody else while a script runs, and the lease has to be renewed between two of them."""

_SCHEDULE: Final = PREFIX + "schedule"
_UNTOLD: Final = PREFIX + "untold"
_LAST_RUN: Final = PREFIX + "last_run"

_REMEMBER: Final = """
for i = 2, #ARGV, 2 do
    for k = 2, #KEYS do redis.call('HSET', KEYS[k], ARGV[i], ARGV[i + 1]) end
end
"""
_REMEMBER_TOLD: Final = """
for i = 2, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    redis.call('HDEL', KEYS[3], ARGV[i])
end
"""
_NOTE_TOLD: Final = """
for i = 2, #ARGV, 2 do
    if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[2], ARGV[i]) end
end
"""


class Memory:
    """The leader's view of it. Every method may raise UnreachableError or RefusedError.

    Those that remember raise LeaseLostError when we lead no longer; then nothing was written.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._client = lease.client

    def remember(self, events: Sequence[ScheduleEvent], *, is_told: bool) -> None:
        """Keep at most `EVENTS_PER_CALL` newest events for the next leader.

        Those that are not yet told to Kafka are kept as such too, until `note_told`: whoever leads then tells them.
        """
        self._lease.write(_REMEMBER_TOLD if is_told else _REMEMBER, [_SCHEDULE, _UNTOLD], _pairs(events))

    def untold(self) -> list[ScheduleEvent]:
        """Return the events that Kafka may not have."""
        with mapped():
            return [decode_event(value) for value in self._client.hvals(_UNTOLD)]

    def note_told(self, events: Iterable[ScheduleEvent]) -> None:
        """Note that Kafka has these events; newer ones of the same keys stay untold."""
        self._lease.write(_NOTE_TOLD, [_UNTOLD], _pairs(events))

    def recall(self) -> Past:
        """Read what the last leader left; without a mark Redis holds nothing, or lost it."""
        with mapped():
            mark = self._client.get(MARK)
            values = self._client.hvals(_SCHEDULE)
        return past_of(values)._replace(sent_up_to_ms=None if mark is None else int(mark))

    def remember_run(self, entry: str, at_ms: int) -> None:
        """Note when an entry of ``beat_schedule`` ran."""
        self._lease.write(_REMEMBER, [_LAST_RUN], [entry, at_ms])

    def last_runs(self) -> Mapping[str, int]:
        """Return when each entry of ``beat_schedule`` ran last (ms of the epoch)."""
        with mapped():
            return {name.decode(): int(at) for name, at in self._client.hgetall(_LAST_RUN).items()}


def _pairs(events: Iterable[ScheduleEvent]) -> list[str | bytes]:
    return [text for event in events for text in (event.key, encode_event(event))]
