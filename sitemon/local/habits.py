"""What the sample sites were usually like before they were as they are, and what happened to them. Made up."""

from datetime import timedelta
from typing import Final, NamedTuple

from sitemon.model.outcome import Outcome, Reason

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class Episode(NamedTuple):
    """A stretch in which a site was not as usual: how long before the end of the past it began, and what was found."""

    ago: timedelta
    lasts: timedelta
    outcome: Outcome
    reason: Reason
    http_code: int | None = None
    error: str | None = None
    acknowledged_by: str | None = None


class Habit(NamedTuple):
    """A site as it usually is.

    Its latency at night, by how much that grows during the day, what share of its checks fails alone, and its status.
    """

    latency_s: float = 0.002
    growth: float = 0.5
    failing: float = 0.0
    http_code: int = 200
    episodes: tuple[Episode, ...] = ()


def _refused(days: float, hours: float) -> Episode:
    lasts = timedelta(hours=hours)
    return Episode(days * _DAY, lasts, Outcome.DOWN, Reason.CONNECT_ERROR, error="connection refused")


def failed(days: float, hours: float, code: int, known_to: str | None = None) -> Episode:
    """Return one that began so many days ago, in which another status came than was expected."""
    error = f"status {code} is not one of 200-299"
    return Episode(days * _DAY, timedelta(hours=hours), Outcome.DOWN, Reason.HTTP_STATUS, code, error, known_to)


def _slow(days: float, hours: float) -> Episode:
    return Episode(days * _DAY, timedelta(hours=hours), Outcome.DEGRADED, Reason.TOO_SLOW, 200)


def _timeout(days: float, hours: float) -> Episode:
    return Episode(days * _DAY, timedelta(hours=hours), Outcome.DOWN, Reason.TIMEOUT, error="no answer within 1.5 s")


HABITS: Final = {
    "good": Habit(episodes=(_refused(23.13, 7.7), failed(66.41, 0.3, 502))),
    "moved": Habit(0.004, episodes=(failed(17.62, 0.6, 500), _slow(48.3, 5))),
    "outage": Habit(
        episodes=tuple(
            failed(days, minutes / 60, 503) for days, minutes in ((3.27, 9), (9.56, 35), (31.9, 6), (54.44, 70))
        )
    ),
    "slow": Habit(0.605, 0.25, episodes=(_slow(0.31, 1.5), _slow(12.55, 9), _slow(37.2, 20))),
    "flaky": Habit(failing=0.0004, episodes=(failed(6.84, 0.2, 503), failed(28.37, 1.5, 503, "ann"))),
    "gone": Habit(growth=0.3, http_code=404),
    "broken": Habit(episodes=(failed(0.62, 0.4, 500, "ann"), failed(15.48, 2.2, 500), failed(72.7, 0.7, 500))),
    "sold-out": Habit(
        episodes=(
            Episode(5.71 * _DAY, 3 * _HOUR, Outcome.DOWN, Reason.NO_MATCH, 200, "not found: In stock", "tom"),
            Episode(58.16 * _DAY, 14 * _HOUR, Outcome.DOWN, Reason.NO_MATCH, 200, "not found: In stock"),
        )
    ),
    "stuck": Habit(0.03, 1.2, episodes=(_timeout(0.26, 0.5), _timeout(8.4, 1.2), _slow(8.77, 7), _timeout(44.93, 0.4))),
    "reset": Habit(
        episodes=(
            Episode(20.35 * _DAY, 0.9 * _HOUR, Outcome.DOWN, Reason.PROTOCOL_ERROR, None, "the connection was reset"),
        )
    ),
    "refused": Habit(episodes=(_refused(2.59, 0.3), _refused(34.21, 11))),
    "expiring": Habit(0.007, 0.6),
    "expired": Habit(
        0.007,
        episodes=(
            Episode(62.8 * _DAY, 9 * _HOUR, Outcome.DOWN, Reason.TLS_ERROR, None, "the certificate has expired", "tom"),
        ),
    ),
    "untrusted": Habit(0.007, 0.6, episodes=(failed(25.09, 0.5, 502),)),
}
MONITOR_OFF: Final = (
    Episode(41.23 * _DAY, 30 * _HOUR, Outcome.MISSED, Reason.BEAT_DOWN),
    Episode(13.7 * _HOUR, 0.7 * _HOUR, Outcome.MISSED, Reason.BEAT_DOWN),
)
"""Then nobody looked at any site."""
