"""A region that has no workers any more: what waits there for nobody is missed, and holds up no account."""

import redis

from sitemon.model.moment import to_ms
from sitemon.model.schedule import SentUpTo
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, message, run, site_set, slots

FAR = Site(name="far", url="http://far.example/", interval_ms=10_000, regions=("eu",))
LEFT_MS = START_MS + 15_000
TOO_LATE_MS = LEFT_MS + 10_000 + 2_000 + 60_000


def left(client: redis.Redis, *still: Site) -> tuple[Leader, World]:
    """Return a leader who sent to a region for a while in which nobody took anything, and its world."""
    around = World(client, BLOG, FAR, worker="asleep")
    leader = Leader(Lease(client), around)
    run(leader, START_MS, LEFT_MS)
    around.worker = "swift"
    around.configured = site_set(*still)
    return leader, around


def missed_of(around: World, site: Site) -> list[int]:
    return [to_ms(result.slot_at) for result in around.missed if result.site == site.name]


def test_slots_of_a_region_that_was_taken_out_are_missed(client: redis.Redis) -> None:
    leader, around = left(client, BLOG)
    run(leader, LEFT_MS + 500, LEFT_MS + 300_000)
    assert around.slots_of(FAR) == slots(FAR, START_MS, LEFT_MS) != []
    assert missed_of(around, FAR) == around.slots_of(FAR)
    assert {result.reason for result in around.missed} == {"shed"}
    assert client.llen("checks.eu") == 0
    assert max(event.at_ms for event in around.events if isinstance(event, SentUpTo)) > LEFT_MS + 260_000


def test_what_a_worker_may_still_take_in_time_or_say_is_late_is_left_to_it(client: redis.Redis) -> None:
    leader, around = left(client, BLOG, FAR)
    around.worker = "asleep"
    run(leader, LEFT_MS + 500, TOO_LATE_MS)
    assert set(missed_of(around, FAR)) <= set(slots(FAR, START_MS, LEFT_MS))


def test_what_is_in_the_hands_of_a_worker_is_left_to_it(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="hung")
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 200_000)
    assert missed_of(around, SHOP) == []


def test_other_messages_of_the_queue_stay(client: redis.Redis) -> None:
    others = [message("asked", "sitemon.check_site"), b"not Celery's"]
    client.lpush("checks.eu", *others)
    leader, _ = left(client, BLOG)
    run(leader, LEFT_MS + 500, LEFT_MS + 200_000)
    assert sorted(client.lrange("checks.eu", 0, -1)) == sorted(others)


def test_a_copy_of_what_is_settled_is_taken_out(client: redis.Redis) -> None:
    leader, around = left(client, BLOG, FAR)
    client.lpush("checks.eu", message("settled"))
    run(leader, LEFT_MS + 500, LEFT_MS + 5_000)
    assert message("settled") not in client.lrange("checks.eu", 0, -1)
    assert missed_of(around, FAR) == []
