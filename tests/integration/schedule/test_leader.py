"""Beats on a real Redis: who leads, and that no slot is lost between one leader and the next."""

from collections.abc import Iterator, Sequence

import pytest
import redis

from sitemon.config.sites import SiteSet
from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.result import Result
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader, Past
from sitemon.schedule.lease import Batch, Lease, settle
from sitemon.schedule.slots import next_slot_ms

START_MS = 1_790_000_000_000
SHOP = Site(name="shop", url="http://shop.example/", interval_ms=10_000)
BLOG = Site(name="blog", url="http://blog.example/", interval_ms=25_000)


def site_set(*sites: Site) -> SiteSet:
    return SiteSet(sites=sites, by_name={site.name: site for site in sites}, source="a test")


class World:
    """What a leader did to the world. A worker settles each batch at once, unless it is `asleep` or `dying`."""

    def __init__(self, client: redis.Redis, *sites: Site, worker: str = "swift") -> None:
        self.client = client
        self.worker = worker
        self.configured = site_set(*sites)
        self.sent: list[Batch] = []
        self.missed: list[Result] = []
        self.events: list[ScheduleEvent] = []
        self.past = Past([], None)
        self.is_broker_down = False

    def sites(self) -> SiteSet:
        return self.configured

    def send(self, batch: Batch) -> None:
        if self.is_broker_down:
            raise UnreachableError("no broker")
        self.sent.append(batch)
        if self.worker == "swift":
            settle(self.client, batch.region, batch.id)
        elif self.worker == "asleep":
            self.client.lpush(f"checks.{batch.region}", batch.id)

    def publish_missed(self, results: Sequence[Result]) -> None:
        self.missed += results

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        self.events += events

    def read_past(self) -> Past:
        return self.past

    def slots_of(self, site: Site) -> list[int]:
        return [ms for batch in self.sent for name, ms in batch.slots if name == site.name]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def run(leader: Leader, from_ms: int, until_ms: int, step_ms: int = 500) -> None:
    for now_ms in range(from_ms, until_ms + 1, step_ms):
        leader.tick(now_ms, now_ms / 1_000)


def slots(site: Site, after_ms: int, until_ms: int) -> list[int]:
    first_ms = next_slot_ms(site.name, site.interval_ms, after_ms)
    return list(range(first_ms, until_ms + 1, site.interval_ms))


def lapse(client: redis.Redis) -> None:
    client.delete("{sitemon}:lease")


def test_the_leader_sends_every_slot_once_in_batches_of_a_region(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    run(Leader(Lease(client), around), START_MS, START_MS + 60_000)
    assert around.slots_of(SHOP) == slots(SHOP, START_MS, START_MS + 60_000)
    assert around.slots_of(BLOG) == slots(BLOG, START_MS, START_MS + 60_000)
    assert {batch.region for batch in around.sent} == {"default"}
    assert around.missed == []


def test_a_site_is_sent_to_each_of_its_regions_and_a_disabled_one_to_none(client: redis.Redis) -> None:
    far = Site(name="far", url="http://far.example/", interval_ms=1_000, regions=("eu", "us"))
    off = Site(name="off", url="http://off.example/", interval_ms=1_000, enabled=False)
    around = World(client, far, off)
    run(Leader(Lease(client), around), START_MS, START_MS + 3_000)
    assert {batch.region for batch in around.sent} == {"eu", "us"}
    assert {name for batch in around.sent for name, _ in batch.slots} == {"far"}


def test_what_is_due_together_travels_together_fifty_at_most(client: redis.Redis) -> None:
    around = World(client, *(Site(name=f"s{n}", url="http://x.example/", interval_ms=1_000) for n in range(120)))
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, 0)
    leader.tick(START_MS + 1_000, 1)
    assert sorted(len(batch.slots) for batch in around.sent) == [20, 50, 50]


