"""What maintenance makes of rows: in a window a failure says nothing of the site, like a missed slot, nor slowness."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from sitemon.incident.rows import Row
from sitemon.model.outcome import Outcome


class Window(NamedTuple):
    """Slots with ``from_at ≤ slot < until_at``."""

    from_at: datetime
    until_at: datetime


def maintained(rows: Iterable[Row], windows: Sequence[Window]) -> list[Row]:
    """Return rows as they are folded, given windows in their order, no two of which overlap.

    Good rows stay good, slow ones too: they end an incident that was open when the window began.
    """
    if not windows:
        return list(rows)
    begins = [window.from_at for window in windows]

    def is_maintained(slot_at: datetime) -> bool:
        place = bisect_right(begins, slot_at)
        return place > 0 and slot_at < windows[place - 1].until_at

    return [
        msgspec.structs.replace(row, outcome=Outcome.MISSED if row.is_failure else row.outcome, is_maintained=True)
        if row.outcome in {Outcome.DOWN, Outcome.DEGRADED} and is_maintained(row.slot_at)
        else row
        for row in rows
    ]
