"""A batch that Redis handed to a worker that never received it is sent again, once; no other is."""

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.site import Site
from sitemon.queues import note_received, queue_of
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import LOOK_EVERY_S, Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from tests.integration.schedule.world import SHOP, START_MS, World, lapse, run, site_set

LOOK_MS = round(LOOK_EVERY_S * 1_000)
SLOT_MS = next_slot_ms("shop", SHOP.interval_ms, START_MS)
SENT_MS = START_MS + 4_000
"""The first tick after the slot: it sends, and looks."""
ONCE_MORE_MS = SENT_MS + 500
"""A tick before the second look."""
BEFORE_THE_NEXT_MS = SENT_MS + SHOP.interval_ms - 500
QUEUE = queue_of("default")


@pytest.fixture
def around(client: redis.Redis) -> World:
    """A world in which nobody receives the slot at `SLOT_MS`."""
    around = World(client, SHOP)
    around.is_received = False
    return around


@pytest.fixture
def beat(client: redis.Redis, around: World) -> Leader:
    """A leader that has just sent that slot."""
    leader = Leader(Lease(client), around)
    run(leader, START_MS, SENT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS]
    return leader


def test_what_nobody_received_is_sent_again_once_with_the_same_id(beat: Leader, around: World) -> None:
    run(beat, SENT_MS, SENT_MS + 2 * LOOK_MS)
    assert around.slots_of(SHOP) == [SLOT_MS] * 2
    assert len({batch.id for batch in around.sent}) == 1
    run(beat, SENT_MS + 2 * LOOK_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS] * 2


def test_what_was_received_after_the_first_look_is_not(beat: Leader, around: World, client: redis.Redis) -> None:
    run(beat, SENT_MS, ONCE_MORE_MS)
    note_received(client, around.sent[0].id)
    run(beat, ONCE_MORE_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS]


def test_what_waits_is_not_until_it_was_handed_out(beat: Leader, around: World, client: redis.Redis) -> None:
    client.lpush(QUEUE, around.sent[0].id)
    run(beat, SENT_MS, SENT_MS + 2 * LOOK_MS)
    assert around.slots_of(SHOP) == [SLOT_MS]
    client.rpop(QUEUE)
    run(beat, SENT_MS + 2 * LOOK_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS] * 2


def test_of_two_it_is_the_older_one_that_was_handed_out(beat: Leader, around: World, client: redis.Redis) -> None:
    client.lpush(QUEUE, around.sent[0].id)
    run(beat, SENT_MS, SENT_MS + SHOP.interval_ms)
    client.lpush(QUEUE, around.sent[1].id)
    client.rpop(QUEUE)
    run(beat, SENT_MS + SHOP.interval_ms, BEFORE_THE_NEXT_MS + SHOP.interval_ms)
    assert around.slots_of(SHOP) == [SLOT_MS, SLOT_MS + SHOP.interval_ms, SLOT_MS]


def test_what_waited_in_a_redis_that_was_emptied_is_sent_again(
    beat: Leader, around: World, client: redis.Redis
) -> None:
    client.lpush(QUEUE, around.sent[0].id)
    run(beat, SENT_MS, SENT_MS + LOOK_MS)
    client.delete(QUEUE)
    run(beat, SENT_MS + LOOK_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS] * 2


def test_it_is_sent_when_the_broker_is_back(beat: Leader, around: World) -> None:
    around.is_broker_down = True
    with pytest.raises(UnreachableError):
        run(beat, SENT_MS, SENT_MS + 2 * LOOK_MS)
    around.is_broker_down = False
    run(beat, SENT_MS + 2 * LOOK_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS] * 2


def test_a_new_reign_knows_nothing_of_what_the_last_one_sent(beat: Leader, around: World, client: redis.Redis) -> None:
    run(beat, SENT_MS, ONCE_MORE_MS)
    lapse(client)
    run(beat, ONCE_MORE_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS]


def test_of_a_region_that_nobody_is_in_any_more_nothing_is(beat: Leader, around: World) -> None:
    around.configured = site_set()
    run(beat, ONCE_MORE_MS, SENT_MS + LOOK_MS)
    around.configured = site_set(SHOP)
    run(beat, SENT_MS + LOOK_MS, BEFORE_THE_NEXT_MS)
    assert around.slots_of(SHOP) == [SLOT_MS]


def test_who_resigns_waits_for_no_second_look(beat: Leader, around: World) -> None:
    beat.resign()
    assert around.slots_of(SHOP) == [SLOT_MS] * 2


def test_who_resigns_gives_the_lease_back_also_when_the_broker_takes_nothing(
    beat: Leader, around: World, client: redis.Redis
) -> None:
    around.is_broker_down = True
    with pytest.raises(UnreachableError):
        beat.resign()
    assert Lease(client).acquire()
    assert around.reigns[-1].until_ms == SENT_MS


def test_who_resigns_sends_nothing_again_that_waits_or_was_received(
    beat: Leader, around: World, client: redis.Redis
) -> None:
    note_received(client, around.sent[0].id)
    run(beat, SENT_MS, SENT_MS + SHOP.interval_ms)
    client.lpush(QUEUE, around.sent[1].id)
    beat.resign()
    assert around.slots_of(SHOP) == [SLOT_MS, SLOT_MS + SHOP.interval_ms]


class Waiting(World):
    """A world in which all that is sent waits in Redis."""

    def send(self, batch: Batch, ahead_ms: int) -> None:
        super().send(batch, ahead_ms)
        self.client.lpush(queue_of(batch.region), batch.id)

    def sent_again(self) -> int:
        return len(self.sent) - len({batch.id for batch in self.sent})


@pytest.fixture
def many(client: redis.Redis) -> Waiting:
    """A world in which 600 batches wait, each in a region of its own."""
    names = [f"site-{number}" for number in range(600)]
    around = Waiting(
        client, *(Site(name=name, url=SHOP.url, interval_ms=SHOP.interval_ms, regions=(name,)) for name in names)
    )
    around.is_received = False
    return around


@pytest.fixture
def beat_of_many(client: redis.Redis, many: Waiting) -> Leader:
    """A leader that has just sent them, and Redis forgot them."""
    leader = Leader(Lease(client), many)
    run(leader, START_MS, START_MS + SHOP.interval_ms)
    assert len(many.sent) == 600
    client.delete(*(queue_of(batch.region) for batch in many.sent))
    return leader


def test_of_very_many_some_are_sent_again_at_each_look(beat_of_many: Leader, many: Waiting) -> None:
    began_ms = START_MS + SHOP.interval_ms
    run(beat_of_many, began_ms, began_ms + 2 * LOOK_MS)
    assert many.sent_again() == 500
    run(beat_of_many, began_ms + 2 * LOOK_MS, began_ms + 3 * LOOK_MS)
    assert many.sent_again() == 600


def test_who_resigns_sends_all_of_them_again(beat_of_many: Leader, many: Waiting) -> None:
    beat_of_many.resign()
    assert many.sent_again() == 600
