"""What the answer to an alert means. Pure."""

import random
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sitemon.backoff import Backoff

_OF_CHANNEL: Final = Backoff(first_s=5.0, longest_s=300.0)
_OF_ALERT: Final = Backoff(first_s=30.0, longest_s=3600.0)
_LONGEST_RETRY_AFTER_S: Final = 3600.0


class Answer(NamedTuple):
    """What a receiver said: an HTTP status and its Retry-After; or, with status 0, what kept it from saying it."""

    status: int
    retry_after: str | None = None
    problem: str = ""


class Fate(StrEnum):
    """What becomes of an alert, and of those behind it."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It waits; the channel goes on with others."""
    UNAVAILABLE = "unavailable"
    """The channel waits."""
    GONE = "gone"
    """The channel is disabled."""


class Verdict(NamedTuple):
    """What becomes of an alert, why, and how long to wait before the next try."""

    fate: Fate
    problem: str = ""
    wait_s: float = 0.0


def verdict_of(answer: Answer, tries: int, failures: int, now: datetime, chance: random.Random) -> Verdict:
    """Return what an answer means, after so many failed tries of this alert, and failures in a row of its channel."""
    problem = answer.problem or f"HTTP {answer.status}"
    if 200 <= answer.status < 300:
        return Verdict(Fate.DELIVERED)
    if answer.status == 410:
        return Verdict(Fate.GONE, problem)
    if answer.status in {0, 408, 429} or answer.status >= 500:
        asked_s = _seconds(answer.retry_after, now)
        return Verdict(Fate.UNAVAILABLE, problem, max(asked_s, _OF_CHANNEL.wait_s(failures + 1, chance)))
    return Verdict(Fate.REFUSED, problem, _OF_ALERT.wait_s(tries + 1, chance))


def _seconds(retry_after: str | None, now: datetime) -> float:
    """Return how long Retry-After asks to wait, an hour at most: RFC 9110, 10.2.3."""
    if retry_after is None:
        return 0.0
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), _LONGEST_RETRY_AFTER_S)
    try:
        asked_s = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(asked_s, 0.0), _LONGEST_RETRY_AFTER_S)
