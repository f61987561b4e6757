"""Spans of time, and what is left of some without others. Pure."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

HOUR_MS: Final = 3_600_000


class Span(NamedTuple):
    """Moments with ``from_ms ≤ moment < until_ms``, in milliseconds of the epoch."""

    from_ms: int
    until_ms: int


def without(span: Span, others: Sequence[Span]) -> Iterator[Span]:
    """Return the parts of a span that none of the others, which are in order and have no overlaps, holds."""
    # Of thousands only those beside it are looked at.
    first = bisect_right(others, span.from_ms, key=lambda other: other.until_ms)
    end = bisect_left(others, span.until_ms, key=lambda other: other.from_ms)
    from_ms = span.from_ms
    for other in itertools.chain(others[first:end], [Span(span.until_ms, span.until_ms)]):
        part = Span(from_ms, min(other.from_ms, span.until_ms))
        if part.from_ms < part.until_ms:
            yield part
        from_ms = max(from_ms, other.until_ms)


def united(spans: Iterable[Span]) -> list[Span]:
    """Return the same moments as spans in order that do not touch."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.from_ms <= found[-1].until_ms:
            found[-1] = Span(found[-1].from_ms, max(found[-1].until_ms, span.until_ms))
        else:
            found.append(span)
    return found


def whole_hours(span: Span) -> Span:
    """Return the hours that a span touches."""
    return Span(span.from_ms // HOUR_MS * HOUR_MS, -(-span.until_ms // HOUR_MS) * HOUR_MS)


def by_hour(spans: Iterable[Span]) -> Iterator[Sequence[Span]]:
    """Return the parts of spans in order, those of each hour together."""
    parts = (
        Span(max(span.from_ms, hour_ms), min(span.until_ms, hour_ms + HOUR_MS))
        for span in spans
        for hour_ms in range(whole_hours(span).from_ms, span.until_ms, HOUR_MS)
    )
    for _, own in itertools.groupby(parts, key=lambda part: part.from_ms // HOUR_MS):
        yield list(own)
