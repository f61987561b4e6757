"""The schedule's own history: the messages of topic ``sitemon.schedule``.

What the ledger expects is computed from these, never from results. The slots of a `Started` stretch are
``from_slot_ms + k × interval_ms`` up to the moment `at_ms` of the next `Started` or `Ended` of the same site and
region: a slot at that very moment still belongs to the earlier stretch.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from sitemon.model.errors import PoisonError

log = logging.getLogger(__name__)

VERSION: Final = 1


class _OfWatch(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one site in one region at `at_ms` (milliseconds of the epoch)."""

    v: int = VERSION
    site: str
    region: str
    at_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: the newest event of a site and region stays."""
        return f"{self.region}:{self.site}"


class Started(_OfWatch, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """At `at_ms` (milliseconds of the epoch) the site took this interval; `from_slot_ms` is its first slot after."""

    interval_ms: int
    from_slot_ms: int


class Ended(_OfWatch, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """At `at_ms` (milliseconds of the epoch) the site ceased to have slots in this region."""


class Away(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="away"):
    """The region's slots with ``from_ms < slot ≤ until_ms`` were not sent, or may be lost.

    Those without a result are missed.
    """

    v: int = VERSION
    region: str
    from_ms: int
    until_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: one for each stretch."""
        return f"away:{self.region}:{self.from_ms}"


class SentUpTo(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="sent_up_to"):
    """All slots up to `at_ms` have safe results; what a new beat starts from when Redis has lost its data."""

    v: int = VERSION
    at_ms: int

    @property
    def key(self) -> str:
        """The key on the compacted topic: only the newest matters."""
        return "sent_up_to"


ScheduleEvent = Started | Ended | Away | SentUpTo

_decoder = msgspec.json.Decoder(ScheduleEvent)


def encode_event(event: ScheduleEvent) -> bytes:
    """Return the Kafka value of a schedule event."""
    return msgspec.json.encode(event)


def decode_event(value: bytes) -> ScheduleEvent:
    """Read a Kafka value.

    Raises:
        PoisonError: it is not one of the schedule's events, or is of another version.

    """
    try:
        event: ScheduleEvent = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise PoisonError("not_a_schedule_event", str(exc)) from exc
    except RecursionError as exc:
        # msgspec also walks through fields that nobody knows.
        raise PoisonError("not_a_schedule_event", "it is nested too deeply") from exc
    if event.v != VERSION:
        raise PoisonError("unknown_version", f"version {event.v}, expected {VERSION}")
    return event


class Past(NamedTuple):
    """The schedule as it was left: the stretches that hold, and up to when all slots were sent, if that is known.

    `edited_in` says of each region when a stretch began or ended in it last: those that ended are not known any more.
    """

    stretches: list[Started]
    sent_up_to_ms: int | None
    edited_in: Mapping[str, int] = MappingProxyType({})

    def regions_edited_since(self, moment_ms: int) -> set[str]:
        """Return the regions in which stretches may have ended after the moment."""
        return {region for region, at_ms in self.edited_in.items() if at_ms > moment_ms}


def past_of(values: Iterable[bytes]) -> Past:
    """Read the newest values of all keys of the topic. What is no event is passed over."""
    events = list(_readable(values))
    stretches = [event for event in events if isinstance(event, Started)]
    marks_ms = [event.at_ms for event in events if isinstance(event, SentUpTo)]
    # Before the first mark is told, nothing is known to have been sent.
    sent_up_to_ms = max(marks_ms, default=min((stretch.at_ms for stretch in stretches), default=None))
    edited_in: dict[str, int] = {}
    for event in events:
        if isinstance(event, Started | Ended):
            edited_in[event.region] = max(event.at_ms, edited_in.get(event.region, event.at_ms))
    return Past(stretches, sent_up_to_ms, edited_in)


def _readable(values: Iterable[bytes]) -> Iterator[ScheduleEvent]:
    for value in values:
        try:
            yield decode_event(value)
        except PoisonError as exc:
            log.error("schedule.event_unreadable: passed over: %s", exc)
