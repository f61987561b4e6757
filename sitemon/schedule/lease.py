"""The lease that makes one of many beats the leader, and what the leader leaves in Redis for the next one.

Every write of a leader goes through a script that checks its token first, so that a deposed beat changes nothing.
Tokens grow for ever, even when Redis lost its data: each is at least Redis' own clock in milliseconds. What Redis
holds under ``{sitemon}:``:

===================  =========================================================================
``lease``            the leader's token, with the lease's time to live
``token``            the newest token ever given
``mark``             all slots up to this moment (ms of the epoch) were recorded as sent
``outstanding``      hash of batches that were sent and whose results are not yet known to be safe
``outstanding_at``   sorted set of the same batches by when they were sent (ms of the epoch)
``schedule``         hash of the newest schedule event of every watch
``last_run``         hash of when each other entry of ``beat_schedule`` ran last (ms of the epoch)
===================  =========================================================================
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec
import redis

from sitemon.model.errors import LeaseLostError
from sitemon.model.schedule import ScheduleEvent, Started, encode_event, stretches_of
from sitemon.schedule.queues import queue_of
from sitemon.schedule.redis_client import mapped

LEASE_TTL_MS: Final = 6_000
_PREFIX: Final = "{sitemon}:"
_LEASE, _TOKEN, _MARK, _OUTSTANDING, _OUTSTANDING_AT, _SCHEDULE, _LAST_RUN = (
    _PREFIX + name for name in ("lease", "token", "mark", "outstanding", "outstanding_at", "schedule", "last_run")
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
for i = 4, #ARGV, 2 do
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[4], ARGV[3], ARGV[i])
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2]) end
return 1
"""
_REMEMBER = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
_FIELDS_PER_CALL: Final = 2_000
"""Redis serves nobody else while a script runs."""
_LONGEST_LOOK: Final = 1_000
"""Messages of one queue that are looked through; in a longer one a batch is taken to be waiting its turn."""


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
        pairs = [part for batch in batches for part in (batch.id, msgspec.json.encode(batch))]
        keys = [_LEASE, _MARK, _OUTSTANDING, _OUTSTANDING_AT]
        mark = "" if mark_ms is None else mark_ms
        self._write(_RECORD, keys, [self._token, mark, at_ms, *pairs])

    def remember(self, events: Sequence[ScheduleEvent]) -> None:
        """Keep the newest event of every watch for the next leader."""
        for start in range(0, len(events), _FIELDS_PER_CALL):
            part = events[start : start + _FIELDS_PER_CALL]
            pairs = [text for event in part for text in (event.key, encode_event(event))]
            self._write(_REMEMBER, [_LEASE, _SCHEDULE], [self._token, *pairs])

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
        """Return the earliest slot of the oldest outstanding batch, or None when there is none."""
        oldest = self._outstanding(0, float("inf"), 1)
        return min((slot_ms for batch in oldest for _, slot_ms in batch.slots), default=None)

    def stray_batches(self, sent_before_ms: int) -> list[Batch]:
        """Return batches sent before then that are neither in their queue nor in a worker's hands.

        A message that Redis gave to a worker which died before it noted the message as its own is such a one.
        """
        suspects = self._outstanding(0, sent_before_ms, 100)
        if not suspects:
            return []
        seen = self._messages({batch.region for batch in suspects})
        return [batch for batch in suspects if seen is not None and batch.id.encode() not in seen]

    def _messages(self, regions: Iterable[str]) -> bytes | None:
        """Return all messages that the broker holds, or None when a queue is too long to look through."""
        with mapped():
            pipe = self._client.pipeline(transaction=True)
            for region in regions:
                pipe.lrange(queue_of(region), 0, _LONGEST_LOOK)
            pipe.hvals("unacked")
            *queues, unacked = pipe.execute()
        if any(len(queue) > _LONGEST_LOOK for queue in queues):
            return None
        return b"\n".join([message for queue in queues for message in queue] + unacked)

    def _outstanding(self, from_ms: float, to_ms: float, most: int) -> list[Batch]:
        with mapped():
            ids = self._client.zrangebyscore(_OUTSTANDING_AT, from_ms, to_ms, start=0, num=most)
            values = self._client.hmget(_OUTSTANDING, ids) if ids else []
        return [_batch_decoder.decode(value) for value in values if value is not None]

    def _write(self, script: str, keys: list[str], args: Sequence[Any]) -> None:
        if not self._run(script, keys, args):
            raise LeaseLostError("another beat has taken the lease, or it has lapsed")

    def _run(self, script: str, keys: list[str], args: Sequence[Any]) -> Any:
        with mapped():
            return self._client.eval(script, len(keys), *keys, *args)


def settle(client: redis.Redis, batch_id: str) -> None:
    """Strike a batch off the outstanding ones: all of its results are safe."""
    with mapped():
        pipe = client.pipeline(transaction=False)
        pipe.hdel(_OUTSTANDING, batch_id)
        pipe.zrem(_OUTSTANDING_AT, batch_id)
        pipe.execute()


def is_outstanding(client: redis.Redis, batch_id: str) -> bool:
    """Tell whether a batch still waits for its results."""
    with mapped():
        return bool(client.hexists(_OUTSTANDING, batch_id))
