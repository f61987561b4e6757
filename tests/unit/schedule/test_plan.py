"""The plan: every slot comes up once, in order, and an edit neither drops nor doubles one."""

import random
import sys
from collections.abc import Callable
from itertools import islice
from types import FrameType
from typing import Any

from sitemon.model.schedule import Ended, Past, Started
from sitemon.schedule.plan import DueSlot, Plan, Watch
from sitemon.schedule.slots import next_slot_ms

Trace = Callable[[FrameType, str, Any], Any]
START_MS = 1_790_000_000_000
SHOP = Watch("shop", "default")
BLOG = Watch("blog", "default")


def slots_between(watch: Watch, interval_ms: int, after_ms: int, until_ms: int) -> list[DueSlot]:
    found = []
    slot_ms = next_slot_ms(watch.site, interval_ms, after_ms)
    while slot_ms <= until_ms:
        found.append(DueSlot(*watch, slot_ms))
        slot_ms += interval_ms
    return found


def plan_of(wanted: dict[Watch, int], at_ms: int = START_MS) -> Plan:
    plan = Plan()
    plan.edit(wanted, at_ms)
    return plan


def test_every_slot_comes_up_exactly_once_however_often_one_looks() -> None:
    wanted = {Watch(f"site-{n}", "default"): 1_000 + 700 * n for n in range(20)}
    plan, rng, now_ms = plan_of(wanted), random.Random(4), START_MS
    taken: list[DueSlot] = []
    while now_ms < START_MS + 60_000:
        now_ms += rng.randint(1, 900)
        taken += plan.due(now_ms).run
    expected = [slot for watch, ms in wanted.items() for slot in slots_between(watch, ms, START_MS, now_ms)]
    assert sorted(taken) == sorted(expected)


def test_slots_come_up_oldest_first() -> None:
    plan = plan_of({SHOP: 2_000, BLOG: 3_000})
    run = plan.due(START_MS + 2_900).run
    assert [slot.slot_ms for slot in run] == sorted(slot.slot_ms for slot in run)


def test_after_a_stop_the_newest_passed_slot_runs_and_older_ones_are_missed() -> None:
    plan = plan_of({SHOP: 10_000})
    now_ms = START_MS + 60_000
    due = plan.due(now_ms)
    expected = slots_between(SHOP, 10_000, START_MS, now_ms)
    assert due.missed + due.run == expected
    assert expected[-1] in due.run
    assert all(now_ms - slot.slot_ms <= 12_000 for slot in due.run)
    assert all(now_ms - slot.slot_ms > 12_000 for slot in due.missed)


def test_a_changed_interval_counts_from_its_first_slot_after_the_edit() -> None:
    plan = plan_of({SHOP: 60_000})
    edited_ms = START_MS + 100_000
    plan.due(edited_ms)
    [event] = plan.edit({SHOP: 7_000}, edited_ms)
    first_ms = next_slot_ms("shop", 7_000, edited_ms)
    assert event == Started(site="shop", region="default", at_ms=edited_ms, interval_ms=7_000, from_slot_ms=first_ms)
    assert plan.due(edited_ms + 8_000).run == slots_between(SHOP, 7_000, edited_ms, edited_ms + 8_000)


def test_an_edit_that_changes_nothing_says_nothing() -> None:
    plan = plan_of({SHOP: 10_000, BLOG: 5_000})
    assert plan.edit({BLOG: 5_000, SHOP: 10_000}, START_MS + 1) == []


def test_a_removed_site_ends_and_comes_up_no_more() -> None:
    plan = plan_of({SHOP: 10_000, BLOG: 1_000})
    assert plan.edit({BLOG: 1_000}, START_MS) == [Ended(site="shop", region="default", at_ms=START_MS)]
    assert {slot.site for slot in plan.due(START_MS + 11_000).run} == {"blog"}
    assert len(plan) == 1


def test_the_parts_of_an_edit_come_to_the_whole() -> None:
    plan = plan_of({Watch(f"old-{n}", "eu"): 1_000 for n in range(5)} | {SHOP: 9_000, BLOG: 1_000})
    changes = plan.changes({SHOP: 2_000, BLOG: 1_000} | {Watch(f"new-{n}", "us"): 1_000 for n in range(5)})
    parts = [plan.make(islice(changes, 2), START_MS + part) for part in range(6)]
    assert [len(part) for part in parts] == [2, 2, 2, 2, 2, 1]
    assert len(plan) == 7
    assert set(plan.regions) == {"default", "us"}
    assert {slot.site for slot in plan.due(START_MS + 1_100).run} >= {"blog", *(f"new-{n}" for n in range(5))}


def test_a_region_is_watched_as_long_as_a_site_is() -> None:
    far = Watch("shop", "eu")
    plan = plan_of({SHOP: 1_000, BLOG: 1_000, far: 1_000})
    assert set(plan.regions) == {"default", "eu"}
    plan.edit({SHOP: 2_000}, START_MS)
    assert set(plan.regions) == {"default"}
    again = Plan()
    again.restore(Past(plan.history(), START_MS), START_MS)
    assert set(again.regions) == {"default"}
    plan.edit({}, START_MS)
    assert set(plan.regions) == set()


