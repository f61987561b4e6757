"""The lease that makes one of many beats the leader, and what the leader leaves in Redis for the next one.

Every write of a leader goes through a script that checks its token first, so that a deposed beat changes nothing.
Tokens grow for ever, even when Redis lost its data: each is at least Redis' own clock in milliseconds. What Redis
holds under ``{sitemon}:``:

===================  =========================================================================
``lease``            the leader's token, with the lease's time to live
``token``            the newest token ever given
``mark``             all slots up to this moment (ms of the epoch) were recorded as sent
``outstanding``      hash of batches that were sent and whose results are not yet known to be safe
``outstanding_at:R`` sorted set of those of region R by when they were sent (ms of the epoch)
``outstanding_slot`` sorted set of all of them by their earliest slot
``schedule``         hash of the newest schedule event of every watch
``untold``           hash of those events that Kafka may not have yet
``last_run``         hash of when each other entry of ``beat_schedule`` ran last (ms of the epoch)
===================  =========================================================================
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec
import redis

from sitemon.model.errors import LeaseLostError
from sitemon.model.schedule import ScheduleEvent, Started, decode_event, encode_event, stretches_of
from sitemon.schedule.queues import queue_of
from sitemon.schedule.redis_client import mapped

LEASE_TTL_MS: Final = 6_000
_PREFIX: Final = "{sitemon}:"
_LEASE, _TOKEN, _MARK, _SCHEDULE, _UNTOLD, _LAST_RUN = (
    _PREFIX + name for name in ("lease", "token", "mark", "schedule", "untold", "last_run")
)
_OUTSTANDING, _OUTSTANDING_AT, _OUTSTANDING_SLOT = (
    _PREFIX + name for name in ("outstanding", "outstanding_at", "outstanding_slot")
)

_ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local clock = redis.call('TIME')
local token = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000),
                       tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return token
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] then return {holder and 'taken' or 'lapsed', false} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'held', redis.call('GET', KEYS[2])}
"""
_RECORD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 4 do
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[4] .. ':' .. ARGV[i + 2], ARGV[3], ARGV[i])
    redis.call('ZADD', KEYS[5], ARGV[i + 3], ARGV[i])
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2]) end
return 1
"""
_REMEMBER = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do
    for k = 2, #KEYS do redis.call('HSET', KEYS[k], ARGV[i], ARGV[i + 1]) end
end
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
EVENTS_PER_CALL: Final = 2_000
"""Redis serves nobody else while a script runs, and the lease has to be renewed between two of them."""
_LONGEST_LOOK: Final = 1_000
"""Messages of a queue, and outstanding batches of a region, that are looked through at once."""


class Hold(Enum):
    """What became of a lease when it was renewed."""

    HELD = "held"
    LAPSED = "lapsed"
    TAKEN = "taken"


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Slots of one region that go to a worker in one message; `id` is also the id of the Celery task."""

    id: str
    region: str
    slots: list[tuple[str, int]]


class Memory(NamedTuple):
    """What the last leader left: its mark (None when Redis holds none) and the stretches that held."""

    mark_ms: int | None
    stretches: list[Started]


_batch_decoder = msgspec.json.Decoder(Batch)


