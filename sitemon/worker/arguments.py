"""What a message in Redis asks for, whoever put it there: what the recorder can take of it. Pure."""

from typing import Final

import msgspec

from sitemon.model.errors import PoisonError
from sitemon.model.schedule import Slot

_DAY_MS: Final = 86_400_000
_MOST_NAME_BYTES: Final = 1_000


def slots_of(given: object, now_ms: int, kept_days: int) -> list[Slot]:
    """Return the slots that a message carries.

    Raises:
        PoisonError: it carries none, or some whose results would be dead letters.

    """
    try:
        slots = msgspec.convert(given, list[Slot])
    except msgspec.ValidationError as exc:
        raise PoisonError("not_slots", str(exc)) from exc
    for name, slot_ms in slots:
        if not name or not name.isprintable() or len(name.encode()) > _MOST_NAME_BYTES:
            raise PoisonError("not_slots", "a name is none")
        moment_ms_of(slot_ms, now_ms, kept_days)
    return slots


def ahead_ms_of(given: object) -> int | None:
    """Return by how many ms a sender's clock is ahead of Redis's; None where it does not say, or over a day."""
    return given if isinstance(given, int) and abs(given) <= _DAY_MS else None


def moment_ms_of(given: object, now_ms: int, kept_days: int) -> int:
    """Return a moment of which results are kept, in ms of the epoch.

    Raises:
        PoisonError: it is none, or older, or more than a day ahead.

    """
    if not (isinstance(given, int) and now_ms - kept_days * _DAY_MS <= given <= now_ms + _DAY_MS):
        raise PoisonError("out_of_range", "a moment is older than what is kept, or more than a day ahead")
    return given
