"""Batches: the slots that go to a worker in one message, and the queues in which these wait. Pure."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sitemon.schedule.plan import DueSlot

Slot = tuple[str, int]
"""A site's name and a due time in milliseconds of the epoch."""

CHECK_SITE: Final = "sitemon.check_site"
"""The task of a check that somebody asked for."""

ASKED_AT: Final = "asked_at_ms"
"""The header of its message that says when, so that a redelivery is the same result."""

CHECK_SLOTS: Final = "sitemon.check_slots"
"""The task of a message that carries a batch; in the same queue are those of `sitemon check`."""

CONFIRM_SLOTS: Final = "sitemon.confirm_slots"
"""The same for confirming checks, which nobody waits for: what cannot be checked in time is dropped."""

BATCH_SLOTS: Final = 200
"""Slots in one message: a message costs Celery, beat and worker together, over 2 ms, so 10 us a check."""


class Batch(NamedTuple):
    """Slots of one region; `id` is that of the Celery task."""

    id: str
    region: str
    slots: list[Slot]


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"


def batches_of(due: Iterable[DueSlot]) -> Iterator[Batch]:
    """Put what is due together for each region, in the order given, `BATCH_SLOTS` at most in one batch."""
    by_region: dict[str, list[Slot]] = defaultdict(list)
    for watch, slot_ms in due:
        by_region[watch.region].append((watch.site, slot_ms))
    for region, slots in by_region.items():
        for start in range(0, len(slots), BATCH_SLOTS):
            yield Batch(uuid.uuid4().hex, region, slots[start : start + BATCH_SLOTS])