def test_a_standby_sends_nothing_and_takes_over_when_the_leader_resigns(client: redis.Redis) -> None:
    first, second = World(client, SHOP), World(client, SHOP)
    leader, standby = Leader(Lease(client), first), Leader(Lease(client), second)
    for now_ms in range(START_MS, START_MS + 30_001, 500):
        leader.tick(now_ms, now_ms / 1_000)
        standby.tick(now_ms, now_ms / 1_000)
    assert second.sent == []
    leader.resign()
    run(standby, START_MS + 31_000, START_MS + 60_000)
    assert first.slots_of(SHOP) + second.slots_of(SHOP) == slots(SHOP, START_MS, START_MS + 60_000)
    assert second.events[0] == SentUpTo(at_ms=START_MS + 31_000)


def test_after_a_short_stop_the_newest_slot_runs_late_and_older_ones_are_missed(client: redis.Redis) -> None:
    run(Leader(Lease(client), World(client, SHOP)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, SHOP)
    back_ms = START_MS + 80_000
    Leader(Lease(client), around).tick(back_ms, 0)
    expected = slots(SHOP, START_MS + 20_000, back_ms)
    late = [ms for ms in expected if back_ms - ms <= 12_000]
    assert around.slots_of(SHOP) == late
    assert expected[-1] in late
    assert [to_ms(result.slot_at) for result in around.missed] == [ms for ms in expected if ms not in late]
    assert {(result.reason, result.url) for result in around.missed} == {("beat_down", "http://shop.example/")}


def test_a_stop_of_over_ten_minutes_is_told_as_one_away_a_region(client: redis.Redis) -> None:
    run(Leader(Lease(client), World(client, SHOP, BLOG)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, SHOP, BLOG)
    back_ms = START_MS + 800_000
    Leader(Lease(client), around).tick(back_ms, 0)
    away = [event for event in around.events if isinstance(event, Away)]
    assert away == [Away(region="default", from_ms=START_MS + 20_000, until_ms=back_ms)]
    assert around.missed == []
    assert around.slots_of(BLOG) == [ms for ms in slots(BLOG, START_MS, back_ms) if back_ms - ms <= 27_000]


def test_a_beat_that_slept_over_ten_minutes_under_its_own_lease_says_away_too(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client, ttl_ms=60_000), around)
    run(leader, START_MS, START_MS + 20_000)
    around.events.clear()
    leader.tick(START_MS + 900_000, 1)
    assert around.events[0] == Away(region="default", from_ms=START_MS + 20_000, until_ms=START_MS + 900_000)
    assert around.missed == []


def test_it_writes_each_change_of_the_schedule_once(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 2_000)
    assert {event.site for event in around.events if isinstance(event, Started)} == {"shop", "blog"}
    around.events.clear()
    faster = Site(name="shop", url=SHOP.url, interval_ms=3_000)
    around.configured = site_set(faster)
    edited_ms = START_MS + 2_500
    leader.tick(edited_ms, edited_ms / 1_000)
    first_ms = next_slot_ms("shop", 3_000, edited_ms)
    assert around.events == [
        Ended(site="blog", region="default", at_ms=edited_ms),
        Started(site="shop", region="default", at_ms=edited_ms, interval_ms=3_000, from_slot_ms=first_ms),
    ]
    lapse(client)
    after = World(client, faster)
    Leader(Lease(client), after).tick(edited_ms + 500, 0)
    assert after.events == [SentUpTo(at_ms=edited_ms + 500)]


def test_a_site_removed_while_no_beat_ran_has_its_slots_of_that_time_accounted_for(
    client: redis.Redis,
) -> None:
    run(Leader(Lease(client), World(client, SHOP)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client)
    back_ms = START_MS + 60_000
    Leader(Lease(client), around).tick(back_ms, 0)
    told = around.slots_of(SHOP) + [to_ms(result.slot_at) for result in around.missed]
    assert sorted(told) == slots(SHOP, START_MS + 20_000, back_ms)
    assert Ended(site="shop", region="default", at_ms=back_ms) in around.events


def test_a_batch_that_could_not_be_sent_is_sent_when_the_broker_is_back(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, 0)
    around.is_broker_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    around.is_broker_down = False
    leader.tick(slot_ms + 600, 1.6)
    assert around.slots_of(SHOP) == [slot_ms]


def test_what_was_recorded_by_a_call_whose_answer_was_lost_is_sent_at_once(client: redis.Redis) -> None:
    class Deafened(Lease):
        is_deaf = False

        def record(self, batches: Sequence[Batch], *, mark_ms: int | None, at_ms: int) -> None:
            super().record(batches, mark_ms=mark_ms, at_ms=at_ms)
            if self.is_deaf and batches:
                self.is_deaf = False
                raise UnreachableError("the answer was lost")

    around, lease = World(client, SHOP), Deafened(client)
    leader = Leader(lease, around)
    leader.tick(START_MS, 0)
    lease.is_deaf = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    leader.tick(slot_ms + 600, 1.6)
    assert around.slots_of(SHOP) == [slot_ms]


def test_the_next_leader_sends_what_was_recorded_but_never_sent(client: redis.Redis) -> None:
    dying = World(client, SHOP)
    leader = Leader(Lease(client), dying)
    leader.tick(START_MS, 0)
    dying.is_broker_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    lapse(client)
    around = World(client, SHOP)
    Leader(Lease(client), around).tick(slot_ms + 100, 0)
    assert around.slots_of(SHOP) == [slot_ms]


def test_a_message_that_vanished_with_its_worker_is_sent_again_after_six_seconds(
    client: redis.Redis,
) -> None:
    around = World(client, SHOP, worker="dying")
    leader = Leader(Lease(client), around)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms + 1_000)
    assert around.slots_of(SHOP) == [slot_ms]
    run(leader, slot_ms + 1_500, slot_ms + 9_000)
    assert around.slots_of(SHOP) == [slot_ms, slot_ms]
    assert around.sent[0].id == around.sent[1].id


def test_a_settled_batch_is_not_sent_again(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms + 1_000)
    run(leader, slot_ms + 1_500, slot_ms + 9_000)
    assert len(around.sent) == 1


def test_when_redis_lost_its_data_everything_that_is_not_too_late_is_sent_again(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    around.sent.clear()
    client.flushdb()
    leader.tick(lost_ms + 2_000, lost_ms / 1_000 + 2)
    now_ms = lost_ms + 2_000
    assert around.slots_of(SHOP) == [ms for ms in slots(SHOP, START_MS, now_ms) if now_ms - ms <= 12_000]
    assert around.slots_of(BLOG) == [ms for ms in slots(BLOG, START_MS, now_ms) if now_ms - ms <= 27_000]


def test_slots_that_waited_in_a_lost_redis_for_too_long_become_missed(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    client.flushdb()
    run(leader, lost_ms + 2_000, lost_ms + 3_000)
    told = set(around.slots_of(SHOP)) | {to_ms(result.slot_at) for result in around.missed}
    assert [to_ms(result.slot_at) for result in around.missed] != []
    assert told == set(slots(SHOP, START_MS, lost_ms + 3_000))


def test_without_redis_data_a_new_beat_takes_up_what_kafka_remembers(client: redis.Redis) -> None:
    around = World(client, SHOP)
    stretch = Started(site="shop", region="default", at_ms=START_MS, interval_ms=10_000, from_slot_ms=START_MS + 1)
    around.past = Past([stretch], START_MS + 30_000)
    back_ms = START_MS + 60_000
    Leader(Lease(client), around).tick(back_ms, 0)
    told = around.slots_of(SHOP) + [to_ms(result.slot_at) for result in around.missed]
    assert sorted(told) == slots(SHOP, START_MS + 30_000, back_ms)
    assert not any(isinstance(event, Started) for event in around.events)


def test_a_frozen_leader_that_thaws_sends_nothing_more(client: redis.Redis) -> None:
    frozen, fresh = World(client, SHOP), World(client, SHOP)
    thawing, taker = Leader(Lease(client), frozen), Leader(Lease(client), fresh)
    run(thawing, START_MS, START_MS + 20_000)
    lapse(client)
    run(taker, START_MS + 27_000, START_MS + 40_000)
    before = len(frozen.sent)
    assert thawing.tick(START_MS + 41_000, START_MS / 1_000 + 41) == 1.0
    assert len(frozen.sent) == before
    assert not thawing.is_leading


def test_where_no_worker_takes_anything_slots_are_shed_until_the_queue_is_short_again(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    client.lpush("checks.default", *(["message"] * 5_001))
    run(leader, START_MS, START_MS + 30_000)
    assert around.sent == []
    assert [to_ms(result.slot_at) for result in around.missed] == slots(SHOP, START_MS, START_MS + 30_000)
    assert {result.reason for result in around.missed} == {"shed"}
    client.delete("checks.default")
    run(leader, START_MS + 30_500, START_MS + 60_000)
    assert len(around.slots_of(SHOP)) >= 2
    assert len(around.slots_of(SHOP)) + len(around.missed) == len(slots(SHOP, START_MS, START_MS + 60_000))


def test_redis_lost_its_data_and_the_first_to_notice_is_the_sending(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG, worker="asleep")
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    client.flushdb()
    slot_ms = min(slots(SHOP, lost_ms, lost_ms + 10_000)[0], slots(BLOG, lost_ms, lost_ms + 25_000)[0])
    leader.tick(slot_ms, lost_ms / 1_000 + 0.1)
    run(leader, slot_ms + 500, slot_ms + 2_000)
    for site in (SHOP, BLOG):
        told = set(around.slots_of(site)) | {to_ms(r.slot_at) for r in around.missed if r.site == site.name}
        assert told >= set(slots(site, START_MS, slot_ms))


def test_a_standby_that_finds_nothing_in_redis_starts_before_what_was_still_waiting_there(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    run(Leader(Lease(client), around), START_MS, START_MS + 65_000)
    told = [event.at_ms for event in around.events if isinstance(event, SentUpTo)]
    assert told[-1] < slots(SHOP, START_MS, START_MS + 60_000)[0]


def test_after_a_stop_with_many_sites_it_sends_in_pieces_within_the_lease(client: redis.Redis) -> None:
    many = [Site(name=f"s{n}", url="http://x.example/", interval_ms=10_000) for n in range(1_000)]
    before = World(client, *many)
    Leader(Lease(client), before).tick(START_MS, 0)
    assert before.sent == []
    lapse(client)
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    back_ms, ticks = START_MS + 100_000, 0
    while leader.tick(back_ms, 100 + ticks / 1_000) == 0.0:
        ticks += 1
    assert ticks >= 1
    told = {(r.site, to_ms(r.slot_at)) for r in around.missed}
    told |= {pair for batch in around.sent for pair in batch.slots}
    assert len(told) == sum(len(slots(site, START_MS, back_ms)) for site in many)


def test_an_edit_that_was_remembered_and_not_told_is_told_by_the_next_as_it_was(client: redis.Redis) -> None:
    class Deaf(World):
        def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
            if any(isinstance(event, Started) for event in events):
                raise UnreachableError("no Kafka")

    edited_ms = START_MS + 1_000
    with pytest.raises(UnreachableError):
        Leader(Lease(client), Deaf(client, SHOP)).tick(edited_ms, 0)
    lapse(client)
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, edited_ms + 7_000, edited_ms + 30_000)
    started = [event for event in around.events if isinstance(event, Started)]
    assert [(event.site, event.at_ms) for event in started] == [("shop", edited_ms)]
    assert around.slots_of(SHOP) == slots(SHOP, edited_ms, edited_ms + 30_000)


def test_a_clock_that_is_set_right_backwards_blinds_nobody(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    back_ms = START_MS - 3_600_000
    run(leader, back_ms - 20_000, back_ms - 10_000)
    run(leader, START_MS, START_MS + 20_000)
    around.sent.clear()
    for step in range(60):
        leader.tick(back_ms + step * 500, START_MS / 1_000 + 21 + step / 2)
    assert around.slots_of(SHOP) == slots(SHOP, back_ms, back_ms + 29_500)
