"""Our own lag: what the loop knows of it, and what becomes of a check that it may have failed."""

import contextlib
import os
import select
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sitemon.checks.engine.jobs import Job, Jobs
from sitemon.checks.engine.protocol import always
from sitemon.checks.findings import Observation
from sitemon.checks.lag import is_doubtful
from sitemon.checks.loop import Loop, Task
from sitemon.checks.owners import Owner
from sitemon.checks.waiting import Move, run_here
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Phases
from sitemon.model.site import Site
from tests.unit.checks.tasks import Clock, clock, started

__all__ = ["clock"]

SHOP = Site(name="shop", url="http://shop.test/")


def seen(reason: Reason | None, latency_s: float, lag_s: float) -> Observation:
    return Observation(
        checked_at=datetime(2026, 11, 25, tzinfo=UTC),
        outcome=Outcome.UP if reason is None else Outcome.DOWN,
        reason=reason,
        http_code=None,
        latency_s=latency_s,
        lag_s=lag_s,
        phases_s=Phases(),
        is_match_found=None,
        ip=None,
        http_version=None,
        redirects=0,
        body_bytes=0,
        cert_expires_at=None,
        error=None,
        hops=(),
    )


def test_a_failure_of_ours_is_doubtful_whatever_it_is_called() -> None:
    refused = seen(Reason.CONNECT_ERROR, 0.1, 0.0)
    assert is_doubtful(msgspec.structs.replace(refused, is_ours=True))
    assert not is_doubtful(refused)


@pytest.fixture
def loop(clock: Clock) -> Iterator[Loop]:
    with contextlib.closing(Loop()) as made:
        yield made


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    made = [os.pipe() for _ in range(2)]
    yield made
    for ends in made:
        for end in ends:
            os.close(end)


def test_a_ready_socket_that_waits_for_other_callbacks_takes_no_time_of_its_check(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    async def wait(task: Task, reader: int) -> None:
        await task.ready({reader: select.POLLIN}, 10)
        clock.compute(0.05)

    tasks = [started(loop, lambda task, reader=reader: wait(task, reader)) for reader, _ in pipes]  # type: ignore[misc]
    for _, writer in pipes:
        os.write(writer, b"a")
    loop.run_once(0)
    assert sorted(task.lag_s for task in tasks) == pytest.approx([0, 0.05])
    assert max(task.now_s() for task in tasks) == pytest.approx(1000.1)


def test_to_be_without_cpu_in_the_midst_of_a_check_takes_no_time_of_it_either(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    async def wait(task: Task) -> None:
        clock.compute(0.01)
        clock.now_s += 1
        await task.ready({pipes[0][0]: select.POLLIN}, 10)

    loop.run_once(0)
    task = started(loop, wait)
    os.write(pipes[0][1], b"a")
    loop.run_once(0)
    assert task.lag_s == pytest.approx(1, abs=0.01)


def test_the_clock_of_a_check_that_has_no_cpu_for_a_moment_does_not_go_back(clock: Clock, loop: Loop) -> None:
    task, read_s = Task(loop, "sites.yaml"), []
    for _ in range(20):
        clock.now_s += 0.0001
        read_s.append(task.now_s())
    assert read_s == sorted(read_s)
    assert read_s[-1] == pytest.approx(1000.0005)


def test_what_came_while_we_were_busy_came_on_average_in_the_middle(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 10)

    task = started(loop, wait)
    loop.run_once(0)
    clock.compute(0.08)
    os.write(pipes[0][1], b"a")
    loop.run_once(0)
    assert task.lag_s == pytest.approx(0.04)


def test_no_time_passes_for_what_is_answered_while_we_are_stopped(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 10)

    task = started(loop, wait)
    loop.run_once(0)
    clock.now_s += 3
    os.write(pipes[0][1], b"a")
    loop.run_once(0)
    assert task.now_s() == pytest.approx(1000)
    assert task.lag_s == pytest.approx(3)


def test_nor_where_it_takes_us_a_while_to_find_what_is_there(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]], monkeypatch: Any
) -> None:
    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 10)

    class TakesAWhile:
        def __init__(self, poller: Any) -> None:
            self._poller = poller

        def __getattr__(self, name: str) -> Any:
            return getattr(self._poller, name)

        def poll(self, timeout_s: float, most: int) -> Any:
            clock.now_s += 0.001
            return self._poller.poll(timeout_s, most)

    task = started(loop, wait)
    loop.run_once(0)
    clock.now_s += 3
    os.write(pipes[0][1], b"a")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_poller", TakesAWhile(loop._poller))
        loop.run_once(1)
    assert task.now_s() == pytest.approx(1000, abs=0.01)


