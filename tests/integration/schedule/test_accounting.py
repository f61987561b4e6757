"""Every slot of the history is sent, or missed, or in an away stretch, whatever befell Redis, clocks and beats."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from sitemon.model.errors import LeaseLostError, UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Away, Ended, Past, ScheduleEvent, SentUpTo, Started, encode_event, past_of
from sitemon.model.site import Site
from sitemon.schedule import history
from sitemon.schedule.leader import AWAY_AFTER_MS, Leader
from sitemon.schedule.lease import LEASE_TTL_MS, Hold, Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, FailingLease, World, lapse, run, site_set, slots

FAST = Site(name="fast", url="http://fast.example/", interval_ms=1_000)
ASLEEP_MS = START_MS + 60_000
EDITED_MS = ASLEEP_MS + 11_500


class Dying(World):
    """A world whose beat is killed before it tells Kafka of such an event."""

    def __init__(self, client: redis.Redis, *sites: Site, before: type[ScheduleEvent]) -> None:
        super().__init__(client, *sites)
        self._before = before

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        if any(isinstance(event, self._before) for event in events):
            raise UnreachableError("the beat is killed here")
        super().publish_events(events)


def expected(events: Sequence[ScheduleEvent], site: Site, until_ms: int) -> list[int]:
    """Return the site's slots by the schedule's history, as the view `schedule_stretch` has them."""
    of_site = {e.at_ms: e for e in events if isinstance(e, Started | Ended) and e.site == site.name}
    at_ms = sorted(of_site)
    found: list[int] = []
    for at, following in zip(at_ms, [*at_ms[1:], until_ms], strict=True):
        event = of_site[at]
        if isinstance(event, Started):
            found += range(event.from_slot_ms, min(following, until_ms) + 1, event.interval_ms)
    return found


def sent_or_missed(site: Site, *worlds: World) -> list[int]:
    return sorted(
        {ms for around in worlds for ms in around.slots_of(site)}
        | {to_ms(r.slot_at) for around in worlds for r in around.missed if r.site == site.name}
    )


def accounted(site: Site, until_ms: int, *worlds: World) -> set[int]:
    """Return the site's slots that have a result, or lie in an away stretch."""
    away = [(e.from_ms, e.until_ms) for around in worlds for e in around.events if isinstance(e, Away)]
    events = [event for around in worlds for event in around.events]
    return set(sent_or_missed(site, *worlds)) | {
        ms for ms in expected(events, site, until_ms) if any(from_ms < ms <= to for from_ms, to in away)
    }


def kafka_past(*worlds: World) -> Past:
    newest = {event.key: encode_event(event) for around in worlds for event in around.events}
    return past_of(newest.values())


def snapshot(client: Any) -> dict[bytes, bytes]:
    return {key: client.dump(key) for key in client.keys("*")}


def restore(client: Any, kept: dict[bytes, bytes]) -> None:
    client.flushdb()
    for key, value in kept.items():
        client.restore(key, LEASE_TTL_MS if key.endswith(b":lease") else 0, value)


def edit_while_slots_wait(leader: Leader, around: World, edited: tuple[Site, ...]) -> None:
    """Lead until the worker falls asleep, and on until an edit; what became due in between waits in Redis."""
    run(leader, START_MS, ASLEEP_MS)
    around.worker = "asleep"
    run(leader, ASLEEP_MS + 500, ASLEEP_MS + 11_000)
    around.configured = site_set(*edited)
    leader.tick(EDITED_MS, EDITED_MS / 1_000)


def lose_what_waited(client: redis.Redis, around: World) -> None:
    around.sent = [batch for batch in around.sent if batch.earliest_slot_ms <= ASLEEP_MS]
    client.flushdb()


@pytest.mark.parametrize("edited", [(BLOG,), (BLOG, Site(name="shop", url=SHOP.url, interval_ms=25_000))])
def test_slots_of_before_an_edit_that_waited_in_a_lost_redis(client: redis.Redis, edited: tuple[Site, ...]) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    edit_while_slots_wait(leader, around, edited)
    lose_what_waited(client, around)
    around.worker = "swift"
    run(leader, EDITED_MS + 2_000, EDITED_MS + 10_000)
    until_ms = EDITED_MS + 8_000
    assert accounted(SHOP, until_ms, around) >= set(expected(around.events, SHOP, until_ms))


