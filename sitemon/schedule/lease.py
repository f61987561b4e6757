"""The lease that makes one of many beats the leader, and what one leader leaves to the next.

It is in Redis, under ``{sitemon}:``, and losing any of it costs checks and nothing else:

- ``lease``: the leader's token, with the lease's time to live
- ``token``: the newest token ever given
- ``mark``: how far the sending of slots has come, a hint of where to go on
- ``last_run``: when each other entry of ``beat_schedule`` ran last (ms of the epoch)
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import redis

from sitemon.model.errors import LeaseLostError
from sitemon.redis_client import RedisClock, mapped

LEASE_TTL_MS: Final = 6_000
LEASE_RENEWED_EVERY_S: Final = 1.5
_PREFIX: Final = "{sitemon}:"
_LEASE: Final = _PREFIX + "lease"
_TOKEN: Final = _PREFIX + "token"
_MARK: Final = _PREFIX + "mark"
_LAST_RUN: Final = _PREFIX + "last_run"

_ACQUIRE: Final = """
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms >= 0 and left_ms <= tonumber(ARGV[2]) then return {0, ''} end
local clock = redis.call('TIME')
local given = tonumber(redis.call('GET', KEYS[2]) or '') or 0
if not (given < 2^53) then given = 0 end
local newest = math.max(given, tonumber(ARGV[1]))
local token = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), newest + 1)
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text, 'PX', ARGV[2])
return {token, redis.call('GET', KEYS[3]) or ''}
"""
_IF_HELD: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
return 1
"""

_MOMENT: Final = re.compile(rb"[0-9]{1,14}")


class Progress(NamedTuple):
    """All slots up to `sent_ms` were sent, and none after `reached_ms` (ms of the epoch); 0: nothing is known."""

    sent_ms: int = 0
    reached_ms: int = 0


class Lease:
    """One beat's view of the lease. Not thread-safe: a beat has one thread that leads.

    `token` is that of our last lease, and `found` what Redis knew then of earlier leaders' progress. Tokens grow for
    ever, even when Redis lost its data: each is at least Redis' own clock in milliseconds, and more than any before
    that Redis or we remember. `clock` is Redis's, beside that of this machine, as it was when we last looked.

    Every method may raise UnreachableError (Redis does not answer) or RefusedError (it refuses us).
    """

    def __init__(self, client: redis.Redis, ttl_ms: int = LEASE_TTL_MS) -> None:
        self.client: Any = client  # its types do not tell that answers are bytes
        self.token = 0
        self.found = Progress()
        self.clock = RedisClock()
        self._ttl_ms = ttl_ms

    def look_at_clock(self) -> bool:
        """Ask Redis what time it is; tell whether our clock came apart from it since, or is right again."""
        with mapped():
            return self.clock.look(self.client)

    def acquire(self) -> bool:
        """Take the lease if nobody holds it, or for longer than anybody does: Redis's clock was set back since."""
        with mapped():
            token, mark = self.client.eval(_ACQUIRE, 3, _LEASE, _TOKEN, _MARK, self.token, self._ttl_ms)
        if token:
            self.token, self.found = token, _progress(mark)
        return bool(token)

    def renew(self) -> bool:
        """Make the lease last for another time to live; tell whether it is still ours."""
        return self._if_held("PEXPIRE", _LEASE, self._ttl_ms)

    def release(self) -> None:
        """Give the lease back at once, so that a standby need not wait for its end."""
        self._if_held("DEL", _LEASE)

    def mark(self, progress: Progress) -> None:
        """Leave to the next leader how far we are. Raises LeaseLostError when we lead no longer."""
        self._write("SET", _MARK, f"{progress.sent_ms}:{progress.reached_ms}")

    def note_run(self, entry: str, at_ms: int) -> None:
        """Note when an entry of ``beat_schedule`` ran. Raises LeaseLostError when we lead no longer."""
        self._write("HSET", _LAST_RUN, entry, at_ms)

    def last_runs(self) -> Mapping[str, int]:
        """Return when each entry of ``beat_schedule`` ran last (ms of the epoch)."""
        with mapped():
            runs = self.client.hgetall(_LAST_RUN)
        return {name.decode(errors="replace"): int(at) for name, at in runs.items() if _MOMENT.fullmatch(at)}

    def _write(self, *command: str | int) -> None:
        if not self._if_held(*command):
            raise LeaseLostError("another beat has taken the lease, or it has lapsed, or Redis has lost it")

    def _if_held(self, name: str | int, key: str | int, *values: str | int) -> bool:
        """Run a command of Redis if the lease is ours, in one step; tell whether it is."""
        with mapped():
            return bool(self.client.eval(_IF_HELD, 2, _LEASE, key, self.token, name, *values))


def _progress(mark: bytes) -> Progress:
    try:
        return Progress(*map(int, mark.split(b":")))
    except (ValueError, TypeError):  # there is none, or it is not ours
        return Progress()