def test_a_site_that_has_not_answered_when_we_wake_up_had_that_time_too(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    found: list[float] = []

    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 2)
        found.extend((task.now_s(), task.lag_s))

    started(loop, wait)
    clock.now_s += 3
    loop.run_once(0)
    assert found == [pytest.approx(1003), pytest.approx(3)]


def test_a_check_that_began_after_we_were_stopped_has_no_share_in_that(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    found: list[float] = []

    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 0)
        found.append(task.now_s())

    loop.run_once(0)
    clock.now_s += 3
    started(loop, wait)
    clock.now_s += 0.01
    loop.run_once(0)
    assert found == [pytest.approx(1003.01)]


def test_a_wait_that_lasts_longer_than_asked_for_is_time_without_cpu(
    clock: Clock, loop: Loop, monkeypatch: Any
) -> None:
    class Oversleeps:
        def poll(self, timeout_s: float, _: int) -> list[tuple[int, int]]:
            clock.now_s += 3 * timeout_s
            return []

    monkeypatch.setattr(loop, "_poller", Oversleeps())
    loop.run_once(1)
    monkeypatch.undo()
    assert loop.stalled_s == pytest.approx(2)


class StoppedAround:
    """A poller that is stopped for 3 s, after it has looked or before; it looks for real."""

    def __init__(self, poller: Any, clock: Clock, is_after: bool, then: Callable[[], object]) -> None:
        self._poller = poller
        self._clock = clock
        self._is_after = is_after
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)

    def poll(self, *_: Any) -> Any:
        found = self._poller.poll(0, 10) if self._is_after else None
        self._clock.now_s += 3
        self._then()
        return self._poller.poll(0, 10) if found is None else found


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("has_work", [False, True])
def test_a_stop_just_before_or_after_the_kernel_looked_takes_no_time_of_a_check(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]], monkeypatch: Any, *, is_after: bool, has_work: bool
) -> None:
    async def wait(task: Task) -> None:
        await task.ready({pipes[0][0]: select.POLLIN}, 10)

    task = started(loop, wait)
    loop.run_once(0)
    stopped = StoppedAround(loop._poller, clock, is_after, lambda: os.write(pipes[0][1], b"a"))
    if has_work:
        loop.call(lambda: None, Owner())
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_poller", stopped)
        loop.run_once(0 if has_work else 0.02)
    if is_after:
        loop.run_once(0.02)
    assert task.now_s() == pytest.approx(1000, abs=0.03)


def test_a_stop_after_the_kernel_found_what_is_anothers_takes_no_time_of_a_check_either(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]], monkeypatch: Any
) -> None:
    """What came of this check meanwhile is found by the next look alone."""
    (first, first_writer), (second, second_writer) = pipes

    async def wait(task: Task, reader: int) -> None:
        await task.ready({reader: select.POLLIN}, 10)

    started(loop, lambda task: wait(task, first))
    task = started(loop, lambda task: wait(task, second))
    loop.run_once(0)
    os.write(first_writer, b"a")
    stopped = StoppedAround(loop._poller, clock, True, lambda: os.write(second_writer, b"a"))
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_poller", stopped)
        loop.run_once(0.02)
    loop.run_once(0.02)
    assert task.now_s() == pytest.approx(1000, abs=0.03)


