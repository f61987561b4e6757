"""Outstanding batches: recorded before they are sent, struck off when all of their results are safe.

So a batch that is lost on its way, in whatever way, is found again. With them goes the mark, up to which all slots
were recorded as sent.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import redis

from sitemon.schedule.batch import Batch, decode_batch, encode_batch
from sitemon.schedule.lease import MARK, PREFIX, Lease
from sitemon.schedule.queues import longest_waiting, queue_of
from sitemon.schedule.redis_client import mapped

_OUTSTANDING: Final = PREFIX + "outstanding"
_OUTSTANDING_AT: Final = PREFIX + "outstanding_at"
_OUTSTANDING_SLOT: Final = PREFIX + "outstanding_slot"
_REGIONS: Final = PREFIX + "regions"
_UNACKED: Final = "unacked"
"""Where kombu keeps the messages that are in a worker's hands."""

_RECORD: Final = """
for i = 4, #ARGV, 4 do
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[4] .. ':' .. ARGV[i + 2], ARGV[3], ARGV[i])
    redis.call('ZADD', KEYS[5], ARGV[i + 3], ARGV[i])
    redis.call('SADD', KEYS[6], ARGV[i + 2])
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2]) end
"""
_LONGEST_LOOK: Final = 1_000
"""Messages of a queue, and outstanding batches of a region, that are looked through at once."""


_LONGEST_WAITING: Final = 25
"""Messages of a queue that are looked at for what nobody takes: up to 5,000 slots, each a ``missed`` result."""


class Waiting(NamedTuple):
    """A message that waits in a region's queue, and its batch; None when that is settled."""

    message: bytes
    batch: Batch | None


class Outstanding:
    """The leader's side. Every method may raise UnreachableError or RefusedError."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._client = lease.client

    def record(self, batches: Sequence[Batch], *, mark_ms: int | None, at_ms: int) -> None:
        """Note batches as outstanding and move the mark (None: leave it), in one step.

        It comes before the sending: a batch that is recorded is sent by this leader or by the next.
        Raises LeaseLostError when we lead no longer; nothing was recorded then.
        """
        parts = [
            part for batch in batches for part in (batch.id, encode_batch(batch), batch.region, batch.earliest_slot_ms)
        ]
        keys = [MARK, _OUTSTANDING, _OUTSTANDING_AT, _OUTSTANDING_SLOT, _REGIONS]
        self._lease.write(_RECORD, keys, ["" if mark_ms is None else mark_ms, at_ms, *parts])

    def earliest_slot_ms(self) -> int | None:
        """Return the earliest slot of all outstanding batches, or None when there is none.

        Raises LeaseLostError when we lead no longer, or Redis has lost data.
        """
        with mapped():
            earliest = self._client.zrange(_OUTSTANDING_SLOT, 0, 0, withscores=True)
        self._lease.confirm()
        return int(earliest[0][1]) if earliest else None

    def regions(self) -> set[str]:
        """Return the regions to which batches were ever sent, also those in which nothing is watched any more."""
        with mapped():
            return {region.decode() for region in self._client.smembers(_REGIONS)}

    def strays(self, region: str, sent_before_ms: int) -> list[Batch]:
        """Return the region's batches sent before then that are neither in its queue nor in a worker's hands.

        A message that Redis gave to a worker which died before it noted the message as its own is such a one. Where
        the queue is too long to look through, a batch is taken to be waiting its turn.
        """
        with mapped():
            suspects = self._client.zrangebyscore(_sent(region), 0, sent_before_ms, start=0, num=_LONGEST_LOOK)
            if not suspects:
                return []
            pipe = self._client.pipeline(transaction=True)
            pipe.lrange(queue_of(region), 0, _LONGEST_LOOK)
            pipe.hvals(_UNACKED)
            queue, unacked = pipe.execute()
            if len(queue) > _LONGEST_LOOK:
                return []
            messages = b"\n".join(queue + unacked)
            strays = [batch_id for batch_id in suspects if batch_id not in messages]
            values = self._client.hmget(_OUTSTANDING, strays) if strays else []
        for batch_id, value in zip(strays, values, strict=True):
            if value is None:  # a Redis that was killed kept the first step of settling it, and not the others
                settle(self._client, region, batch_id.decode())
        return [decode_batch(value) for value in values if value is not None]

    def longest_waiting(self, region: str) -> list[Waiting]:
        """Return some of the messages that have waited longest in the region's queue."""
        messages = longest_waiting(self._client, region, _LONGEST_WAITING)
        if not messages:
            return []
        with mapped():
            values = self._client.hmget(_OUTSTANDING, list(messages))
        return [
            Waiting(message, None if value is None else decode_batch(value))
            for message, value in zip(messages.values(), values, strict=True)
        ]

    def drop(self, region: str, waiting: Waiting) -> None:
        """Settle what waits in the region's queue, and take it out: nobody is to do anything about it any more."""
        if waiting.batch is not None:
            settle(self._client, region, waiting.batch.id)
        with mapped():
            self._client.lrem(queue_of(region), 1, waiting.message)


def settle(client: redis.Redis, region: str, batch_id: str) -> None:
    """Strike a batch off the outstanding ones: all of its results are safe."""
    with mapped():
        pipe = client.pipeline(transaction=True)
        pipe.hdel(_OUTSTANDING, batch_id)
        pipe.zrem(_OUTSTANDING_SLOT, batch_id)
        pipe.zrem(_sent(region), batch_id)  # last: by this one, what is left of it is found
        pipe.execute()


def is_outstanding(client: redis.Redis, batch_id: str) -> bool:
    """Tell whether a batch still waits for its results."""
    with mapped():
        return bool(client.hexists(_OUTSTANDING, batch_id))


def _sent(region: str) -> str:
    return f"{_OUTSTANDING_AT}:{region}"
