"""The first sentence says the worst there is."""

from collections import Counter

import pytest

from sitemon.web.overview import headline


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, "No sites yet"),
        ({"up": 1}, "The site is up"),
        ({"up": 1_200}, "All 1,200 sites are up"),
        ({"up": 11, "down": 1, "unknown": 3}, "1 of 15 sites is down"),
        ({"up": 8, "down": 2}, "2 of 10 sites are down"),
        ({"down": 13}, "All 13 sites are down"),
        ({"up": 8, "unknown": 2}, "2 of 10 sites are unknown: nobody looked"),
        ({"up": 8, "degraded": 1}, "1 of 9 sites is degraded"),
        ({"up": 1, "maintenance": 1}, "All 2 sites are up or in maintenance"),
    ],
)
def test_it_says_the_worst(counts: dict[str, int], expected: str) -> None:
    assert headline(Counter(counts)) == expected