def test_a_site_that_comes_back_is_not_sent_twice() -> None:
    plan = plan_of({SHOP: 1_000})
    plan.edit({}, START_MS)
    plan.edit({SHOP: 1_000}, START_MS)
    assert plan.due(START_MS + 2_500).run == slots_between(SHOP, 1_000, START_MS, START_MS + 2_500)


def test_a_restart_neither_repeats_nor_shifts_slots() -> None:
    before = plan_of({SHOP: 7_000, BLOG: 9_000})
    stopped_ms = START_MS + 50_000
    before.due(stopped_ms)
    after = Plan()
    after.restore(Past(before.history(), stopped_ms), stopped_ms)
    assert after.edit({SHOP: 7_000, BLOG: 9_000}, stopped_ms) == []
    assert after.due(stopped_ms + 9_000).run == before.due(stopped_ms + 9_000).run


def test_restored_history_makes_nothing_due_from_before_its_own_beginning() -> None:
    event = Started(site="shop", region="default", at_ms=START_MS, interval_ms=1_000, from_slot_ms=START_MS)
    plan = Plan()
    plan.restore(Past([event], None), sent_up_to_ms=START_MS - 60_000)
    assert all(slot.slot_ms > START_MS for slot in plan.due(START_MS + 500).run)


def test_what_redis_may_have_lost_is_due_again_as_far_as_it_is_not_too_late() -> None:
    plan = plan_of({SHOP: 10_000, BLOG: 3_600_000})
    now_ms = START_MS + 4_000_000
    plan.due(now_ms)
    plan.rewind_to_fresh(now_ms, now_ms)
    due = plan.due(now_ms)
    assert due.missed == []
    assert due.run == sorted(
        slots_between(SHOP, 10_000, now_ms - 12_001, now_ms)
        + slots_between(BLOG, 3_600_000, now_ms - 3_602_001, now_ms),
        key=lambda slot: slot.slot_ms,
    )


def test_after_a_long_stop_only_what_is_fresh_is_due() -> None:
    plan = plan_of({SHOP: 10_000})
    now_ms = START_MS + 3_600_000
    plan.skip_to_fresh(now_ms, START_MS)
    due = plan.due(now_ms)
    assert due.missed == []
    assert due.run == slots_between(SHOP, 10_000, now_ms - 12_001, now_ms)


def test_slots_come_up_in_order_while_edits_come_between_them() -> None:
    plan, rng, now_ms = Plan(), random.Random(7), START_MS
    wanted: dict[Watch, int] = {}
    taken: list[DueSlot] = []
    expected: list[DueSlot] = []
    since_ms: dict[Watch, int] = {}

    def account(watch: Watch) -> None:
        expected.extend(slots_between(watch, wanted[watch], since_ms[watch], now_ms))

    for _ in range(400):
        now_ms += rng.randint(1, 300)
        run = plan.due(now_ms).run
        assert [slot.slot_ms for slot in run] == sorted(slot.slot_ms for slot in run)
        taken += run
        watch = Watch(f"site-{rng.randrange(40)}", "default")
        if watch in wanted:
            account(watch)
            del wanted[watch]
        if rng.random() < 0.8:
            wanted[watch], since_ms[watch] = rng.choice((1_000, 1_001, 5_000, 60_000)), now_ms
        plan.edit(wanted, now_ms)
    for watch in wanted:
        account(watch)
    assert sorted(taken) == sorted(expected)


def test_the_next_due_slot_is_that_of_a_site_that_has_just_come() -> None:
    plan = plan_of({BLOG: 3_600_000})
    assert plan.next_due_ms == next_slot_ms("blog", 3_600_000, START_MS)
    plan.edit({BLOG: 3_600_000, SHOP: 1_000}, START_MS)
    assert plan.next_due_ms == next_slot_ms("shop", 1_000, START_MS)


def test_the_cost_of_a_tick_grows_with_what_is_due() -> None:
    plan = plan_of({Watch(f"site-{n}", "default"): 86_400_000 for n in range(1_000)} | {SHOP: 1_000})
    next_ms = plan.next_due_ms
    assert next_ms is not None
    assert len(plan.due(next_ms).run) == 1


def steps_a_slot(sites: int) -> float:
    """Return how many of Python's instructions it takes to take a slot of so many sites, a hundred due a second."""
    plan, steps, slots = plan_of({Watch(f"site-{n}", "default"): sites * 10 for n in range(sites)}), 0, 0

    def trace(frame: FrameType, event: str, _: object) -> Trace:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for now_ms in range(START_MS, START_MS + 2_000, 50):
            slots += len(plan.due(now_ms).run)
    finally:
        sys.settrace(before)
    return steps / slots


def test_a_due_slot_takes_no_more_of_many_sites_than_of_few() -> None:
    assert steps_a_slot(20_000) < 1.3 * steps_a_slot(200)
