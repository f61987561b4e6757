"""What the answer to an alert means. Pure."""

import random
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sitemon.backoff import Backoff

_OF_CHANNEL: Final = Backoff(first_s=5.0, longest_s=300.0)
_OF_ALERT: Final = Backoff(first_s=30.0, longest_s=3600.0)

TRIES_AS_SAID: Final = 2
"""After so many failed tries an alert may be what is refused, rather than its channel away."""

_OF_ACCESS: Final = frozenset({401, 404, 405, 407})
"""What a receiver answers to one that it does not know, whatever that says."""

_LONGEST_RETRY_AFTER_S: Final = 3600.0


class Answer(NamedTuple):
    """What a receiver said: an HTTP status and its Retry-After; or, with status 0, what kept it from saying it.

    `may_arrive`: the receiver is still at it, and may take it in the end. `is_unread`: nobody took the connection.
    """

    status: int
    retry_after: str | None = None
    problem: str = ""
    may_arrive: bool = False
    is_unread: bool = False


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
    """What becomes of an alert, why, and how long to wait before the next try.

    `is_of_words`: whether it may have failed for what it says only, so that another, or other words, would arrive.
    `may_arrive`: as in the answer.
    """

    fate: Fate
    problem: str = ""
    wait_s: float = 0.0
    is_of_words: bool = False
    may_arrive: bool = False


def verdict_of(answer: Answer, tries: int, failures: int, now: datetime, chance: random.Random) -> Verdict:
    """Return what an answer means, after so many failed tries of this alert, and failures in a row of its channel.

    What failed twice, and fails again though its channel took another alert just now, is refused for what it says.
    """
    problem = answer.problem or f"HTTP {answer.status}"
    if 200 <= answer.status < 300:
        return Verdict(Fate.DELIVERED)
    if answer.status == 410:
        return Verdict(Fate.GONE, problem)
    is_of_channel = answer.may_arrive or answer.is_unread or answer.status in {408, 429}
    is_unclear = answer.status == 0 or answer.status >= 500
    if is_of_channel or (is_unclear and (tries < TRIES_AS_SAID or failures > 0)):
        asked_s = _seconds(answer.retry_after, now)
        wait_s = max(asked_s, _OF_CHANNEL.wait_s(failures + 1, chance))
        is_of_words = not is_of_channel and answer.retry_after is None
        return Verdict(Fate.UNAVAILABLE, problem, wait_s, is_of_words, answer.may_arrive)
    wait_s = _OF_ALERT.wait_s(tries + 1, chance)
    return Verdict(Fate.REFUSED, problem, wait_s, is_of_words=answer.status not in _OF_ACCESS)


def put_off_no_longer(verdict: Verdict, works_for_s: float) -> Verdict:
    """Return a verdict by which nothing that is refused waits for longer than its channel has not failed.

    Most of the tries of an alert that waited for its channel failed for that.
    """
    if verdict.fate is not Fate.REFUSED:
        return verdict
    return verdict._replace(wait_s=min(verdict.wait_s, max(_OF_ALERT.first_s, works_for_s)))


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
