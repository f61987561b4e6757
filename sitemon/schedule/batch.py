"""Batches: the slots that go to a worker in one message. Pure."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sitemon.model.schedule import Slot
from sitemon.schedule.plan import DueSlot

BATCH_SLOTS: Final = 200
"""Slots in one message: a message costs Celery, beat and worker together, over 2 ms, so 10 us a check."""


class Batch(NamedTuple):
    """Slots of one region; `id` is that of the Celery task."""

    id: str
    region: str
    slots: list[Slot]


def batches_of(due: Iterable[DueSlot]) -> Iterator[Batch]:
    """Put what is due together for each region, in the order given, `BATCH_SLOTS` at most in one batch."""
    by_region: dict[str, list[Slot]] = defaultdict(list)
    for site, region, slot_ms in due:
        by_region[region].append((site, slot_ms))
    for region, slots in by_region.items():
        for start in range(0, len(slots), BATCH_SLOTS):
            yield Batch(uuid.uuid4().hex, region, slots[start : start + BATCH_SLOTS])
