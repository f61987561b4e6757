"""What a beat finds in Redis when it looks: in one exchange, and whatever somebody else has put there."""

from typing import Any

import pytest
import redis

from sitemon.schedule.dispatch import Dispatch
from sitemon.schedule.lease import Lease, Progress
from tests.integration.schedule.world import SHOP, START_MS, World

DAY_MS = 86_400_000


def test_the_queues_of_a_hundred_regions_are_one_exchange(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges: list[object] = []
    pool: Any = client.connection_pool
    connection = pool.get_connection

    def counted(*args: Any, **kwargs: Any) -> object:
        exchanges.append(args)
        return connection(*args, **kwargs)

    monkeypatch.setattr(pool, "get_connection", counted)
    Dispatch(Lease(client), World(client, SHOP)).look_at_queues([f"region-{number}" for number in range(100)])
    assert len(exchanges) == 1


@pytest.mark.parametrize(
    ("ahead_ms", "reached_ms"), [(DAY_MS - 1, START_MS + DAY_MS - 1), (DAY_MS + 1, START_MS), (10**15, START_MS)]
)
def test_a_mark_that_lies_farther_ahead_than_any_event_may_is_nobodys(
    client: redis.Redis, ahead_ms: int, reached_ms: int
) -> None:
    client.set("{sitemon}:mark", f"{START_MS - 5_000}:{START_MS + ahead_ms}")
    lease = Lease(client)
    assert lease.acquire()
    dispatch = Dispatch(lease, World(client, SHOP))
    dispatch.begin(START_MS)
    sent_ms = START_MS - 5_000 if reached_ms > START_MS else START_MS
    assert dispatch.progress == Progress(sent_ms, reached_ms)