def test_what_came_during_a_stop_that_ended_the_wait_is_found_before_the_time_is_up(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]], monkeypatch: Any
) -> None:
    """Interrupted by the signal that has us go on, a wait whose time is over ends without another look."""
    found: list[int | None] = []

    async def wait(task: Task) -> None:
        found.append(await task.ready({pipes[0][0]: select.POLLIN}, 1))

    class Interrupted:
        def poll(self, timeout_s: float, most: int) -> Any:
            if not timeout_s:
                return poller.poll(timeout_s, most)
            os.write(pipes[0][1], b"a")
            clock.now_s += 3
            return []

        def unregister(self, number: int) -> None:
            poller.unregister(number)

    poller = loop._poller
    task = started(loop, wait)
    loop.run_once(0)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_poller", Interrupted())
        loop.run_once(0.02)
    loop.run_once(0.02)
    assert found == [pipes[0][0]]
    assert task.now_s() == pytest.approx(1000, abs=0.03)


def test_bytes_that_were_there_before_the_deadline_are_in_time(
    clock: Clock, loop: Loop, pipes: list[tuple[int, int]]
) -> None:
    (first, first_writer), (second, second_writer) = pipes
    found: list[int | None] = []

    async def be_busy(task: Task) -> None:
        await task.ready({first: select.POLLIN}, 10)
        clock.compute(0.5)
        os.write(second_writer, b"a")
        clock.compute(2)

    async def wait(task: Task) -> None:
        found.append(await task.ready({second: select.POLLIN}, 1))

    started(loop, be_busy)
    started(loop, wait)
    os.write(first_writer, b"a")
    loop.run_once(0)
    loop.run_once(0)
    assert found == [second]


@pytest.mark.parametrize(
    ("reason", "latency_s", "lag_s", "is_ours"),
    [
        (Reason.TIMEOUT, 1.0, 0.3, True),
        (Reason.TOO_SLOW, 1.0, 0.3, True),
        (Reason.PROTOCOL_ERROR, 0.1, 3.0, True),
        (Reason.TIMEOUT, 1.0, 0.0, False),
        (Reason.TIMEOUT, 10.0, 1.0, False),
        (Reason.PROTOCOL_ERROR, 0.001, 0.05, False),
        (Reason.HTTP_STATUS, 0.1, 3.0, False),
        (Reason.CONNECT_ERROR, 0.1, 3.0, False),
        (None, 0.1, 3.0, False),
    ],
)
def test_a_failure_is_doubtful_when_we_were_late_for_a_good_part_of_its_time(
    reason: Reason | None, latency_s: float, lag_s: float, is_ours: bool
) -> None:
    assert is_doubtful(seen(reason, latency_s, lag_s)) == is_ours


@pytest.mark.parametrize("reason", [Reason.HTTP_STATUS, Reason.NO_MATCH, Reason.CONNECT_ERROR, Reason.TLS_ERROR])
def test_so_is_any_failure_of_a_server_that_waited_no_longer(reason: Reason) -> None:
    late = msgspec.structs.replace(seen(reason, 0.1, 3.0), has_left=True)
    late = msgspec.structs.replace(late, cert_expires_at=late.checked_at)
    assert is_doubtful(late)
    assert not is_doubtful(msgspec.structs.replace(late, has_left=False))
    assert not is_doubtful(msgspec.structs.replace(late, lag_s=0.0))


@pytest.mark.parametrize("outcome", [Outcome.UP, Outcome.DEGRADED])
def test_a_408_that_is_expected_counts(outcome: Outcome) -> None:
    reason = None if outcome is Outcome.UP else Reason.CERT_EXPIRING
    late = msgspec.structs.replace(seen(reason, 0.1, 3.0), outcome=outcome, has_left=True)
    assert not is_doubtful(late)


def later(_: float, __: Callable[[], None]) -> None:
    """Nothing is to wait for."""