@pytest.mark.parametrize("edited", [(BLOG,), (BLOG, Site(name="shop", url=SHOP.url, interval_ms=25_000))])
def test_slots_of_before_an_edit_that_only_kafka_remembers(client: redis.Redis, edited: tuple[Site, ...]) -> None:
    before = World(client, SHOP, BLOG)
    edit_while_slots_wait(Leader(Lease(client), before), before, edited)
    lose_what_waited(client, before)
    after = World(client, *edited)
    after.past = kafka_past(before)
    run(Leader(Lease(client), after), EDITED_MS + 2_000, EDITED_MS + 10_000)
    events = before.events + after.events
    until_ms = EDITED_MS + 8_000
    assert accounted(SHOP, until_ms, before, after) >= set(expected(events, SHOP, until_ms))


def test_a_stray_of_a_region_in_which_nothing_is_watched_any_more(client: redis.Redis) -> None:
    far = Site(name="far", url="http://far.example/", interval_ms=10_000, regions=("eu",))
    around = World(client, BLOG, far)
    leader = Leader(Lease(client), around)
    slot_ms = slots(far, START_MS, START_MS + 10_000)[0]
    run(leader, START_MS, slot_ms - 1)
    around.worker = "dying"
    leader.tick(slot_ms, slot_ms / 1_000)
    around.sent.clear()
    around.worker = "swift"
    around.configured = site_set(BLOG)
    run(leader, slot_ms + 500, slot_ms + 60_000)
    lapse(client)
    after = World(client, BLOG)
    run(Leader(Lease(client), after), slot_ms + 61_000, slot_ms + 120_000)
    assert Ended(site="far", region="eu", at_ms=slot_ms + 500) in around.events
    assert sent_or_missed(far, around, after) == [slot_ms]


@pytest.mark.parametrize("edited", [(BLOG,), (BLOG, Site(name="fast", url=FAST.url, interval_ms=3_000))])
def test_a_site_added_while_the_clock_was_ahead_and_edited_after(client: redis.Redis, edited: tuple[Site, ...]) -> None:
    around = World(client, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 5_000)
    ahead_ms = START_MS + 65_000
    around.configured = site_set(BLOG, FAST)
    for n in range(4):
        leader.tick(ahead_ms + n * 500, (START_MS + 5_500 + n * 500) / 1_000)
    around.configured = site_set(*edited)
    run(leader, START_MS + 7_500, START_MS + 120_000)
    until_ms = START_MS + 118_000
    wanted, got = expected(around.events, FAST, until_ms), [ms for ms in sent_or_missed(FAST, around) if ms <= until_ms]
    assert sorted(set(wanted) - set(got)) == []


def test_redis_forgot_only_an_edit(client: redis.Redis) -> None:
    around = World(client, BLOG)
    leader = Leader(Lease(client), around)
    edited_ms = START_MS + 6_500
    run(leader, START_MS, edited_ms - 500)
    kept = snapshot(client)
    around.configured = site_set(BLOG, FAST)
    leader.tick(edited_ms, edited_ms / 1_000)
    restore(client, kept)
    run(leader, edited_ms + 500, edited_ms + 20_000)
    leader.resign()
    after = World(client, BLOG, FAST)
    until_ms = edited_ms + 40_000
    run(Leader(Lease(client), after), edited_ms + 25_000, until_ms)
    assert sent_or_missed(FAST, around, after) == expected(around.events + after.events, FAST, until_ms)


