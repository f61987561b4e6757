"""What the answer of a receiver means."""

import random
from datetime import UTC, datetime

import pytest

from sitemon.alert.verdict import Answer, Fate, verdict_of

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)


def verdict(answer: Answer, tries: int = 0, failures: int = 0) -> tuple[str, float]:
    found = verdict_of(answer, tries, failures, NOW, random.Random(1))
    return found.fate, found.wait_s


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED),
        (204, Fate.DELIVERED),
        (301, Fate.REFUSED),
        (400, Fate.REFUSED),
        (401, Fate.REFUSED),
        (408, Fate.UNAVAILABLE),
        (410, Fate.GONE),
        (429, Fate.UNAVAILABLE),
        (500, Fate.UNAVAILABLE),
        (503, Fate.UNAVAILABLE),
        (0, Fate.UNAVAILABLE),
    ],
)
def test_a_status_has_its_fate(status: int, fate: Fate) -> None:
    assert verdict(Answer(status))[0] == fate


@pytest.mark.parametrize(
    ("retry_after", "least_s", "most_s"),
    [
        ("120", 120, 120),
        ("Tue, 24 Nov 2026 07:10:00 GMT", 600, 600),
        ("Tue, 24 Nov 2026 06:00:00 GMT", 2.5, 5),
        ("999999999", 3600, 3600),
        ("soon", 2.5, 5),
        ("Tue, 24 Nov 2026 07:10:00", 2.5, 5),
        ("Tue, 99999999999999999999 Nov 2026 07:10:00 GMT", 2.5, 5),
        ("9" * 65_000, 3600, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3600),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600, 3600),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 2.5, 5),
        ("-5", 2.5, 5),
        ("nan", 2.5, 5),
        ("inf", 2.5, 5),
        ("1e9", 2.5, 5),
        ("\u0665", 2.5, 5),
        (", ".join(["1"] * 99_999), 2.5, 5),
        (None, 2.5, 5),
    ],
)
def test_retry_after_is_kept_to_for_an_hour_at_most(retry_after: str | None, least_s: float, most_s: float) -> None:
    assert least_s <= verdict(Answer(429, retry_after))[1] <= most_s


def test_a_channel_that_stays_away_is_asked_less_and_less_often() -> None:
    waits_s = [verdict(Answer(503), failures=failures)[1] for failures in (0, 2, 4, 40)]
    assert waits_s == sorted(waits_s)
    assert 150 <= waits_s[-1] <= 300


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(0)])
def test_what_fails_again_though_its_channel_took_another_is_refused(answer: Answer) -> None:
    assert verdict(answer, tries=1, failures=0)[0] == Fate.UNAVAILABLE
    assert verdict(answer, tries=2, failures=0)[0] == Fate.REFUSED
    assert verdict(answer, tries=9, failures=1)[0] == Fate.UNAVAILABLE


@pytest.mark.parametrize("answer", [Answer(408), Answer(429), Answer(0, may_arrive=True), Answer(0, is_unread=True)])
def test_a_channel_that_asks_to_wait_or_is_still_at_it_or_not_there_has_refused_nothing(answer: Answer) -> None:
    found = verdict_of(answer, 9, 0, NOW, random.Random(1))
    assert (found.fate, found.is_of_words) == (Fate.UNAVAILABLE, False)


@pytest.mark.parametrize(("status", "is_of_words"), [(400, True), (403, True), (401, False), (404, False)])
def test_one_that_does_not_know_us_has_refused_no_words(status: int, *, is_of_words: bool) -> None:
    assert verdict_of(Answer(status), 2, 0, NOW, random.Random(1)).is_of_words is is_of_words
