"""Spans of time: what is left of them without others, together, and by the hour."""

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sitemon.model.spans import HOUR_MS, Span, by_hour, united, whole_hours, without

MOMENTS = range(40)
SPANS = st.lists(st.tuples(st.sampled_from(MOMENTS), st.integers(1, 12)).map(lambda one: Span(one[0], sum(one))))


def moments(spans: Iterable[Span]) -> set[int]:
    return {moment for span in spans for moment in range(span.from_ms, span.until_ms)}


@given(SPANS)
def test_united_are_the_same_moments_in_spans_that_do_not_touch(spans: list[Span]) -> None:
    found = united(spans)
    assert moments(found) == moments(spans)
    assert all(before.until_ms < after.from_ms for before, after in itertools.pairwise(found))


@given(SPANS, SPANS)
def test_without_others_the_moments_are_left_that_none_of_them_holds(spans: list[Span], others: list[Span]) -> None:
    for span in spans:
        left = list(without(span, united(others)))
        assert moments(left) == moments([span]) - moments(others)
        assert left == sorted(left)
        assert all(part.from_ms < part.until_ms for part in left)


def test_parts_of_an_hour_come_together() -> None:
    first, second, third = Span(5, 10), Span(HOUR_MS - 1, 2 * HOUR_MS + 1), Span(2 * HOUR_MS + 7, 2 * HOUR_MS + 8)
    assert list(by_hour([first, second, third])) == [
        [first, Span(HOUR_MS - 1, HOUR_MS)],
        [Span(HOUR_MS, 2 * HOUR_MS)],
        [Span(2 * HOUR_MS, 2 * HOUR_MS + 1), third],
    ]


def test_whole_hours_hold_each_moment_of_a_span_and_no_other_hour() -> None:
    assert whole_hours(Span(1, HOUR_MS)) == Span(0, HOUR_MS)
    assert whole_hours(Span(HOUR_MS, HOUR_MS + 1)) == Span(HOUR_MS, 2 * HOUR_MS)
