"""A leader to whom more is due than it can send: it looks and tells all the same, and loses no slot by that."""

import pytest
import redis
from msgspec import structs

from sitemon.model.schedule import Started, Told
from sitemon.model.site import Site
from sitemon.schedule import dispatch
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, site_set, slots, tick

MANY = [Site(name=f"s{number}", url="http://x.example/", interval_ms=1_000, file="many.yaml") for number in range(60)]
TICK_MS = 100


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a third of what is due be sent."""
    monkeypatch.setattr(dispatch, "MOST_AT_ONCE", len(MANY) * TICK_MS // 1_000 // 3)


def fall_behind(leader: Leader, from_ms: int, until_ms: int) -> None:
    """Let the leader tick once at each moment, and never catch up."""
    for now_ms in range(from_ms, until_ms, TICK_MS):
        leader.tick(now_ms, now_ms / 1_000)


def behind(around: World) -> Leader:
    """Return a leader that has told all, and has more to send than it can."""
    leader = Leader(Lease(around.client), around)
    tick(leader, START_MS, START_MS / 1_000)
    fall_behind(leader, START_MS + TICK_MS, START_MS + 1_000)
    return leader


def test_it_sees_which_queues_are_full(client: redis.Redis) -> None:
    around = World(client, *MANY)
    leader = behind(around)
    client.lpush("checks.default", *(["message"] * 1_251))
    fall_behind(leader, START_MS + 1_000, START_MS + 4_000)
    assert {result.reason for result in around.missed} == {"shed"}


def test_it_tells_of_a_new_site_at_once_and_sends_its_slots_in_their_turn(client: redis.Redis) -> None:
    around = World(client, *MANY)
    leader = behind(around)
    new = structs.replace(SHOP, interval_ms=1_000)
    around.configured = site_set(*MANY, new)
    fall_behind(leader, START_MS + 1_000, START_MS + 1_000 + TICK_MS)
    assert "shop" in {event.site for event in around.events if isinstance(event, Started)}
    fall_behind(leader, START_MS + 1_000 + TICK_MS, START_MS + 3_000)
    assert around.slots_of(new) != []


def test_a_new_leader_says_that_all_was_told(client: redis.Redis) -> None:
    before = World(client, *MANY)
    run(Leader(Lease(client), before), START_MS, START_MS + 1_000)
    lapse(client)
    around = World(client, *MANY, history=before.history)
    around.events.clear()
    fall_behind(Leader(Lease(client), around), START_MS + 2_000, START_MS + 3_000)
    assert [type(event) for event in around.events].count(Told) == 1


@pytest.mark.parametrize("interval_ms", [700, 1_000, 1_700])
def test_an_edit_meanwhile_loses_no_slot(client: redis.Redis, interval_ms: int) -> None:
    around = World(client, *MANY, BLOG)
    leader, until_ms = behind(around), START_MS + 2_500
    edited = [structs.replace(site, interval_ms=interval_ms, labels={"team": "web"}) for site in MANY]
    around.configured = site_set(*edited)
    fall_behind(leader, START_MS + 1_000, START_MS + 1_000 + TICK_MS)
    told_at_ms = max(slot_ms for batch in around.sent for _, slot_ms in batch.slots)
    run(leader, until_ms, until_ms)
    assert around.missed == []
    for site in edited:
        sent = around.slots_of(site)
        assert sorted(sent) == around.history.asks_for(site, START_MS, until_ms)
        assert set(slots(site, told_at_ms, until_ms)) <= set(sent)
    around.history.assert_has_no_holes()
