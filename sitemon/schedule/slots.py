"""Slots: the due times of a site. Pure arithmetic on whole milliseconds of the Unix epoch, UTC.

The slots of a site are ``k × interval_ms + splay_ms``. They depend on nothing but its name and interval, so a
restart neither repeats nor shifts them, and every region has the same ones.
"""

import hashlib
from typing import Final

LATE_GRACE_MS: Final = 2_000
"""How much longer than its interval a slot may wait before it is missed."""


def splay_ms(name: str, interval_ms: int) -> int:
    """Return the site's fixed place in its interval, so that the load of many sites is even."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") % interval_ms


def next_slot_ms(name: str, interval_ms: int, after_ms: int) -> int:
    """Return the first slot that lies strictly after the given moment."""
    return slot_after_ms(splay_ms(name, interval_ms), interval_ms, after_ms)


def slot_after_ms(splay: int, interval_ms: int, after_ms: int) -> int:
    """Return the same for a site whose splay is known already: hashing its name again would cost more than the rest."""
    return ((after_ms - splay) // interval_ms + 1) * interval_ms + splay


def is_too_late(slot_ms: int, interval_ms: int, now_ms: int) -> bool:
    """Tell whether a slot has waited so long that it is missed instead of checked."""
    return now_ms - slot_ms > interval_ms + LATE_GRACE_MS
