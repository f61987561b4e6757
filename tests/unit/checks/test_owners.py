"""The loop's time, where several owners have tasks: who took least goes on first, and nobody waits for ever."""

import contextlib
import functools
import os
import select
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from sitemon.checks.loop import ROUND_S, Loop, Task
from sitemon.checks.owners import HALF_LIFE_S, Owner, Owners
from sitemon.checks.poller import Poll
from tests.unit.checks.tasks import Clock, clock, started

__all__ = ["clock"]

Served = list[tuple[str, int, float]]
"""Whose socket went on, which, and how late we were for it."""
STEP_S = ROUND_S / 5
POLLERS = [poller for poller in (getattr(select, "epoll", None), Poll) if poller]


@pytest.fixture(params=POLLERS)
def loop(clock: Clock, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr("sitemon.checks.loop.new_poller", request.param)
    with contextlib.closing(Loop()) as made:
        yield made


@pytest.fixture
def ready() -> Iterator[list[int]]:
    """Twenty sockets that are ready, and stay so whatever is read."""
    made = [os.pipe() for _ in range(20)]
    for _, writer in made:
        os.write(writer, b"a")
    yield [reader for reader, _ in made]
    for ends in made:
        for end in ends:
            os.close(end)


def go_on_for_ever(loop: Loop, clock: Clock, owner: str, number: int, served: Served, at_most_s: float = 10) -> None:
    """Start a task to which something happens in each run, and which computes for a step each time."""

    async def go_on(task: Task) -> None:
        lag_s = 0.0
        while True:
            found = await task.ready({number: select.POLLIN}, at_most_s)
            served.append((owner if found else "time is up", number, task.lag_s - lag_s))
            lag_s = task.lag_s
            clock.compute(STEP_S)

    started(loop, go_on, owner)


def test_who_took_least_goes_first_and_of_others_as_many_as_there_is_time_for(
    clock: Clock, loop: Loop, ready: list[int]
) -> None:
    served: Served = []
    for number in ready[1:]:
        go_on_for_ever(loop, clock, "dear", number, served)
    loop.run_once(0)
    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for _ in range(50):
        served.clear()
        loop.run_once(0)
        owners = [owner for owner, _, _ in served]
        assert owners == ["cheap"] + ["dear"] * (len(owners) - 1)
        assert len(owners) == pytest.approx(ROUND_S / STEP_S, abs=1)


def test_those_who_wait_for_the_next_run_go_on_in_turn(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []
    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for number in ready[1:]:
        go_on_for_ever(loop, clock, "dear", number, served)
    for _ in range(40):
        loop.run_once(0)
    turns = [sum(number == served_number for _, served_number, _ in served) for number in ready[1:]]
    assert 2 * min(turns) > max(turns)


def test_what_was_put_off_was_there_since_it_was_found_first(clock: Clock, loop: Loop, ready: list[int]) -> None:
    """Each of the nineteen waits for the others of its own, which are ours to serve: none of them is slow."""
    served: Served = []
    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for number in ready[1:]:
        go_on_for_ever(loop, clock, "dear", number, served)
    for _ in range(20):
        loop.run_once(0)
    lags_s = [lag_s for owner, _, lag_s in served[-10:] if owner == "dear"]
    assert min(lags_s) > 2 * ROUND_S


def test_who_is_called_after_that_was_not_there_so_long(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []
    lags_s: list[float] = []
    for number in ready:
        go_on_for_ever(loop, clock, f"owner {number}", number, served)

    async def wait_for_each(task: Task) -> None:
        while True:
            event, lag_s = task.event(), task.lag_s
            loop.call(event.set, Owner())
            await event.wait(10)
            lags_s.append(task.lag_s - lag_s)

    for _ in range(5):
        loop.run_once(0)
    started(loop, wait_for_each)
    for _ in range(20):
        loop.run_once(0)
    assert len(lags_s) >= 5
    assert max(lags_s) < 2 * ROUND_S < max(lag_s for _, _, lag_s in served)


@pytest.mark.parametrize("is_called", [False, True])
def test_of_those_whose_time_is_up_or_who_are_called_as_many_go_on_as_there_is_time_for(
    clock: Clock, loop: Loop, ready: list[int], *, is_called: bool
) -> None:
    served: Served = []

    async def try_again(task: Task) -> None:
        while True:
            if is_called:
                task.call(functools.partial(task.wake, True))
            await task.parked(10 if is_called else STEP_S)
            served.append(("dear", 0, 0.0))
            clock.compute(STEP_S)

    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for _ in range(20):
        started(loop, try_again, "dear")
    counts = Counter[str]()
    for _ in range(40):
        served.clear()
        loop.run_once(0)
        counts.update(owner for owner, _, _ in served)
        assert len(served) <= ROUND_S / STEP_S + 1
    assert counts["cheap"] >= 35
    assert counts["dear"] >= 100


def test_nobody_waits_for_what_may_happen_while_something_is_ready(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []
    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for number in ready[1:]:
        go_on_for_ever(loop, clock, "dear", number, served)
    loop.run_once(0)
    for number in ready:
        os.read(number, 1)
    began_s = time.monotonic()
    loop.run_once(20)
    assert time.monotonic() - began_s < 10


def test_time_is_up_for_nobody_whose_socket_was_put_off(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []
    go_on_for_ever(loop, clock, "cheap", ready[0], served)
    for number in ready[1:]:
        go_on_for_ever(loop, clock, "dear", number, served, at_most_s=2 * STEP_S)
    for _ in range(20):
        loop.run_once(0)
    assert "time is up" not in {owner for owner, _, _ in served}
    assert {number for _, number, _ in served} == set(ready)


def test_what_happened_to_a_socket_that_is_left_happened_to_nobody_who_gets_its_number(
    clock: Clock, loop: Loop, ready: list[int]
) -> None:
    """One task goes on because of the first of two sockets; the second was ready too, and had to wait."""
    found: list[int | None] = []

    async def go_on_once(task: Task, numbers: list[int], at_most_s: float) -> None:
        found.append(await task.ready(dict.fromkeys(numbers, select.POLLIN), at_most_s))
        clock.compute(2 * ROUND_S)

    go_on_for_ever(loop, clock, "other", ready[0], [])
    started(loop, lambda task: go_on_once(task, ready[1:3], 10), "dear")
    while not found:
        loop.run_once(0)
    for number in ready[1:3]:
        os.read(number, 1)
    started(loop, lambda task: go_on_once(task, ready[1:3], 1), "dear")
    for _ in range(3):
        clock.compute(0.5)
        loop.run_once(0)
    assert found[0] in ready[1:3]
    assert found[1:] == [None]


def test_a_step_that_fails_keeps_no_other_from_what_happened_to_it(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []

    async def fail(task: Task, number: int) -> None:
        await task.ready({number: select.POLLIN}, 10)
        raise RuntimeError

    for number in ready[:10]:
        started(loop, functools.partial(fail, number=number))
    for number in ready[10:]:
        go_on_for_ever(loop, clock, "other", number, served)
    for _ in range(10 + len(ready)):
        with contextlib.suppress(RuntimeError):
            loop.run_once(0)
    assert {number for _, number, _ in served} == set(ready[10:])


def test_one_owner_alone_waits_for_nothing(clock: Clock, loop: Loop, ready: list[int]) -> None:
    served: Served = []
    for number in ready:
        go_on_for_ever(loop, clock, "alone", number, served)
    loop.run_once(0)
    assert sorted(number for _, number, _ in served) == sorted(ready)


def test_what_was_taken_fades_and_whose_tasks_have_ended_is_forgotten() -> None:
    owners = Owners(0.0)
    busy, idle = owners.of("busy"), owners.of("idle")
    busy.spent_s = idle.spent_s = 1.0
    busy.tasks = 1
    owners.fade(0.5 * HALF_LIFE_S)
    assert busy.spent_s == 1.0
    owners.fade(2 * HALF_LIFE_S)
    assert busy.spent_s == pytest.approx(0.25)
    owners.fade(30 * HALF_LIFE_S)
    several = []
    for waiting in ([], ["busy"], ["other"]):
        owners.waiting = [*waiting]
        several.append(owners.are_several)
    assert several == [False, False, True]
    assert (owners.of("busy") is busy, owners.of("idle") is idle) == (True, False)


def test_a_task_that_ends_or_fails_is_counted_no_more(clock: Clock, loop: Loop) -> None:
    async def end(task: Task) -> None:
        clock.compute(STEP_S)

    async def fail(task: Task) -> None:
        clock.compute(STEP_S)
        raise RuntimeError

    started(loop, end, "one")
    with pytest.raises(RuntimeError):
        started(loop, fail, "one")
    owner = loop.owners.of("one")
    assert owner.tasks == 0
    assert owner.spent_s == pytest.approx(2 * STEP_S)
