"""Which slots the schedule's history asks for: a function of the set of events."""

import itertools
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitemon import clock
from sitemon.model.stretches import FOR_EVER_MS, Edit, Stretch, first_difference_ms, stretches_of

PATIENCE_MS = 30


def started(sequence: int, at_ms: int, interval_ms: int, from_ms: int | None = None, token: int = 1) -> Edit:
    """The interval holds from the first slot after the moment on, or from `from_ms`; slots are its multiples."""
    first_ms = (at_ms // interval_ms + 1) * interval_ms if from_ms is None else from_ms
    return Edit(token, sequence, at_ms, first_ms, interval_ms, PATIENCE_MS)


def ended(sequence: int, at_ms: int, token: int = 1) -> Edit:
    return Edit(token, sequence, at_ms)


def slots(stretches: list[Stretch], until_ms: int = 200) -> list[int]:
    return sorted(
        itertools.chain.from_iterable(
            range(one.from_ms, min(one.until_ms, until_ms + 1), one.interval_ms) for one in stretches
        )
    )


def test_an_interval_holds_until_the_next_event() -> None:
    edits = [started(1, 0, 10), started(2, 35, 20), ended(3, 100)]
    assert slots(stretches_of(edits)) == [10, 20, 30, 40, 60, 80, 100]


def test_what_is_told_again_is_no_change() -> None:
    edits = [started(1, 0, 10), started(2, 35, 10), started(1, 70, 10, token=2)]
    assert stretches_of(edits) == [Stretch(10, FOR_EVER_MS, 10, PATIENCE_MS)]


def test_an_earlier_event_that_comes_late_has_its_time() -> None:
    edits = [started(1, 0, 10), ended(2, 25), started(1, 55, 10, token=2)]
    assert slots(stretches_of(edits), 80) == [10, 20, 60, 70, 80]


def test_of_a_clock_that_was_set_back_the_later_event_holds() -> None:
    edits = [started(1, 1_000, 10), started(2, 50, 10)]
    assert slots(stretches_of(edits), 90) == [60, 70, 80, 90]


def test_slots_that_a_new_leader_sends_late_are_of_its_own_interval_and_the_earlier_ones_stay() -> None:
    edits = [started(1, 0, 10), started(1, 65, 15, from_ms=45, token=2)]
    assert slots(stretches_of(edits), 100) == [10, 20, 30, 40, 45, 50, 60, 75, 90]


def test_slots_that_a_new_leader_sends_late_fill_a_gap() -> None:
    edits = [started(1, 0, 10), ended(2, 35), started(1, 75, 10, from_ms=60, token=2)]
    assert slots(stretches_of(edits), 100) == [10, 20, 30, 60, 70, 80, 90, 100]


def test_another_patience_holds_from_its_event_on() -> None:
    again = started(2, 35, 10)._replace(patience_ms=99)
    assert stretches_of([started(1, 0, 10), again]) == [
        Stretch(10, 31, 10, PATIENCE_MS),
        Stretch(40, FOR_EVER_MS, 10, 99),
    ]


def test_the_first_difference_is_where_an_end_moved() -> None:
    before = stretches_of([started(1, 0, 10)])
    assert first_difference_ms(before, before) is None
    assert first_difference_ms(before, stretches_of([started(1, 0, 10), ended(2, 35)])) == 31
    assert first_difference_ms(before, stretches_of([started(1, 25, 10)])) == 10


_edits = st.builds(
    lambda token, sequence, at_ms, interval_ms, late: (
        ended(sequence, at_ms, token)
        if interval_ms is None
        else started(
            sequence,
            at_ms,
            interval_ms,
            (at_ms // interval_ms + 1 - late) * interval_ms if at_ms >= late * interval_ms else None,
            token,
        )
    ),
    token=st.integers(1, 3),
    sequence=st.integers(1, 5),
    at_ms=st.integers(0, 150),
    interval_ms=st.sampled_from([None, 10, 15, 20]),
    late=st.integers(0, 2),
)


@given(st.lists(_edits, max_size=8, unique_by=lambda edit: edit[:2]))
@settings(max_examples=300)
def test_it_is_the_slots_that_each_event_asks_for_once_and_in_any_order(edits: list[Edit]) -> None:
    """Against the definition: a slot is asked for by an event when no later one ended it."""
    wanted = set()
    for edit in edits:
        if edit.from_ms is not None:
            until_ms = min((other.at_ms for other in edits if other > edit), default=200)
            wanted |= set(range(edit.from_ms, min(until_ms, 200) + 1, edit.interval_ms))
    found = stretches_of(edits)
    assert slots(found) == sorted(wanted)
    assert stretches_of(reversed(edits)) == stretches_of([*edits, *edits]) == found


def test_many_events_that_reach_far_back_take_little_time() -> None:
    edits = [started(number, 10**9, 1_000 + number, from_ms=number) for number in range(200)]
    began_s = clock.monotonic_s()
    found = stretches_of(edits)
    assert len(found) < 20_000
    assert clock.monotonic_s() - began_s < 10


def test_a_telling_of_the_moment_and_number_of_an_event_is_before_it() -> None:
    """Two things were said at once: only a foreign writer does that."""
    edits = [ended(1, 50), started(1, 50, 10)]
    assert slots(stretches_of(edits), 80) == slots(stretches_of(reversed(edits)), 80) == [60, 70, 80]


@given(st.lists(_edits, max_size=8, unique_by=lambda edit: edit[:2]), st.integers(0, 8))
@settings(max_examples=200)
def test_what_is_forgotten_of_the_earlier_edits_changes_no_stretch(edits: list[Edit], forgotten: int) -> None:
    earlier, later = sorted(edits)[:forgotten], sorted(edits)[forgotten:]
    assert stretches_of(later, stretches_of(earlier)) == stretches_of(edits)


@given(st.lists(_edits, max_size=8, unique_by=lambda edit: edit[:2]))
@settings(max_examples=200)
def test_no_stretch_reaches_beyond_the_beginning_of_the_next(edits: list[Edit]) -> None:
    found = stretches_of(edits)
    assert all(one.until_ms <= other.from_ms for one, other in itertools.pairwise(found))
    assert all(one.until_ms == slots([one], one.until_ms)[-1] + 1 for one in found if one.until_ms < FOR_EVER_MS)


@pytest.mark.parametrize(
    "of_number",
    [
        pytest.param(lambda n: started(n, 10_000 * n, 1_000, from_ms=0), id="back to the first, of one interval"),
        pytest.param(lambda n: started(n, 10_000 * n, 1_000 + n % 50, from_ms=0), id="back to the first"),
        pytest.param(lambda n: started(n, 10_000 * n, 1_000 + n % 50, from_ms=10_000 * n - 1_500), id="a slot back"),
        pytest.param(lambda n: ended(n, 10 * n), id="ends"),
    ],
)
def test_time_grows_with_the_number_of_edits_and_not_with_its_square(of_number: Callable[[int], Edit]) -> None:
    began_s = time.process_time()
    stretches_of(of_number(number) for number in range(1, 20_001))
    assert time.process_time() - began_s < 30