class Lease:
    """One beat's view of the lease. Not thread-safe: a beat has one thread that leads.

    Every method may raise UnreachableError (Redis does not answer) or RefusedError (it refuses us), and every one
    that writes LeaseLostError, when we lead no longer: then nothing was written.
    """

    def __init__(self, client: redis.Redis, ttl_ms: int = LEASE_TTL_MS) -> None:
        self._client: Any = client  # its types do not tell that answers are bytes
        self._ttl_ms = ttl_ms
        self._token: int = 0

    def acquire(self) -> bool:
        """Take the lease if nobody holds it."""
        self._token = int(self._run(_ACQUIRE, [_LEASE, _TOKEN], [self._ttl_ms]))
        return self._token > 0

    def renew(self) -> tuple[Hold, int | None]:
        """Make the lease last for another time to live; return also the mark that Redis holds."""
        hold, mark = self._run(_RENEW, [_LEASE, _MARK], [self._token, self._ttl_ms])
        return Hold(hold.decode()), None if mark is None else int(mark)

    def release(self) -> None:
        """Give the lease back at once, so that a standby need not wait for its end."""
        self._run(_RELEASE, [_LEASE], [self._token])

    def record(self, batches: Sequence[Batch], *, mark_ms: int | None, at_ms: int) -> None:
        """Note batches as outstanding and move the mark, in one step.

        It comes before the sending: a batch that is recorded is sent by this leader or by the next.
        """
        parts = [
            part
            for batch in batches
            for part in (batch.id, msgspec.json.encode(batch), batch.region, min(slot_ms for _, slot_ms in batch.slots))
        ]
        keys = [_LEASE, _MARK, _OUTSTANDING, _OUTSTANDING_AT, _OUTSTANDING_SLOT]
        mark = "" if mark_ms is None else mark_ms
        self._write(_RECORD, keys, [self._token, mark, at_ms, *parts])

    def remember(self, events: Sequence[ScheduleEvent], *, is_told: bool) -> None:
        """Keep at most `EVENTS_PER_CALL` newest events for the next leader.

        Those that are not yet told to Kafka are kept as such too, until `note_told`: whoever leads then tells them.
        """
        pairs = [text for event in events for text in (event.key, encode_event(event))]
        keys = [_LEASE, _SCHEDULE] if is_told else [_LEASE, _SCHEDULE, _UNTOLD]
        self._write(_REMEMBER, keys, [self._token, *pairs])

    def untold(self) -> list[ScheduleEvent]:
        """Return the events that Kafka may not have."""
        with mapped():
            return [decode_event(value) for value in self._client.hvals(_UNTOLD)]

    def note_told(self, events: Iterable[ScheduleEvent]) -> None:
        """Note that Kafka has these events."""
        with mapped():
            self._client.hdel(_UNTOLD, *(event.key for event in events))

    def recall(self) -> Memory:
        """Read what the last leader left."""
        with mapped():
            mark = self._client.get(_MARK)
            values = self._client.hvals(_SCHEDULE)
        return Memory(None if mark is None else int(mark), stretches_of(values))

    def remember_run(self, entry: str, at_ms: int) -> None:
        """Note when an entry of ``beat_schedule`` ran."""
        self._write(_REMEMBER, [_LEASE, _LAST_RUN], [self._token, entry, at_ms])

    def last_runs(self) -> Mapping[str, int]:
        """Return when each entry of ``beat_schedule`` ran last (ms of the epoch)."""
        with mapped():
            return {name.decode(): int(at) for name, at in self._client.hgetall(_LAST_RUN).items()}

    def full_queues(self, regions: Iterable[str], most_messages: int) -> set[str]:
        """Return the regions in whose queue more messages wait than that."""
        ordered = list(regions)
        with mapped():
            pipe = self._client.pipeline(transaction=False)
            for region in ordered:
                pipe.llen(queue_of(region))
            return {region for region, waiting in zip(ordered, pipe.execute(), strict=True) if waiting > most_messages}

    def oldest_outstanding_ms(self) -> int | None:
        """Return the earliest slot of all outstanding batches, or None when there is none."""
        with mapped():
            earliest = self._client.zrange(_OUTSTANDING_SLOT, 0, 0, withscores=True)
        return int(earliest[0][1]) if earliest else None

    def stray_batches(self, region: str, sent_before_ms: int) -> list[Batch]:
        """Return the region's batches sent before then that are neither in its queue nor in a worker's hands.

        A message that Redis gave to a worker which died before it noted the message as its own is such a one. Where
        the queue is too long to look through, a batch is taken to be waiting its turn.
        """
        with mapped():
            suspects = self._client.zrangebyscore(
                f"{_OUTSTANDING_AT}:{region}", 0, sent_before_ms, start=0, num=_LONGEST_LOOK
            )
            if not suspects:
                return []
            pipe = self._client.pipeline(transaction=True)
            pipe.lrange(queue_of(region), 0, _LONGEST_LOOK)
            pipe.hvals("unacked")
            queue, unacked = pipe.execute()
            if len(queue) > _LONGEST_LOOK:
                return []
            messages = b"\n".join(queue + unacked)
            strays = [batch_id for batch_id in suspects if batch_id not in messages]
            values = self._client.hmget(_OUTSTANDING, strays) if strays else []
        return [_batch_decoder.decode(value) for value in values if value is not None]

    def _write(self, script: str, keys: list[str], args: Sequence[Any]) -> None:
        if not self._run(script, keys, args):
            raise LeaseLostError("another beat has taken the lease, or it has lapsed")

    def _run(self, script: str, keys: list[str], args: Sequence[Any]) -> Any:
        with mapped():
            return self._client.eval(script, len(keys), *keys, *args)


def settle(client: redis.Redis, region: str, batch_id: str) -> None:
    """Strike a batch off the outstanding ones: all of its results are safe."""
    with mapped():
        pipe = client.pipeline(transaction=False)
        pipe.hdel(_OUTSTANDING, batch_id)
        pipe.zrem(f"{_OUTSTANDING_AT}:{region}", batch_id)
        pipe.zrem(_OUTSTANDING_SLOT, batch_id)
        pipe.execute()


def is_outstanding(client: redis.Redis, batch_id: str) -> bool:
    """Tell whether a batch still waits for its results."""
    with mapped():
        return bool(client.hexists(_OUTSTANDING, batch_id))
