"""Batches: the slots that go to a worker in one message. Pure."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from sitemon.schedule.plan import DueSlot

Slot = tuple[str, int]
"""A site's name and a due time in milliseconds of the epoch."""

BATCH_SLOTS: Final = 200
"""Slots in one message: a message costs Celery, beat and worker together, over 2 ms, so 10 us a check."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Slots of one region; `id` is also the id of the Celery task, by which the message can be found again."""

    id: str
    region: str
    slots: list[Slot]

    @property
    def earliest_slot_ms(self) -> int:
        """The due time of its oldest slot, in milliseconds of the epoch."""
        return min(slot_ms for _, slot_ms in self.slots)


_decoder = msgspec.json.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """Return a batch as it is kept in Redis."""
    return msgspec.json.encode(batch)


def decode_batch(value: bytes) -> Batch:
    """Read a batch as it is kept in Redis."""
    return _decoder.decode(value)


def batches_of(due: Iterable[DueSlot]) -> Iterator[Batch]:
    """Put what is due together for each region, in the order given, `BATCH_SLOTS` at most in one batch."""
    by_region: dict[str, list[Slot]] = defaultdict(list)
    for slot in due:
        by_region[slot.region].append((slot.site, slot.slot_ms))
    for region, slots in by_region.items():
        for start in range(0, len(slots), BATCH_SLOTS):
            yield Batch(uuid.uuid4().hex, region, slots[start : start + BATCH_SLOTS])
