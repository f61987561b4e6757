"""The schedule's own history: the messages of topic ``sitemon.schedule``.

What the ledger expects is computed from these, never from results; `sitemon.model.stretches` says how. A site's slots
are ``from_slot_ms + k × interval_ms`` of its newest `Started`; those up to the moment `at_ms` of a later event still
belong to the earlier ones.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from sitemon.model.errors import PoisonError
from sitemon.model.region import Region, is_region
from sitemon.model.wire import decoded

VERSION: Final = 1

Slot = tuple[str, int]
"""A site's name and a due time in milliseconds of the epoch."""


class Watch(NamedTuple):
    """One site in one region: what the schedule knows it by."""

    site: str
    region: str


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a leader said at `at_ms` (milliseconds of the epoch).

    `token` is that of its lease and `sequence` counts what it said under it, from 1 on: by the two, events have one
    order, in whatever order they arrive. Leaders of earlier versions said neither: 0.
    """

    v: int = VERSION
    at_ms: int
    token: int = 0
    sequence: int = 0


class _OfWatch(_Event, frozen=True, kw_only=True):
    """What happened to one site in one region: earlier events of it hold for slots up to `at_ms` only."""

    site: str
    region: Region

    @property
    def key(self) -> str:
        """The key on the compacted topic: the newest event of a site and region stays."""
        return f"{self.region}:{self.site}"


class Started(_OfWatch, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """The site has this interval: `from_slot_ms` is its first slot, which a new leader may still send a little late.

    A slot is missing when it has no result `patience_ms` after it was due; 0: not said. `labels` are the site's
    own, for whoever reads of it: no slot depends on them.
    """

    interval_ms: int
    from_slot_ms: int
    patience_ms: int = 0
    labels: dict[str, str] = {}


class Ended(_OfWatch, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """The site ceased to have slots in this region."""


class Told(_Event, frozen=True, kw_only=True, tag_field="event", tag="told"):
    """The whole schedule was told, by the events of this token from sequence `first` on: what none of them names ended.

    It counts once all of these events are there.
    """

    first: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: the newest of each leader stays."""
        return f"told:{self.token}"


class Away(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="away"):
    """The region's slots with ``from_ms < slot ≤ until_ms`` and without a result are missed.

    Leaders of earlier versions said so; now it follows from reigns.
    """

    v: int = VERSION
    region: Region
    from_ms: int
    until_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: one for each stretch."""
        return f"away:{self.region}:{self.from_ms}"


class SentUpTo(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="sent_up_to"):
    """All slots up to `at_ms` have safe results. Leaders of earlier versions said so, and it is read and left."""

    v: int = VERSION
    at_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: only the newest matters."""
        return "sent_up_to"


ScheduleEvent = Started | Ended | Told | Away | SentUpTo

_SHORT_BYTES: Final = 200
"""An event without labels has about as many."""

_decoder: msgspec.json.Decoder[ScheduleEvent] = msgspec.json.Decoder(ScheduleEvent)


def encode_event(event: ScheduleEvent) -> bytes:
    """Return the Kafka value of a schedule event."""
    return msgspec.json.encode(event)


def in_events(labels: Mapping[str, str]) -> int:
    """Return as how many events without labels one with these counts, by its bytes."""
    return 1 + len(msgspec.json.encode(labels)) // _SHORT_BYTES


def decode_event(value: bytes) -> ScheduleEvent:
    """Read a Kafka value.

    Raises:
        PoisonError: it is not one of the schedule's events, or has a region that no configuration can have, or is of
            another version.

    """
    event = decoded(_decoder, value, VERSION, "not_a_schedule_event")
    if isinstance(event, _OfWatch | Away) and not is_region(event.region):
        raise PoisonError("not_a_schedule_event", "the region has a name that no configuration can have")
    return event
