"""A Redis that may throw away what waits in it: we learn of it where the server says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sitemon.local.valkey import Valkey
from sitemon.model.errors import UnreachableError
from sitemon.redis_client import evicting_policy
from tests.conftest import started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the test's own: its limits are no database's but all of its."""
    server = started(Valkey(tmp_path))
    yield server
    server.kill()


@pytest.fixture
def limited(server: Valkey) -> Iterator[redis.Redis]:
    """A client of that server, which has a limit of memory."""
    with redis.Redis.from_url(server.url(0)) as client:
        client.config_set("maxmemory", "1gb")
        yield client


def test_a_server_with_a_limit_says_what_it_does_when_it_is_full(limited: redis.Redis) -> None:
    assert evicting_policy(limited) is None
    limited.config_set("maxmemory-policy", "allkeys-lru")
    assert evicting_policy(limited) == "allkeys-lru"


def test_without_a_limit_nothing_is_thrown_away(limited: redis.Redis) -> None:
    limited.config_set("maxmemory-policy", "allkeys-lru")
    limited.config_set("maxmemory", "0")
    assert evicting_policy(limited) is None


def test_a_server_that_does_not_say_is_no_error(server: Valkey, limited: redis.Redis) -> None:
    limited.config_set("maxmemory-policy", "allkeys-lru")
    limited.acl_setuser("tight", enabled=True, nopass=True, categories=["+@all"], commands=["-info"], keys=["*"])
    with redis.Redis(port=server.port, username="tight", password="") as tight:
        assert evicting_policy(tight) is None


def test_a_server_that_is_away_is_unreachable() -> None:
    with redis.Redis(port=9) as client, pytest.raises(UnreachableError):
        evicting_policy(client)
