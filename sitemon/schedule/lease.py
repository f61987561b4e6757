"""The lease that makes one of many beats the leader. It is in Redis, like all that one leader leaves to the next.

Every write of a leader goes through a script that checks its token first, so that a deposed beat changes nothing, and
counts the leader's writes, so that none is built on others that Redis has lost.
Tokens grow for ever, even when Redis lost its data: each is at least Redis' own clock in milliseconds. What Redis
holds under ``{sitemon}:``, and which module writes it:

===================  ==================  ===================================================================
``lease``            here                the leader's token and how often it has written, with the lease's time to live
``token``            here                the newest token ever given
``mark``             `outstanding`       all slots up to this moment (ms of the epoch) were recorded as sent
``outstanding``      `outstanding`       hash of batches that were sent and may still lack safe results
``outstanding_at:R`` `outstanding`       sorted set of those of region R by when they were sent (ms of the epoch)
``outstanding_slot`` `outstanding`       sorted set of all of them by their earliest slot
``schedule``         `memory`            hash of the newest schedule event of every watch
``untold``           `memory`            hash of those events that Kafka may not have yet
``regions``          `outstanding`       set of the regions to which batches were ever sent
``last_run``         `memory`            hash of when each other entry of ``beat_schedule`` ran last (ms of the epoch)
===================  ==================  ===================================================================
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import redis

from sitemon.model.errors import LeaseLostError
from sitemon.schedule.redis_client import mapped

LEASE_TTL_MS: Final = 6_000
PREFIX: Final = "{sitemon}:"
MARK: Final = PREFIX + "mark"
_LEASE: Final = PREFIX + "lease"
_TOKEN: Final = PREFIX + "token"

_ACQUIRE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, 0} end
local clock = redis.call('TIME')
local before = tonumber(redis.call('GET', KEYS[2]) or '0')
local token = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), before + 1)
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text .. ':0', 'PX', ARGV[1])
return {token, before}
"""
_RENEW: Final = """
local token, writes = (redis.call('GET', KEYS[1]) or '0:0'):match('(%d+):(%d+)')
if tonumber(token) > tonumber(ARGV[1]) then return {'taken', 0} end
if token ~= ARGV[1] then return {'lapsed', 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {writes == ARGV[2] and 'held' or 'uneven', tonumber(writes)}
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
_IF_HELD: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
"""
_COUNT: Final = """
local token, writes = ARGV[1]:match('(%d+):(%d+)')
redis.call('SET', KEYS[1], token .. ':' .. string.format('%d', writes + 1), 'KEEPTTL')
return 1
"""


class Hold(Enum):
    """What became of a lease when it was renewed."""

    HELD = "held"
    UNEVEN = "uneven"
    """It is held, but Redis has lost a write of ours, or has one whose answer we did not hear."""
    LAPSED = "lapsed"
    TAKEN = "taken"


class Lease:
    """One beat's view of the lease. Not thread-safe: a beat has one thread that leads.

    `has_another_led` tells whether Redis knows of a leader after our last lease and before this one.

    Every method may raise UnreachableError (Redis does not answer) or RefusedError (it refuses us).
    """

    def __init__(self, client: redis.Redis, ttl_ms: int = LEASE_TTL_MS) -> None:
        self.client: Any = client  # its types do not tell that answers are bytes
        self._ttl_ms = ttl_ms
        self._token: int = 0
        self._writes = 0
        self.has_another_led = False

    def acquire(self) -> bool:
        """Take the lease if nobody holds it."""
        token, before = self._run(_ACQUIRE, [_LEASE, _TOKEN], [self._ttl_ms])
        if not token:
            return False
        self.has_another_led = before > self._token
        self._token, self._writes = token, 0
        return True

    def renew(self) -> Hold:
        """Make the lease last for another time to live; after `UNEVEN`, writes go on from what Redis has.

        An older token than ours is that of a Redis which has lost its last data: nobody has taken the lease.
        """
        answer, writes = self._run(_RENEW, [_LEASE], [self._token, self._writes, self._ttl_ms])
        hold = Hold(answer.decode())
        if hold is Hold.UNEVEN:
            self._writes = writes
        return hold

    def release(self) -> None:
        """Give the lease back at once, so that a standby need not wait for its end."""
        self._run(_RELEASE, [_LEASE], [self._value])

    def write(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Run a Lua script as the leader, in one step: its own keys begin at KEYS[2], its own arguments at ARGV[2].

        Raises:
            LeaseLostError: we lead no longer, or Redis is not as our last write left it; nothing was written.

        """
        if not self._run(f"{_IF_HELD}{script}{_COUNT}", [_LEASE, *keys], [self._value, *args]):
            raise LeaseLostError("another beat has taken the lease, or it has lapsed, or Redis has lost data")
        self._writes += 1

    def confirm(self) -> None:
        """Make sure of what was read since our last write: a Redis that has lost its data knows of nothing.

        Raises:
            LeaseLostError: we lead no longer, or Redis is not as our last write left it.

        """
        self.write("", [], [])

    @property
    def _value(self) -> str:
        return f"{self._token}:{self._writes}"

    def _run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with mapped():
            return self.client.eval(script, len(keys), *keys, *args)
