"""The plan: every slot comes up once, in order, and what is taken neither drops nor doubles one."""

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest

from sitemon.model.schedule import Ended, Watch
from sitemon.model.site import Site
from sitemon.schedule.leader import spacing_s
from sitemon.schedule.plan import DueSlot, Plan
from sitemon.schedule.slots import next_slot_ms
from tests.unit.schedule import events
from tests.unit.schedule.events import started

Trace = Callable[[FrameType, str, Any], Any]
START_MS = 1_790_000_000_000
SHOP = Watch("shop", "default")
BLOG = Watch("blog", "default")


def plan_of(wanted: dict[Watch, int]) -> Plan:
    return events.plan_of(wanted, START_MS)


def end(plan: Plan, watch: Watch) -> None:
    plan.take(Ended(site=watch.site, region=watch.region, at_ms=START_MS))


def slots_between(watch: Watch, interval_ms: int, after_ms: int, until_ms: int) -> list[DueSlot]:
    first_ms = next_slot_ms(watch.site, interval_ms, after_ms)
    return [(*watch, slot_ms) for slot_ms in range(first_ms, until_ms + 1, interval_ms)]


def test_every_slot_comes_up_exactly_once_however_often_one_looks() -> None:
    wanted = {Watch(f"site-{n}", "default"): 1_000 + 700 * n for n in range(20)}
    plan, rng, now_ms = plan_of(wanted), random.Random(4), START_MS
    taken: list[DueSlot] = []
    while now_ms < START_MS + 60_000:
        now_ms += rng.randint(1, 900)
        taken += plan.due(now_ms)[0]
    expected = [slot for watch, ms in wanted.items() for slot in slots_between(watch, ms, START_MS, now_ms)]
    assert sorted(taken) == sorted(expected)


def test_slots_come_up_oldest_first() -> None:
    due, until_ms = plan_of({SHOP: 2_000, BLOG: 3_000}).due(START_MS + 2_900)
    assert [slot_ms for *_, slot_ms in due] == sorted(slot_ms for *_, slot_ms in due)
    assert until_ms == START_MS + 2_900


def test_what_is_due_comes_in_parts_that_end_with_a_moment() -> None:
    wanted = {Watch(f"site-{n}", region): 1_000 for n in range(20) for region in ("eu", "us")}
    plan, now_ms, until_ms = plan_of(wanted), START_MS + 1_000, START_MS
    taken: list[DueSlot] = []
    sizes: list[int] = []
    while until_ms < now_ms:
        before_ms = until_ms
        due, until_ms = plan.due(now_ms, 7)
        assert all(before_ms < slot_ms <= until_ms for *_, slot_ms in due)
        taken += due
        sizes.append(len(due))
    assert sizes == [8, 8, 8, 8, 8]  # both regions have the same moments
    assert sorted(taken) == sorted(slot for watch in wanted for slot in slots_between(watch, 1_000, START_MS, now_ms))


def test_after_a_stop_slots_that_are_too_late_are_skipped() -> None:
    plan, now_ms = plan_of({SHOP: 10_000, BLOG: 3_600_000}), START_MS + 4_000_000
    due, _ = plan.due(now_ms)
    assert sorted(due) == sorted(
        slots_between(SHOP, 10_000, now_ms - 12_001, now_ms)
        + slots_between(BLOG, 3_600_000, now_ms - 3_602_001, now_ms)
    )
    assert plan.due(now_ms + 10_000)[0] == slots_between(SHOP, 10_000, now_ms, now_ms + 10_000)


def test_an_event_counts_from_its_first_slot() -> None:
    plan = plan_of({SHOP: 60_000})
    edited_ms = START_MS + 100_000
    plan.due(edited_ms)
    plan.take(started(SHOP, 7_000, edited_ms))
    assert plan.due(edited_ms + 8_000)[0] == slots_between(SHOP, 7_000, edited_ms, edited_ms + 8_000)


def test_a_site_that_ended_comes_up_no_more_and_one_that_comes_back_is_not_sent_twice() -> None:
    plan = plan_of({SHOP: 1_000, BLOG: 1_000})
    end(plan, SHOP)
    assert len(plan) == 1
    assert {Watch(site, region) for site, region, _ in plan.due(START_MS + 1_100)[0]} == {BLOG}
    plan.take(started(SHOP, 1_000, START_MS + 1_100))
    plan.take(started(SHOP, 1_000, START_MS + 1_100))
    due, _ = plan.due(START_MS + 3_000)
    assert [slot for slot in due if slot[:2] == SHOP] == slots_between(SHOP, 1_000, START_MS + 1_100, START_MS + 3_000)


def test_what_never_was_watched_may_end() -> None:
    plan = plan_of({SHOP: 1_000})
    end(plan, BLOG)
    assert len(plan) == 1


def site(name: str, interval_ms: int, timeout_s: float = 10.0) -> Site:
    return Site(name=name, url="http://x.example/", interval_ms=interval_ms, timeout_s=timeout_s)


def test_it_lacks_what_is_new_or_changed_and_what_has_to_end() -> None:
    gone, slow = Watch("gone", "eu"), Watch("slow", "eu")
    plan = plan_of({SHOP: 10_000, BLOG: 10_000, gone: 1_000, slow: 1_000})
    shop, blog, wiki = site("shop", 10_000), site("blog", 20_000), site("wiki", 10_000)
    patient = site("slow", 1_000, timeout_s=30.0)
    wanted = {SHOP: shop, BLOG: blog, Watch("wiki", "us"): wiki, slow: patient}
    assert list(plan.lacks(wanted, 1)) == [(gone, None), (BLOG, blog), (Watch("wiki", "us"), wiki), (slow, patient)]


