"""A Redis database of the test's own, and a beat that leads by it."""

from collections.abc import Iterator

import pytest
import redis

from sitemon.schedule.lease import Lease


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def leader(client: redis.Redis) -> Lease:
    """The lease of a beat that leads."""
    lease = Lease(client)
    assert lease.acquire()
    return lease
