"""Whatever happens in whatever order: the limits hold, nobody is forgotten, and no count is left in the end."""

import random
import types
from collections import Counter
from collections.abc import Coroutine, Generator, Mapping
from typing import Any, Final

import pytest

from sitemon.checks.engine.host_limit import HostLimit
from sitemon.checks.engine.host_queues import Crowd, Permit
from sitemon.checks.waiting import Event

HOMES: Final = "abcd"
OWNERS: Final = "xxxxyz"
STEPS: Final = 600


class _Event:
    """An event whose waiter goes on when the test says so, be it set or too late."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    async def wait(self, at_most_s: float) -> bool:
        await _stop()
        return self._is_set


@types.coroutine
def _stop() -> Generator[None, None, None]:
    yield


class _Waits:
    lag_s = 0.0

    def now_s(self) -> float:
        return 0.0

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        return None

    def event(self) -> Event:
        return _Event()

    def leave_out(self, span_s: float) -> None:
        raise AssertionError(f"no time is left out here, nor {span_s} s")

    fall_behind = leave_out

    def end_by(self, error: Exception) -> None:
        raise AssertionError("nothing is broken off here") from error


class History:
    """A limit, and what a test knows of the jobs in it."""

    def __init__(self, seed: int, per_place: int) -> None:
        self.chance = random.Random(seed)
        self.per_place = per_place
        self.most_patient = 2 * per_place - 1
        self.limit: HostLimit[int] = HostLimit(per_place, self.most_patient, lambda _: 0.0)
        self.number = 0
        self.waiting: set[int] = set()
        self.unwanted: set[int] = set()
        self.under_way: list[Permit[int]] = []
        self.moving: dict[Permit[int], Coroutine[Any, Any, None]] = {}
        for owner in "xy":
            self.put_for(owner)

    def put(self) -> None:
        self.put_for(self.chance.choice(OWNERS))

    def put_for(self, owner: str) -> None:
        self.number += 1
        self.waiting.add(self.number)
        self.limit.put(self.chance.choice(HOMES), self.number, owner, is_patient=self.chance.random() < 0.4)

    def take(self) -> None:
        if len(self.under_way) + len(self.moving) < 4 * self.per_place and (permit := self.limit.take()) is not None:
            self.waiting.remove(permit.job)
            self.under_way.append(permit)

    def give_up(self) -> None:
        if self.waiting:
            self.unwanted.add(self.chance.choice(sorted(self.waiting)))
        before = self.waiting & self.unwanted
        dropped = self.limit.drop_unwanted(lambda job: job not in self.unwanted, self.chance.randrange(5))
        left = {permit.job for permit in self.limit.waiting}
        assert len(before - left) == dropped
        self.waiting -= before - left

    def end(self) -> None:
        if self.under_way:
            self.limit.end(self.under_way.pop(self.chance.randrange(len(self.under_way))))

    def move(self) -> None:
        if self.under_way:
            permit = self.under_way.pop(self.chance.randrange(len(self.under_way)))
            self.moving[permit] = self.limit.move(permit, self.chance.choice(HOMES), _Waits(), 1.0)
            self.go_on(permit)

    def go_on(self, permit: Permit[int] | None = None) -> None:
        """Have one that moves get in, or be too late."""
        if permit is None and self.moving:
            permit = self.chance.choice(list(self.moving))
        if permit is not None:
            try:
                self.moving[permit].send(None)
            except (StopIteration, TimeoutError):
                del self.moving[permit]
                self.under_way.append(permit)

    def step(self) -> None:
        acts = (self.put, self.put, self.take, self.take, self.end, self.move, self.go_on, self.give_up)
        self.chance.choice(acts)()

    def assert_limits(self) -> None:
        begun = (*self.under_way, *self.moving)
        assert len(self.limit.waiting) == len(self.waiting)
        assert self.limit._under_way.patient == sum(permit.line.is_patient for permit in begun) <= self.most_patient
        for place in self.limit._places.values():
            self.assert_crowd(place.own, [permit for permit in begun if permit.line.home is place])
            self.assert_crowd(place.there, [permit for permit in begun if permit.place is place])
            for guests in place.guests:
                inside = [permit for permit in begun if permit.place is place and permit.is_guest]
                kind = Counter(permit.owner for permit in inside if permit.line.is_patient is guests.is_patient)
                assert guests.under_way == kind

    def assert_crowd(self, crowd: Crowd, permits: list[Permit[int]]) -> None:
        """Assert that these are counted, and that each kind and owner leaves room to others."""
        assert crowd.all == len(permits) <= self.per_place
        assert crowd.patient == sum(permit.line.is_patient for permit in permits) <= max(1, self.per_place // 2)
        assert crowd.of == Counter(permit.owner for permit in permits)
        assert max(crowd.of.values(), default=0) <= self.per_place - self.per_place // 5

    def assert_nobody_is_forgotten(self) -> None:
        """Assert that who waits and does not stand in line has a place without room."""
        for permit in self.limit.waiting:
            line = permit.line
            is_next = permit.owner in {owner for owner, lines in line.lines.waiting.items() if line in lines}
            assert is_next or not self.limit._may_begin(line, permit.owner)

    def assert_no_guest_is_forgotten(self) -> None:
        """Assert that who waits to be let in has no room, or waits for one of that home who could be taken."""
        for place in self.limit._places.values():
            kept_for = [line for line in place.lines if line.is_next and self.limit._could_begin(line)]
            for guests in place.guests:
                has_room = self.limit._has_room(place.there, is_patient=guests.is_patient, kept_for=kept_for)
                assert not (has_room and any(self.limit._leaves_room(place.there, owner) for owner in guests.waiting))
        assert all(any(guests.waiting for guests in place.guests) for place in self.limit._awaited)

    def assert_nobody_is_kept(self) -> None:
        """Assert that nobody stands in a line for whom nothing waits there: of given up jobs there is no end."""
        for queue in (self.limit._quick, self.limit._patient):
            assert all(owner in line.waiting for owner, lines in queue.waiting.items() for line in lines)

    def finish(self) -> None:
        while self.waiting or self.under_way or self.moving:
            before = len(self.waiting), len(self.under_way), len(self.moving)
            self.end()
            self.go_on()
            self.take()
            assert before != (len(self.waiting), len(self.under_way), len(self.moving)) or before[2]


@pytest.mark.parametrize("per_place", [2, 5])
@pytest.mark.parametrize("seed", range(40))
def test_in_any_history_the_limits_hold_and_nothing_is_left(seed: int, per_place: int) -> None:
    history = History(seed, per_place)
    for _ in range(STEPS):
        history.step()
        history.assert_limits()
        history.assert_nobody_is_forgotten()
        history.assert_no_guest_is_forgotten()
        history.assert_nobody_is_kept()
    history.finish()
    assert history.limit._places == {}
    assert not history.limit.is_next()
    assert (history.limit._under_way.patient, len(history.limit.waiting)) == (0, 0)
    assert [queue.under_way for queue in (history.limit._quick, history.limit._patient)] == [{}, {}]