def test_a_bad_certificate_is_none_of_our_doing() -> None:
    unseen = seen(Reason.TLS_ERROR, 0.1, 3.0)
    assert is_doubtful(unseen)
    assert not is_doubtful(msgspec.structs.replace(unseen, cert_expires_at=unseen.checked_at))


@pytest.mark.parametrize(("wanted", "results"), [([True, True], ["up"]), ([True, False], [])])
def test_a_doubtful_check_is_made_again_if_it_is_still_wanted(wanted: list[bool], results: list[str]) -> None:
    visits = [seen(Reason.TIMEOUT, 1.0, 3.0), seen(None, 0.1, 0.0)]
    found: list[str] = []

    async def visit(_: Site, __: Move) -> Observation:
        return visits.pop(0)

    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda one: found.append(one.outcome), lambda: wanted.pop(0)))
    while (permit := jobs.limit.take()) is not None:
        run_here(jobs.run(permit, visit, later))
    assert found == results
    assert (len(jobs.limit.waiting), wanted) == (0, [])


def test_whoever_waits_for_an_answer_gets_the_third_whatever_it_is() -> None:
    found: list[str] = []

    async def visit(_: Site, __: Move) -> Observation:
        return seen(Reason.TIMEOUT, 1.0, 3.0)

    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda one: found.append(one.outcome), always))
    visits = 0
    while (permit := jobs.limit.take()) is not None:
        visits += 1
        run_here(jobs.run(permit, visit, later))
    assert (visits, found) == (3, ["down"])


def fail(_: Site, __: Move) -> Awaitable[Observation]:
    raise RuntimeError("what nobody thought of")


def test_whatever_a_check_raises_whoever_waits_for_an_answer_gets_one(caplog: pytest.LogCaptureFixture) -> None:
    found: list[tuple[bool, str | None]] = []
    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda one: found.append((one.is_ours, one.error)), always))
    while (permit := jobs.limit.take()) is not None:
        run_here(jobs.run(permit, fail, lambda _, callback: callback()))
    assert found == [(True, "this process failed at the check")]
    assert caplog.text.count("engine.check_failed: the check of shop") == 3


def test_and_who_may_lose_interest_is_asked_again() -> None:
    wanted = [True, True, False]
    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda _: None, lambda: wanted.pop(0)))
    while (permit := jobs.limit.take()) is not None:
        run_here(jobs.run(permit, fail, lambda _, callback: callback()))
    assert wanted == []


def test_a_check_that_found_too_little_of_ours_rests_longer_each_time() -> None:
    rests: list[tuple[float, Callable[[], None]]] = []
    ours = msgspec.structs.replace(seen(Reason.DNS_ERROR, 0.1, 0.0), is_ours=True)

    async def visit(_: Site, __: Move) -> Observation:
        return ours

    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda _: None, lambda: len(rests) < 6))
    for _ in range(7):
        permit = jobs.limit.take()
        assert permit is not None
        run_here(jobs.run(permit, visit, lambda after_s, callback: rests.append((after_s, callback))))
        if jobs.resting:
            assert (jobs.limit.take(), jobs.limit.is_next()) == (None, False)
            rests[-1][1]()
    assert [after_s for after_s, _ in rests] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    jobs.close(0)
    assert not jobs._open_jobs


def test_where_many_wait_those_who_are_wanted_no_more_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 10
    monkeypatch.setattr("sitemon.checks.engine.jobs._MANY_WAIT", most)
    jobs = Jobs(per_host=1, most_patient=1, part_of_time=lambda _: 0.0)
    jobs.put(Job(SHOP, lambda _: None, always))
    permit = jobs.limit.take()
    for _ in range(100):
        jobs.put(Job(SHOP, lambda _: None, lambda: False))
        assert len(jobs.limit.waiting) <= most
    assert permit is not None
    assert jobs._open_jobs == 1 + len(jobs.limit.waiting)
