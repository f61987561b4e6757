"""Slots: the due times of a site, and how late one may be checked. Pure, in whole milliseconds of the Unix epoch, UTC.

The slots of a site are ``k × interval_ms + splay_ms``. They depend on nothing but its name and interval, so a
restart neither repeats nor shifts them, and every region has the same ones.
"""

import hashlib
from typing import Final

from sitemon.model.site import Site

LATE_GRACE_MS: Final = 2_000
"""How much longer than its interval a slot may wait before it is too late to check it."""
PATIENCE_GRACE_MS: Final = 12_000
"""How long after interval and timeout a slot's result may come: what a change of worker and Kafka take, and more."""


def splay_ms(name: str, interval_ms: int) -> int:
    """Return the site's fixed place in its interval, so that the load of many sites is even."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % interval_ms


def next_slot_ms(name: str, interval_ms: int, after_ms: int) -> int:
    """Return the first slot that lies strictly after the given moment."""
    splay = splay_ms(name, interval_ms)
    return ((after_ms - splay) // interval_ms + 1) * interval_ms + splay


def in_time_from_ms(interval_ms: int, now_ms: int) -> int:
    """Return the earliest due time that is not too late yet: what waited longer is missed instead of checked."""
    return now_ms - interval_ms - LATE_GRACE_MS


def patience_ms(site: Site) -> int:
    """Return how long after a slot was due its result may come; then the slot is missing."""
    return site.interval_ms + round(site.timeout_s * 1_000) + PATIENCE_GRACE_MS