def test_it_lacks_a_site_whose_labels_have_changed() -> None:
    plan, shop = plan_of({SHOP: 10_000}), site("shop", 10_000)
    web = msgspec.structs.replace(shop, labels={"team": "web"})
    assert list(plan.lacks({SHOP: web}, 1)) == [(SHOP, web)]
    plan.take(msgspec.structs.replace(started(SHOP, 10_000, START_MS), labels={"team": "web"}))
    assert list(plan.lacks({SHOP: web}, 1)) == []
    assert list(plan.lacks({SHOP: shop}, 1)) == [(SHOP, shop)]


def test_it_lacks_what_was_told_before_all_is_told_again() -> None:
    plan, shop, blog = plan_of({SHOP: 10_000, BLOG: 10_000}), site("shop", 10_000), site("blog", 10_000)
    plan.take(started(BLOG, 10_000, START_MS, sequence=7))
    assert list(plan.lacks({SHOP: shop, BLOG: blog}, 7)) == [(SHOP, shop)]


def test_what_it_takes_meanwhile_it_lacks_no_more() -> None:
    wanted = {Watch(f"new-{n}", "us"): site(f"new-{n}", 1_000) for n in range(5)}
    plan = plan_of({})
    lacking = plan.lacks(wanted, 1)
    next(lacking)
    for watch in list(wanted)[:4]:
        plan.take(started(watch, 1_000, START_MS))
    assert list(lacking) == [(Watch("new-4", "us"), wanted[Watch("new-4", "us")])]


def test_slots_come_up_in_order_while_edits_come_between_them() -> None:
    plan, rng, now_ms = Plan(), random.Random(7), START_MS
    wanted: dict[Watch, tuple[int, int]] = {}
    taken: list[DueSlot] = []
    expected: list[DueSlot] = []
    for _ in range(400):
        now_ms += rng.randint(1, 300)
        due, _ = plan.due(now_ms)
        assert [slot_ms for *_, slot_ms in due] == sorted(slot_ms for *_, slot_ms in due)
        taken += due
        watch = Watch(f"site-{rng.randrange(40)}", "default")
        if watch in wanted:
            expected += slots_between(watch, *wanted.pop(watch), now_ms)
            end(plan, watch)
        if rng.random() < 0.8:
            wanted[watch] = rng.choice((1_000, 1_001, 5_000, 60_000)), now_ms
            plan.take(started(watch, *wanted[watch]))
    for watch, since in wanted.items():
        expected += slots_between(watch, *since, now_ms)
    assert sorted(taken) == sorted(expected)


def test_the_next_due_slot_is_that_of_a_site_that_has_just_come() -> None:
    plan = plan_of({BLOG: 3_600_000})
    assert plan.next_due_ms == next_slot_ms("blog", 3_600_000, START_MS)
    plan.take(started(SHOP, 1_000, START_MS))
    assert plan.next_due_ms == next_slot_ms("shop", 1_000, START_MS)


def test_the_cost_of_a_tick_grows_with_what_is_due() -> None:
    plan = plan_of({Watch(f"site-{n}", "default"): 86_400_000 for n in range(1_000)} | {SHOP: 1_000})
    next_ms = plan.next_due_ms
    assert next_ms is not None
    assert len(plan.due(next_ms)[0]) == 1


def steps_of(act: Callable[[], int]) -> float:
    """Return how many of Python's instructions an act takes for each of the things that it says it did."""
    steps = 0

    def trace(frame: FrameType, event: str, _: object) -> Trace:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        done = act()
    finally:
        sys.settrace(before)
    return steps / done


def steps_a_slot(sites: int) -> float:
    """Return what it takes to take a slot of so many sites, a hundred due a second."""
    plan = plan_of({Watch(f"site-{n}", "default"): sites * 10 for n in range(sites)})
    return steps_of(lambda: sum(len(plan.due(now_ms)[0]) for now_ms in range(START_MS, START_MS + 2_000, 50)))


def test_a_due_slot_takes_no_more_of_many_sites_than_of_few() -> None:
    assert steps_a_slot(20_000) < 1.3 * steps_a_slot(200)


def steps_after(leap_ms: int) -> float:
    """Return what it takes to take a slot after a leap of the clock."""
    plan = plan_of({Watch(f"site-{n}", "default"): 10_000 for n in range(1_000)})
    return steps_of(lambda: len(plan.due(START_MS + leap_ms)[0]))


def test_a_leap_of_a_day_costs_no_more_than_one_of_a_minute() -> None:
    assert steps_after(86_400_000) < 1.1 * steps_after(60_000)


def test_it_knows_how_many_slots_become_due_a_second() -> None:
    plan = plan_of({SHOP: 500, BLOG: 4_000})
    assert plan.slots_a_second == pytest.approx(2.25)
    plan.take(started(SHOP, 1_000, START_MS, sequence=2))
    assert plan.slots_a_second == pytest.approx(1.25)
    end(plan, SHOP)
    assert plan.slots_a_second == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("slots_a_second", "least_s"), [(0.0, 0.15), (500, 0.15), (600, 0.125), (750, 0.1), (10_000, 0.1)]
)
def test_few_slots_wait_longer_for_others_to_travel_with(slots_a_second: float, least_s: float) -> None:
    assert spacing_s(slots_a_second) == pytest.approx(least_s)
