"""A process gives marks of its results: how many it made, and up to when all that it made is on its way."""

import threading

import pytest

from sitemon import clock
from sitemon.model.errors import SpoolFullError
from sitemon.model.result import Kind, Result
from sitemon.stream.marks import GATHER_S, Marker
from sitemon.worker.batch import GATHER_S as WORKERS_GATHER_S
from tests.results import a_result
from tests.unit.stream.conftest import in_thread

GATHER_MS = int(GATHER_S * 1000)


class Clock:
    """What `sitemon.clock` tells, in milliseconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms = 1_000_000
        monkeypatch.setattr(clock, "now_ms", lambda: self.now_ms)
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now_ms / 1000)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def scheduled(count: int) -> list[Result]:
    return [a_result("shop", minute=minute) for minute in range(count)]


def test_an_account_without_results_vouches_up_to_now_but_for_what_is_being_gathered(now: Clock) -> None:
    mark = Marker().mark()
    assert (mark.up_to_ms, mark.made, mark.is_last) == (now.now_ms - GATHER_MS, 0, False)


def test_a_worker_gathers_results_for_less_long() -> None:
    assert WORKERS_GATHER_S * 2 < GATHER_S


def test_accounts_have_different_names_and_each_keeps_its_own() -> None:
    one, other = Marker(), Marker()
    assert one.mark().publisher == one.mark().publisher != other.mark().publisher


def test_only_scheduled_results_are_counted_once_they_are_safe() -> None:
    marker = Marker()
    with marker.publishing([*scheduled(3), a_result("shop", kind=Kind.ADHOC), a_result("shop", kind=Kind.MONITOR)]):
        assert marker.mark().made == 0
    assert marker.mark().made == 3


def test_those_that_nothing_took_do_not_count() -> None:
    marker = Marker()
    with marker.publishing(scheduled(2)):
        pass
    with pytest.raises(SpoolFullError), marker.publishing(scheduled(3)):
        raise SpoolFullError("full")
    assert marker.mark().made == 2


def test_a_call_under_way_holds_the_mark_at_what_was_gathered_before_it(now: Clock) -> None:
    marker, began_ms = Marker(), now.now_ms
    with marker.publishing(scheduled(1)):
        now.now_ms += 60_000
        assert marker.mark().up_to_ms == began_ms - GATHER_MS


def test_what_a_thread_gathered_during_a_call_is_not_vouched_for_before_its_next_one_ends(now: Clock) -> None:
    marker, began_ms = Marker(), now.now_ms
    with marker.publishing(scheduled(1)):
        now.now_ms += 60_000
    now.now_ms += GATHER_MS - 1
    assert marker.mark().up_to_ms == began_ms
    with marker.publishing(scheduled(1)):
        now.now_ms += 60_000
        assert marker.mark().up_to_ms == began_ms


def test_a_thread_that_publishes_nothing_more_is_not_waited_for(now: Clock) -> None:
    marker = Marker()
    with marker.publishing(scheduled(1)):
        now.now_ms += 60_000
    now.now_ms += GATHER_MS
    assert marker.mark().up_to_ms == now.now_ms - GATHER_MS


def test_a_mistake_ends_a_call_too(now: Clock) -> None:
    marker = Marker()
    with pytest.raises(ZeroDivisionError), marker.publishing(scheduled(1)):
        raise ZeroDivisionError
    now.now_ms += 60_000
    assert marker.mark().up_to_ms == now.now_ms - GATHER_MS


def test_the_oldest_call_of_all_threads_counts(now: Clock) -> None:
    marker, has_begun, may_end = Marker(), threading.Event(), threading.Event()

    def hang() -> None:
        with marker.publishing(scheduled(1)):
            has_begun.set()
            may_end.wait(10)

    began_ms = now.now_ms
    thread = in_thread(hang)
    assert has_begun.wait(10)
    now.now_ms += 60_000
    with marker.publishing(scheduled(1)):
        assert marker.mark().up_to_ms == began_ms - GATHER_MS
    may_end.set()
    thread.join(10)
