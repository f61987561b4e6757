"""What is done by turns: a part that fails rests by itself, and keeps no other from its turn."""

from collections.abc import Sequence

import pytest

from sitemon import clock
from sitemon.alert.failing import FailingParts
from sitemon.backoff import Backoff
from sitemon.model.errors import SitemonError, UnreachableError
from sitemon.store.errors import CanceledError, LockTimeoutError, RolledBackError
from sitemon.store.failing import Failing


class Work:
    """Fails where one of some numbers is among those it is given."""

    def __init__(self, *bad: int) -> None:
        self.bad = {*bad}
        self.given: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> None:
        self.given.append([*numbers])
        if self.bad.intersection(numbers):
            raise CanceledError("too slow")


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])
    return now_s


@pytest.fixture
def failing(now_s: list[float]) -> Failing[int]:
    return FailingParts(Backoff(8.0, 16.0), "part {}".format)


def test_all_are_done_at_once(failing: Failing[int]) -> None:
    work = Work()
    failing.each([1, 2, 3], work)
    assert work.given == [[1, 2, 3]]


def test_where_that_fails_each_is_done_by_itself_and_the_one_is_said(
    failing: Failing[int], caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(2)
    failing.each([1, 2, 3], work)
    assert work.given == [[1, 2, 3], [1], [2], [3]]
    assert caplog.messages == ["alerter.part_failed: part 2: too slow; all else goes on"]


def test_where_that_takes_long_the_others_have_another_turn(failing: Failing[int], now_s: list[float]) -> None:
    def takes_a_minute(numbers: Sequence[int]) -> None:
        now_s[0] += 60.0
        work(numbers)

    work = Work(1, 2, 3)
    failing.each([1, 2, 3], takes_a_minute)
    assert work.given == [[1, 2, 3], [1]]
    failing.each([1, 2, 3], takes_a_minute)
    assert work.given[2:] == [[2, 3], [2]]


def test_what_failed_rests_and_is_not_tried_with_others(failing: Failing[int], now_s: list[float]) -> None:
    work = Work(2)
    failing.each([2], work)
    work.given.clear()
    failing.each([1, 2, 3], work)
    assert work.given == [[1, 3]]
    now_s[0] += 8.0
    failing.each([1, 2, 3], work)
    assert work.given[1:] == [[1, 3], [2]]


def test_it_rests_for_longer_and_is_one_of_all_once_it_goes_well(failing: Failing[int], now_s: list[float]) -> None:
    work = Work(2)
    for _ in range(3):
        failing.each([2], work)
        now_s[0] += 16.0
    now_s[0] -= 16.0 - 7.0
    assert failing.is_resting(2)
    now_s[0] += 9.0
    work.bad.clear()
    failing.each([2], work)
    work.given.clear()
    failing.each([1, 2], work)
    assert work.given == [[1, 2]]


@pytest.mark.parametrize("exc", [CanceledError("too slow"), LockTimeoutError("another one has it")])
def test_what_takes_or_waits_too_long_is_of_the_part_that_does(failing: Failing[int], exc: SitemonError) -> None:
    def work(_: Sequence[int]) -> None:
        raise exc

    failing.each([1], work)
    assert failing.is_resting(1)


@pytest.mark.parametrize("exc", [UnreachableError("away"), RolledBackError("deadlock")])
def test_what_is_of_the_server_is_of_no_part(failing: Failing[int], exc: SitemonError) -> None:
    def away(_: Sequence[int]) -> None:
        raise exc

    with pytest.raises(type(exc)):
        failing.each([1, 2], away)
    with pytest.raises(type(exc)), failing.trying(1):
        raise exc
    assert list(failing) == []


def test_of_a_mistake_in_sitemon_it_is_said_where(failing: Failing[int], caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Sequence[int]) -> None:
        raise KeyError("a mistake")

    failing.each([1], fails)
    assert caplog.messages == ["alerter.part_failed: part 1: KeyError('a mistake'); all else goes on"]
    assert caplog.records[0].exc_info


def test_of_very_many_that_failed_the_first_are_forgotten(
    failing: Failing[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.store.failing._MOST", 2)
    failing.each([1, 2, 3], Work(1, 2, 3))
    assert list(failing) == [2, 3]
