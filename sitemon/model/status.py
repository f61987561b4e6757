"""The state of a site: the message of topic ``sitemon.status``, of which the last of each site says all."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from sitemon.model.moment import format_utc
from sitemon.model.wire import decoded

VERSION: Final = 1

State = Literal["up", "degraded", "down", "unknown", "maintenance"]
"""Of a site over all its regions.

``down`` while an incident is open; ``degraded``: down as seen from some, or slow for long enough; ``unknown``: seen
from none now; ``maintenance`` in a window, whatever is seen. The last two come before the others.
"""


class OpenIncident(msgspec.Struct, frozen=True, kw_only=True):
    """The incident of a site that is not over; `reason`, `http_code` and `error` are of its first failure."""

    id: int
    started_at: datetime
    reason: str | None = None
    http_code: int | None = None
    error: str | None = None


class SiteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a site is, and since when; `regions` says what each region that has a view says: up or down.

    A message may come again. Of two of a site the one with the larger `sequence` holds, also where another database
    has followed: it is at least the microseconds of the epoch, by PostgreSQL's clock, and below 2^53.
    """

    v: int = VERSION
    site: str
    sequence: int
    state: State
    since_at: datetime
    regions: dict[str, Literal["up", "down"]]
    incident: OpenIncident | None = None


_decoder = msgspec.json.Decoder(SiteStatus)


def encode_status(status: SiteStatus) -> bytes:
    """Return the Kafka value of a status."""
    fields = msgspec.structs.asdict(status) | {"since_at": format_utc(status.since_at)}
    if status.incident:
        incident = status.incident
        fields["incident"] = msgspec.structs.asdict(incident) | {"started_at": format_utc(incident.started_at)}
    return msgspec.json.encode(fields)


def decode_status(value: bytes) -> SiteStatus:
    """Read a Kafka value.

    Raises:
        PoisonError: it is no status, or of another version.

    """
    return decoded(_decoder, value, VERSION, "not_a_status")
