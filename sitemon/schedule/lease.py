"""The lease that makes one of many beats the leader. It is in Redis, like all that one leader leaves to the next.

Every write of a leader goes through a script that checks its token first, so that a deposed beat changes nothing.
Tokens grow for ever, even when Redis lost its data: each is at least Redis' own clock in milliseconds. What Redis
holds under ``{sitemon}:``, and which module writes it:

===================  ==================  ===================================================================
``lease``            here                the leader's token, with the lease's time to live
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
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return {token, before}
"""
_RENEW: Final = """
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] then return {holder and 'taken' or 'lapsed', false} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'held', redis.call('GET', KEYS[2])}
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
_IF_HELD: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
"""


class Hold(Enum):
    """What became of a lease when it was renewed."""

    HELD = "held"
    LAPSED = "lapsed"
    TAKEN = "taken"


class Lease:
    """One beat's view of the lease. Not thread-safe: a beat has one thread that leads.

    `has_another_led` tells whether Redis knows of another leader between our last lease and this one.

    Every method may raise UnreachableError (Redis does not answer) or RefusedError (it refuses us).
    """

    def __init__(self, client: redis.Redis, ttl_ms: int = LEASE_TTL_MS) -> None:
        self.client: Any = client  # its types do not tell that answers are bytes
        self._ttl_ms = ttl_ms
        self._token: int = 0
        self._newest_token: int = 0
        self.has_another_led = False

    def acquire(self) -> bool:
        """Take the lease if nobody holds it."""
        token, before = self._run(_ACQUIRE, [_LEASE, _TOKEN], [self._ttl_ms])
        self._token = int(token)
        if not self._token:
            return False
        self.has_another_led = int(before) not in (0, self._newest_token)
        self._newest_token = self._token
        return True

    def renew(self) -> tuple[Hold, int | None]:
        """Make the lease last for another time to live; return also the mark that Redis holds."""
        hold, mark = self._run(_RENEW, [_LEASE, MARK], [self._token, self._ttl_ms])
        return Hold(hold.decode()), None if mark is None else int(mark)

    def release(self) -> None:
        """Give the lease back at once, so that a standby need not wait for its end."""
        self._run(_RELEASE, [_LEASE], [self._token])

    def write(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Run a Lua script as the leader, in one step: its own keys begin at KEYS[2], its own arguments at ARGV[2].

        Raises:
            LeaseLostError: we lead no longer; nothing was written.

        """
        if not self._run(f"{_IF_HELD}{script}return 1", [_LEASE, *keys], [self._token, *args]):
            raise LeaseLostError("another beat has taken the lease, or it has lapsed")

    def _run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with mapped():
            return self.client.eval(script, len(keys), *keys, *args)
