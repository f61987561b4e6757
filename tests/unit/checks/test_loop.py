"""The loop: callbacks in time, word from other threads, and coroutines that wait on it."""

import contextlib
import functools
import math
import os
import select
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from sitemon.checks.alarms import Alarms
from sitemon.checks.loop import Loop, Task
from sitemon.checks.owners import Owner
from sitemon.checks.poller import Poll
from sitemon.clock import monotonic_s
from tests.unit.checks.tasks import started

Found = list[Any]
POLLERS = [poller for poller in (getattr(select, "epoll", None), Poll) if poller]


@pytest.fixture(params=POLLERS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """Return a loop; every behaviour is shown with what each kind of system has."""
    monkeypatch.setattr("sitemon.checks.loop.new_poller", request.param)
    with contextlib.closing(Loop()) as made:
        yield made


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def turn_until(loop: Loop, is_true: Callable[[], bool]) -> None:
    deadline_s = monotonic_s() + 30
    while not is_true():
        assert monotonic_s() < deadline_s, "it did not come true in time"
        loop.run_once(0.1)


def test_an_alarm_rings_once_and_not_before_its_time() -> None:
    alarms, rung = Alarms(), Found()
    alarms.set(10.0, lambda: rung.append("ten"))
    alarms.set(10.5, lambda: rung.append("later"))
    alarms.ring(9.999)
    assert rung == []
    assert alarms.next_s() == pytest.approx(10.0)
    alarms.ring(10.01)
    alarms.ring(10.02)
    assert rung == ["ten"]


def test_an_alarm_that_was_called_off_does_not_ring_and_others_of_its_moment_do() -> None:
    alarms, rung = Alarms(), Found()

    def ring() -> None:
        rung.append("called off")

    grain = alarms.set(1.0, ring)
    alarms.set(1.0, lambda: rung.append("other"))
    alarms.call_off(grain, ring)
    alarms.ring(2.0)
    alarms.call_off(grain, ring)
    assert rung == ["other"]


def test_an_alarm_that_fails_silences_no_other() -> None:
    alarms, rung = Alarms(), Found()

    def fail() -> None:
        raise RuntimeError

    for _ in range(3):
        alarms.set(1.0, functools.partial(rung.append, "one"))
        alarms.set(1.0, functools.partial(fail))
    for _ in range(3):
        with pytest.raises(RuntimeError):
            alarms.ring(2.0)
    alarms.ring(2.0)
    assert rung == ["one"] * 3
    assert alarms.next_s() == math.inf


def test_an_alarm_may_set_another() -> None:
    alarms, rung = Alarms(), Found()
    alarms.set(1.0, lambda: rung.append(alarms.set(1.0, lambda: rung.append("second"))))
    alarms.ring(2.0)
    assert rung[1:] == ["second"]


def test_a_call_from_another_thread_ends_the_wait(loop: Loop) -> None:
    for _ in range(2):
        called = threading.Event()
        caller = threading.Timer(0.05, loop.call, [called.set, Owner()])
        caller.start()
        began_s = monotonic_s()
        loop.run_once(10)
        caller.join()
        assert called.is_set()
        assert monotonic_s() - began_s < 5


def test_a_wake_before_the_wait_is_not_lost(loop: Loop) -> None:
    loop.wake()
    began_s = monotonic_s()
    loop.run_once(10)
    assert monotonic_s() - began_s < 5


def test_a_turn_waits_no_longer_than_it_may(loop: Loop) -> None:
    began_s = monotonic_s()
    loop.run_once(0.05)
    assert 0.04 < monotonic_s() - began_s < 5


def test_an_event_is_not_taken_for_one_of_a_socket_that_got_the_same_number(loop: Loop, pipe: tuple[int, int]) -> None:
    """Both ends are ready; the first closes a third file and watches a new one, which gets its number."""
    other_reader, other_writer = os.pipe()
    os.write(other_writer, b"a")
    os.write(pipe[1], b"a")
    seen = Found()

    def replace(number: int, other: int) -> Callable[[int], None]:
        def on_ready(_: int) -> None:
            for watched in (number, other):
                loop.unwatch(watched)
            loop.watch(other, select.POLLOUT, lambda *event: seen.append(event), Owner())

        return on_ready

    loop.watch(pipe[0], select.POLLIN, replace(pipe[0], other_reader), Owner())
    loop.watch(other_reader, select.POLLIN, replace(other_reader, pipe[0]), Owner())
    loop.run_once(1)
    assert seen == []
    for end in (other_reader, other_writer):
        os.close(end)


def test_a_task_waits_for_a_socket_or_for_its_time(loop: Loop, pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    found = Found()

    async def wait(task: Task) -> None:
        found.append(await task.ready({reader: select.POLLIN}, 0.02))
        os.write(writer, b"a")
        found.append(await task.ready({reader: select.POLLIN}, 10))

    started(loop, wait)
    turn_until(loop, lambda: len(found) == 2)
    assert found == [None, reader]


def test_a_task_waits_for_an_event_of_another_thread(loop: Loop) -> None:
    found = Found()

    async def wait(task: Task) -> None:
        event = task.event()
        found.append(await event.wait(0.02))
        setter = threading.Timer(0.05, event.set)
        setter.start()
        found.extend([await event.wait(10), event.is_set(), await event.wait(10)])
        setter.join()

    started(loop, wait)
    turn_until(loop, lambda: len(found) == 4)
    assert found == [False, True, True, True]


def test_an_event_that_is_set_late_wakes_nobody(loop: Loop) -> None:
    """The task has given up the first event and waits for the second."""
    found = Found()

    async def wait(task: Task) -> None:
        late, second = task.event(), task.event()
        await late.wait(0.01)
        late.set()
        found.append(await second.wait(0.1))

    started(loop, wait)
    began_s = monotonic_s()
    turn_until(loop, lambda: bool(found))
    assert (found, monotonic_s() - began_s > 0.1) == ([False], True)


def test_an_abandoned_task_gives_back_what_it_holds(loop: Loop, pipe: tuple[int, int]) -> None:
    found = Found()

    async def wait(task: Task) -> None:
        try:
            await task.ready({pipe[0]: select.POLLIN}, 10)
        finally:
            found.append("given back")

    task = started(loop, wait)
    task.abandon()
    os.write(pipe[1], b"a")
    loop.run_once(0.01)
    assert found == ["given back"]
    loop.watch(pipe[0], select.POLLIN, lambda *_: None, Owner())  # or it would say that it is watched already


def test_what_a_task_waits_for_is_ended_by_another_thread(loop: Loop, pipe: tuple[int, int]) -> None:
    found = Found()

    async def wait(task: Task) -> None:
        try:
            await task.ready({pipe[0]: select.POLLIN}, 10)
        except ArithmeticError as exc:
            found.append(exc)

    task, error = started(loop, wait), ArithmeticError("ended")
    for _ in range(2):
        ending = threading.Thread(target=task.end_by, args=(error,))
        ending.start()
        ending.join()
    os.write(pipe[1], b"a")
    loop.run_once(1)
    loop.run_once(0)
    assert found == [error]
    loop.watch(pipe[0], select.POLLIN, lambda *_: None, Owner())


def test_tasks_wait_beside_each_other(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    found, now_s = Found(), 1000.0
    monkeypatch.setattr("sitemon.checks.loop.monotonic_s", lambda: now_s)

    def waiting(seconds: float) -> Callable[[Task], Coroutine[Any, Any, None]]:
        async def wait(task: Task) -> None:
            await task.event().wait(seconds)
            found.append(seconds)

        return wait

    for seconds in (0.3, 0.1, 0.2):
        started(loop, waiting(seconds))
    for moment_s in (0.05, 0.15, 0.25, 0.35):
        now_s = 1000.0 + moment_s
        loop.run_once(0)
        assert found == [seconds for seconds in (0.1, 0.2, 0.3) if seconds < moment_s]


def test_a_socket_that_nobody_watches_any_more_wakes_nobody_twice(loop: Loop, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"a")
    loop.watch(pipe[0], select.POLLIN, lambda *_: None, Owner())
    loop.unwatch(pipe[0])
    loop.run_once(0.05)
    began_s = monotonic_s()
    loop.run_once(0.05)
    assert monotonic_s() - began_s > 0.04


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_number_is_watched_anew(loop: Loop, *, is_closed: bool) -> None:
    """Whether it is still that of the same file or not, and whatever was said of it."""
    seen = Found()
    reader, writer = os.pipe()
    loop.watch(reader, select.POLLIN, lambda *_: seen.append("first"), Owner())
    loop.unwatch(reader)
    if is_closed:
        # Not closed first: another thread could get the numbers.
        for new, number in zip(os.pipe(), (reader, writer), strict=True):
            os.dup2(new, number)
            os.close(new)
    loop.watch(reader, select.POLLIN, lambda *_: seen.append("second"), Owner())
    os.write(writer, b"a")
    turn_until(loop, lambda: bool(seen))
    assert seen == ["second"]
    os.close(reader)
    os.close(writer)


def test_what_happens_to_a_socket_that_was_left_happens_to_nobody_who_gets_its_number(loop: Loop) -> None:
    """It is not over: for a moment, a process that is being started has it too."""
    seen = Found()
    reader, writer = os.pipe()
    elsewhere = os.dup(reader)
    loop.watch(reader, select.POLLIN, seen.append, Owner())
    loop.unwatch(reader)
    new = os.pipe()
    os.dup2(new[0], reader)
    loop.watch(reader, select.POLLIN, seen.append, Owner())
    os.write(writer, b"a")
    loop.run_once(0.05)
    assert seen == []
    for end in (reader, writer, elsewhere, *new):
        os.close(end)
