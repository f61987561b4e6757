"""A site that was taken out: what lasted of it has ended, and what comes later begins anew. Pure."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from sitemon.incident.machine import NOTHING
from sitemon.incident.memory import Memory, Refolded

GRACE: Final = timedelta(minutes=10)
"""A site that comes back sooner was only moved: from one file to another by two edits, or by beats in turn."""


def ended(found: Refolded, gone_at: datetime, newest_at: datetime) -> Refolded:
    """Return what a fold comes to of a site that was taken out at a moment, and whose newest row is of this slot.

    It depends on nothing else: rows that come late say the same end again.
    """
    until = max(gone_at, newest_at)
    last = found.state.incident
    over = (msgspec.structs.replace(last, ended_at=max(gone_at, last.opened_by), closed_by=until),) if last else ()
    before = found.incidents[:-1] if last else found.incidents
    return found._replace(incidents=before + over, kept=Memory(NOTHING, until), state=NOTHING)
