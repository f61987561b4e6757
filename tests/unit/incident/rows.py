"""Rows for tests: ``"uuddd"`` is a row a minute, as seen from one region."""

from datetime import UTC, datetime, timedelta

from sitemon.incident.rows import Cause, Row
from sitemon.model.outcome import Outcome

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
CHECK = timedelta(seconds=2)
_OUTCOMES = {"u": Outcome.UP, "g": Outcome.DEGRADED, "d": Outcome.DOWN, "m": Outcome.MISSED}


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def minute_of(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - START) / timedelta(minutes=1)


def rows_of(outcomes: str, region: str = "eu", start: float = 0, kind: str = "scheduled") -> list[Row]:
    """Return a row for each letter, a minute apart; a space is a slot without a row. A check takes 2 s."""
    return [
        Row(
            at(start + minute),
            region,
            kind,
            _OUTCOMES[letter],
            Cause("timeout") if letter == "d" else Cause(),
            None if letter == "m" else at(start + minute) + CHECK,
        )
        for minute, letter in enumerate(outcomes)
        if letter != " "
    ]
