"""A Redis that may throw away what waits in it: we learn of it where the server says so."""

from collections.abc import Iterator

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.redis_client import evicting_policy


@pytest.fixture
def limited(client: redis.Redis) -> Iterator[redis.Redis]:
    """A server with a limit of memory."""
    client.config_set("maxmemory", "1gb")
    yield client
    client.config_set("maxmemory", "0")
    client.config_set("maxmemory-policy", "noeviction")


def test_a_server_with_a_limit_says_what_it_does_when_it_is_full(limited: redis.Redis) -> None:
    assert evicting_policy(limited) is None
    limited.config_set("maxmemory-policy", "allkeys-lru")
    assert evicting_policy(limited) == "allkeys-lru"


def test_without_a_limit_nothing_is_thrown_away(limited: redis.Redis) -> None:
    limited.config_set("maxmemory-policy", "allkeys-lru")
    limited.config_set("maxmemory", "0")
    assert evicting_policy(limited) is None


def test_a_server_that_does_not_say_is_no_error(limited: redis.Redis, redis_url: str) -> None:
    limited.config_set("maxmemory-policy", "allkeys-lru")
    limited.acl_setuser("tight", enabled=True, nopass=True, categories=["+@all"], commands=["-info"], keys=["*"])
    try:
        with redis.Redis.from_url(redis_url, username="tight", password="") as tight:
            assert evicting_policy(tight) is None
    finally:
        limited.acl_deluser("tight")


def test_a_server_that_is_away_is_unreachable() -> None:
    with redis.Redis(port=9) as client, pytest.raises(UnreachableError):
        evicting_policy(client)