def test_redis_is_an_older_copy_in_which_a_site_has_not_ended(client: redis.Redis) -> None:
    around = World(client, BLOG, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    kept = snapshot(client)
    around.configured = site_set(BLOG)
    run(leader, START_MS + 10_500, START_MS + 40_000)
    restore(client, kept)
    lapse(client)
    run(leader, START_MS + 42_000, START_MS + 50_000)
    leader.resign()
    after = World(client, BLOG)
    run(Leader(Lease(client), after), START_MS + 80_000, START_MS + 90_000)
    assert sent_or_missed(SHOP, after) == []


def test_a_deposed_beat_does_not_note_as_told_what_another_has_yet_to_tell(client: redis.Redis) -> None:
    class Frozen(World):
        def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
            super().publish_events(events)
            if any(isinstance(event, Started) for event in events):
                lapse(self.client)
                taker = Leader(Lease(self.client), dying)
                with pytest.raises(UnreachableError):
                    run(taker, START_MS + 30_000, START_MS + 31_000)

    dying, frozen, last = Dying(client, BLOG, before=Ended), Frozen(client, SHOP, BLOG), World(client, BLOG)
    Leader(Lease(client), frozen).tick(START_MS, 0)
    lapse(client)
    until_ms = START_MS + 80_000
    run(Leader(Lease(client), last), START_MS + 40_000, until_ms)
    events = frozen.events + dying.events + last.events
    assert sent_or_missed(SHOP, frozen, dying, last) == expected(events, SHOP, until_ms)


def test_an_edit_just_after_the_clock_was_set_back_a_little(client: redis.Redis) -> None:
    around = World(client, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    mark_ms = int(client.get("{sitemon}:mark") or 0)
    edited_ms = mark_ms - 1_900
    around.configured = site_set(BLOG, FAST)
    leader.tick(edited_ms, (START_MS + 10_100) / 1_000)
    assert int(client.get("{sitemon}:mark") or 0) == mark_ms
    lapse(client)
    after = World(client, BLOG, FAST)
    until_ms = mark_ms + 5_000
    run(Leader(Lease(client), after), mark_ms + 100, until_ms, step_ms=100)
    assert sent_or_missed(FAST, around, after) == expected(around.events + after.events, FAST, until_ms)


def test_a_beat_that_led_before_another_whose_clock_is_behind(client: redis.Redis) -> None:
    first, second = World(client, BLOG), World(client, BLOG, FAST)
    leader = Leader(Lease(client), first)
    run(leader, START_MS, START_MS + 20_000)
    lapse(client)
    # A clock that is 10 s behind.
    other = Leader(Lease(client), second)
    run(other, START_MS + 14_000, START_MS + 16_000)
    lapse(client)
    first.configured = site_set(BLOG, FAST)
    until_ms = START_MS + 40_000
    run(leader, START_MS + 32_000, until_ms)
    assert sent_or_missed(FAST, first, second) == expected(first.events + second.events, FAST, until_ms)


def test_what_was_sent_since_the_clock_was_set_back_was_lost_too(client: redis.Redis) -> None:
    around = World(client, BLOG)
    leader = Leader(Lease(client), around)
    swept_ms = START_MS + 60_000
    run(leader, START_MS, swept_ms)
    around.worker = "asleep"
    around.configured = site_set(BLOG, FAST)
    back_ms = swept_ms - 30_000
    for now_ms in range(back_ms, back_ms + 3_001, 500):
        leader.tick(now_ms, swept_ms / 1_000 + 0.1)
    around.sent = [b for b in around.sent if not any(name == "fast" for name, _ in b.slots)]
    client.flushdb()
    around.worker = "swift"
    until_ms = back_ms + 20_000
    run(leader, back_ms + 10_000, until_ms)
    assert sent_or_missed(FAST, around) == expected(around.events, FAST, until_ms)


def test_kafka_has_stretches_and_was_never_told_how_far(client: redis.Redis) -> None:
    before = Dying(client, SHOP, before=SentUpTo)
    with pytest.raises(UnreachableError):
        Leader(Lease(client), before).tick(START_MS, 0)
    client.flushdb()
    after = World(client, SHOP)
    after.past = kafka_past(before)
    until_ms = START_MS + 60_000
    run(Leader(Lease(client), after), START_MS + 30_000, until_ms)
    events = before.events + after.events
    assert accounted(SHOP, until_ms, before, after) >= set(expected(events, SHOP, until_ms))


def test_what_is_left_of_a_batch_that_was_settled_by_half_is_struck_off(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 12_000)
    client.delete("checks.default")
    around.worker = "swift"
    for batch in around.sent:
        client.hdel("{sitemon}:outstanding", batch.id)  # Redis was killed before it kept all of `settle`
        client.zrem("{sitemon}:outstanding_slot", batch.id)
    run(leader, START_MS + 12_500, START_MS + 30_000)
    assert client.zcard("{sitemon}:outstanding_at:default") == 0


@pytest.mark.parametrize("how", ["lapsed", "resigned"])
def test_a_copy_of_redis_from_before_this_beat_took_over(client: redis.Redis, how: str) -> None:
    first, second = World(client, BLOG), World(client, BLOG, FAST)
    before = Leader(Lease(client), first)
    run(before, START_MS, START_MS + 20_000)
    kept = snapshot(client)
    if how == "resigned":
        before.resign()
    else:
        lapse(client)
        del kept[b"{sitemon}:lease"]
    leader = Leader(Lease(client), second)
    run(leader, START_MS + 20_500, START_MS + 23_000)
    restore(client, kept)  # the last seconds are lost
    until_ms = START_MS + 60_000
    run(leader, START_MS + 25_000, START_MS + 30_000)
    lapse(client)  # 6 s have passed
    run(leader, START_MS + 32_000, until_ms)
    missing = set(expected(first.events + second.events, FAST, until_ms)) - accounted(FAST, until_ms, first, second)
    assert sorted(missing) == []


def test_an_older_copy_of_redis_is_not_written_on(client: redis.Redis) -> None:
    around = World(client, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 9_000)
    # within 1.5 s of the last renewal on the monotonic clock
    mono_s = (START_MS + 9_000) / 1_000
    around.worker = "asleep"
    kept = snapshot(client)
    lost_ms = slots(FAST, START_MS + 9_000, START_MS + 10_000)[0]
    leader.tick(lost_ms, mono_s + 0.1)
    assert around.slots_of(FAST)[-1] == lost_ms
    around.sent.pop()  # waited in Redis
    restore(client, kept)
    around.worker = "swift"
    leader.tick(lost_ms + 1_000, mono_s + 0.2)
    run(leader, lost_ms + 2_000, lost_ms + 30_000)
    until_ms = lost_ms + 29_000
    assert sorted(set(expected(around.events, FAST, until_ms)) - accounted(FAST, until_ms, around)) == []


@pytest.mark.parametrize("edited", [(BLOG,), (BLOG, Site(name="shop", url=SHOP.url, interval_ms=25_000))])
def test_slots_of_before_an_edit_of_the_leader_before(client: redis.Redis, edited: tuple[Site, ...]) -> None:
    first, second = World(client, SHOP, BLOG), World(client, *edited)
    before = Leader(Lease(client), first)
    edit_while_slots_wait(before, first, edited)
    before.resign()
    second.worker = "asleep"
    leader = Leader(Lease(client), second)
    run(leader, EDITED_MS + 500, EDITED_MS + 3_000)
    second.sent.clear()
    lose_what_waited(client, first)
    second.worker = "swift"
    run(leader, EDITED_MS + 5_000, EDITED_MS + 15_000)
    until_ms = EDITED_MS + 13_000
    events = first.events + second.events
    assert sorted(set(expected(events, SHOP, until_ms)) - accounted(SHOP, until_ms, first, second)) == []


def test_an_edit_that_redis_missed_is_not_told_before_redis_has_it(client: redis.Redis) -> None:
    class DyingAfterwards(World):
        def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
            super().publish_events(events)
            if any(isinstance(event, Started) and event.site == "fast" for event in events):
                raise UnreachableError("the beat is killed here")

    around, lease = DyingAfterwards(client, BLOG), FailingLease(client)
    leader = Leader(lease, around)
    edited_ms = START_MS + 6_500
    run(leader, START_MS, edited_ms - 500)
    around.configured = site_set(BLOG, FAST)
    lease.is_redis_down = True
    with pytest.raises(UnreachableError):
        leader.tick(edited_ms, edited_ms / 1_000)
    lease.is_redis_down = False
    with pytest.raises(UnreachableError):
        leader.tick(edited_ms + 500, edited_ms / 1_000 + 0.5)
    lapse(client)
    after = World(client, BLOG, FAST)
    until_ms = edited_ms + 40_000
    run(Leader(Lease(client), after), edited_ms + 10_000, until_ms)
    assert sent_or_missed(FAST, around, after) == expected(around.events + after.events, FAST, until_ms)


def test_what_an_older_copy_of_redis_had_yet_to_tell_is_not_told_again(client: redis.Redis) -> None:
    class Snapping(World):
        kept: dict[bytes, bytes] | None = None

        def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
            super().publish_events(events)
            if any(isinstance(event, Started) and event.site == "fast" for event in events) and not self.kept:
                self.kept = snapshot(client)

    around = Snapping(client, BLOG, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 500)
    around.configured = site_set(BLOG)
    run(leader, START_MS + 1_000, START_MS + 2_000)
    assert around.kept
    restore(client, around.kept)
    run(leader, START_MS + 3_500, START_MS + 6_000)
    leader.resign()
    after = World(client, BLOG)
    run(Leader(Lease(client), after), START_MS + 7_000, START_MS + 60_000)
    assert [s for s in kafka_past(around, after).stretches if s.site == "fast"] == []


@pytest.mark.parametrize("is_same_beat", [True, False])
def test_slots_of_before_an_edit_by_a_clock_that_was_ahead(client: redis.Redis, *, is_same_beat: bool) -> None:
    before = World(client, BLOG, FAST)
    leader = Leader(Lease(client), before)
    run(leader, START_MS, START_MS + 60_000)
    before.worker = "asleep"
    run(leader, START_MS + 60_500, START_MS + 62_000)
    before.configured = site_set(BLOG)
    run(leader, START_MS + 62_500, START_MS + 63_000)
    before.sent = [batch for batch in before.sent if batch.earliest_slot_ms <= START_MS + 60_000]
    client.flushdb()
    before.worker = "swift"
    after = World(client, BLOG)
    after.past = kafka_past(before)
    until_ms = START_MS + 80_000
    run(leader if is_same_beat else Leader(Lease(client), after), START_MS + 30_000, until_ms)
    events = before.events + after.events
    assert set(expected(events, FAST, until_ms)) - accounted(FAST, until_ms, before, after) == set()


def test_slots_of_before_an_edit_that_waited_for_long_and_a_clock_that_was_ahead(client: redis.Redis) -> None:
    around = World(client, BLOG, FAST, worker="hung")
    leader = Leader(Lease(client), around)
    edited_ms = START_MS + AWAY_AFTER_MS + 30_000
    run(leader, START_MS, edited_ms)
    around.configured = site_set(BLOG)
    leader.tick(edited_ms + 500, edited_ms / 1_000 + 0.5)
    around.sent.clear()
    client.flushdb()
    around.worker = "swift"
    until_ms = edited_ms + 10_000
    run(leader, edited_ms - 10_000, until_ms)
    assert sorted(set(expected(around.events, FAST, until_ms)) - accounted(FAST, until_ms, around)) == []


def test_redis_lost_its_data_while_the_clock_was_set_back(client: redis.Redis) -> None:
    around = World(client, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 20_000)
    around.worker = "asleep"
    run(leader, START_MS + 20_500, START_MS + 30_000)
    around.sent = [batch for batch in around.sent if batch.earliest_slot_ms <= START_MS + 20_000]
    client.flushdb()
    around.worker = "swift"
    for n in range(60):
        leader.tick(START_MS + 26_000 + n * 500, (START_MS + 32_000 + n * 500) / 1_000)
    until_ms = START_MS + 50_000
    assert sorted(set(expected(around.events, FAST, until_ms)) - accounted(FAST, until_ms, around)) == []


def test_a_beat_is_killed_before_it_told_what_an_older_copy_of_redis_has_lost(client: redis.Redis) -> None:
    around = Dying(client, BLOG, SHOP, before=Away)
    leader = Leader(Lease(client), around)
    slot_ms = slots(SHOP, START_MS + 10_000, START_MS + 20_000)[0]
    run(leader, START_MS, slot_ms - 500)
    around.worker = "asleep"
    kept = snapshot(client)
    leader.tick(slot_ms, slot_ms / 1_000)
    around.configured = site_set(BLOG)
    leader.tick(slot_ms + 500, slot_ms / 1_000 + 0.5)
    around.sent = [batch for batch in around.sent if batch.earliest_slot_ms < slot_ms]
    restore(client, kept)
    with pytest.raises(UnreachableError):
        run(leader, slot_ms + 1_500, slot_ms + 4_000)
    lapse(client)
    after = World(client, BLOG)
    until_ms = slot_ms + 30_000
    run(Leader(Lease(client), after), slot_ms + 10_000, until_ms)
    events = around.events + after.events
    assert sorted(set(expected(events, SHOP, until_ms)) - accounted(SHOP, until_ms, around, after)) == []


def test_a_redis_that_loses_data_while_it_is_told_the_schedule_again_is_told_all_of_it(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(Lease):
        kept: dict[bytes, bytes] | None = None

        def renew(self) -> Hold:
            if self.kept is not None:
                restore(client, self.kept)
                self.kept = None
            return super().renew()

    monkeypatch.setattr(history, "EVENTS_PER_CALL", 1)
    lease = Losing(client)
    lease.acquire()
    lease.kept = snapshot(client)
    stretches = [Started(site=name, region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2) for name in "ab"]
    with pytest.raises(LeaseLostError):
        history.History(lease, World(client)).write_back(stretches)
