"""The client for what sitemon itself keeps in Redis, the same server as Celery's broker, and that server's clock."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import redis

from sitemon import clock
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.server_clock import ServerClock

SOCKET_TIMEOUT_S: Final = 5.0
"""For every connection to Redis: without it one that is half open blocks for ever."""


def redis_client(app: Any, timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """Return a client for the broker of this Celery application. It connects on first use, and tries nothing twice."""
    tls = app.conf.broker_use_ssl or {}
    return redis.Redis.from_url(
        app.conf.broker_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=10,
        **tls,
    )


def ping_redis(client: redis.Redis) -> None:
    """Ask Redis once whether it takes us. Raises RefusedError or UnreachableError."""
    with mapped():
        client.ping()


def evicting_policy(client: Any) -> str | None:
    """Return by which policy a full Redis throws data away; None when it keeps all, has no limit, or does not say.

    Raises UnreachableError. INFO says it also where a hosted server refuses CONFIG.
    """
    with mapped(), suppress(redis.exceptions.NoPermissionError):
        memory = client.info("memory")
        if memory["maxmemory"] and memory["maxmemory_policy"] != "noeviction":
            return str(memory["maxmemory_policy"])
    return None


class RedisClock(ServerClock):
    """Redis's clock, the same for all beats and workers."""

    def __init__(self) -> None:
        super().__init__("Redis")

    def look(self, client: Any) -> bool:
        """Ask Redis, whose own errors are raised; tell whether the clocks came apart since, or together again."""
        asked_ms = clock.now_ms()
        seconds, microseconds = client.time()
        return self.hear(seconds + microseconds / 1e6, asked_ms)


@contextmanager
def mapped() -> Iterator[None]:
    """Map the client's errors to ours at this door."""
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as exc:
        raise RefusedError(f"Redis refuses us: {exc}") from exc
    except redis.RedisError as exc:
        if _is_about_tls(exc):
            raise RefusedError(f"Redis refuses us, or we refuse it: {exc}") from exc
        raise UnreachableError(f"Redis does not answer: {exc}") from exc


def _is_about_tls(exc: redis.RedisError) -> bool:
    """Tell a certificate that is wrong, or a file that is not there, from a lost connection: redis says the same.

    Its exception has the reason as its context only. A server that hangs up in a handshake is just away.
    """
    reason = exc.__context__
    is_refusal = isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return is_refusal or isinstance(reason, FileNotFoundError | PermissionError)
