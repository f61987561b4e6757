"""What the API answers: names are those of the views, moments are as in the messages."""

from datetime import date, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from sitemon.model.moment import format_utc
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind

_MOMENT = "2026-11-24T07:00:00.000000Z"

Moment = Annotated[
    datetime,
    PlainSerializer(format_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_MOMENT]}),
]
Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-24"]})]
SiteState = Literal["up", "degraded", "down", "unknown", "maintenance"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0})]
"""Said, not demanded: by one result of less than none, of whoever may write to Kafka, no site could be read."""
Count = Annotated[int, Field(ge=0)]
MadeUp = Annotated[
    Moment | None, Field(description="null but in the demo, which makes up its past: what lies before it never was")
]
Item = TypeVar("Item")


class Answer(BaseModel):
    """An object of the API. Readers ignore fields that they do not know: later versions may have more."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[Item]):
    """A part of a list. `next_cursor` gives the part after it; null: this is the last."""

    items: list[Item]
    next_cursor: str | None = Field(description="`cursor` of the part that follows; null: there is none")
    made_up_until_at: MadeUp


class RegionStatus(Answer):
    """A site as it is seen from a region, of the view `site_status`."""

    region: str = Field(examples=["default"])
    state: str = Field(examples=["up"])
    state_since: Moment
    seen_at: Moment | None = Field(description="the newest slot at which somebody looked; null: nobody ever did")
    reason: str | None
    http_code: int | None
    latency_s: Seconds | None
    interval_s: Seconds | None = Field(description="null: it is in no schedule")
    is_region_offline: bool = Field(description="the region could not reach it, and is offline")


class Site(Answer):
    """A site over all its regions: it is down when more than half of those that have a view say so."""

    site: str = Field(examples=["shop"])
    url: str = Field(examples=["https://shop.example/"])
    state: str = Field(description="up, degraded, down, unknown (nobody looked) or maintenance", examples=["up"])
    state_since: Moment
    labels: dict[str, str] = Field(examples=[{"team": "web"}])
    incident_id: int | None = Field(description="its open incident, if there is one")
    regions: list[RegionStatus]


class Sites(Page[Site]):
    """Sites by their names. `as_of` is when the database said so."""

    as_of: Moment


class Result(Answer):
    """What a check found, of the view `results`. A `missed` one (nobody looked) has no latency and no phases."""

    site: str
    url: str
    region: str
    kind: Kind
    slot_at: Moment
    checked_at: Moment
    outcome: Outcome
    reason: Reason | None
    http_code: int | None
    latency_s: Seconds | None
    dns_s: Seconds | None
    connect_s: Seconds | None
    tls_s: Seconds | None
    first_byte_s: Seconds | None
    download_s: Seconds | None
    match: str | None
    is_match_found: bool | None
    ip: str | None
    http_version: str | None
    redirects: int
    body_bytes: int
    cert_expires_at: Moment | None
    error: str | None
    excerpt: str | None = Field(description="the piece of the page that tells why it is not up, without secrets")
    counts_as: Literal["up", "degraded", "down", "missed", "maintenance"] | None = Field(
        None, description="the count of uptime that it is in; null: in none"
    )


class _Uptime(Answer):
    """`uptime_low` counts what was missed as down, `uptime_high` as up; `coverage` says how much was looked at.

    All are null where nothing counts.
    """

    site: str
    region: str
    up: Count
    degraded: Count
    down: Count
    missed: Count
    maintenance: Count = Field(description="in windows of maintenance; they count in no other column")
    uptime_low: Fraction | None
    uptime_high: Fraction | None
    coverage: Fraction | None


class _UptimeWithLatency(_Uptime):
    p50_s: Seconds | None
    p95_s: Seconds | None
    p99_s: Seconds | None


class UptimeOfHour(_UptimeWithLatency):
    """An hour (UTC) of the view `uptime_hourly`."""

    hour_at: Moment


class UptimeOfDay(_UptimeWithLatency):
    """A day (UTC) of the view `uptime_daily`."""

    day: Day


class UptimeOfDays(_Uptime):
    """The last days, today included, of the view `uptime_recent`."""

    days: int = Field(examples=[30])
    as_of: Moment | None = Field(description="null: it is about to be counted anew")


class Uptime(Page[UptimeOfHour | UptimeOfDay]):
    """Hours or days, the newest first; `recent` are the last 1, 7, 30 and 90 days."""

    recent: list[UptimeOfDays]


class Bucket(Answer):
    """So many checks took as long as bucket `bucket` says, of `bounds_s`."""

    bucket: Annotated[int, Field(ge=0, le=63)]
    checks: Count


class _Latency(Answer):
    site: str
    region: str
    checks: Count
    p50_s: Seconds | None
    p95_s: Seconds | None
    p99_s: Seconds | None
    histogram: list[Bucket]


class LatencyOfHour(_Latency):
    """An hour (UTC) of the view `latency_hourly`."""

    hour_at: Moment


class LatencyOfDay(_Latency):
    """A day (UTC) of the view `latency_daily`."""

    day: Day


class Latency(Page[LatencyOfHour | LatencyOfDay]):
    """Hours or days, the newest first. Bucket n ends at `bounds_s[n]`, where the next begins; the last has no end."""

    bounds_s: list[Seconds]


class Incident(Answer):
    """A stretch in which a site was down, by its thresholds, of the view `incidents`."""

    incident_id: int = Field(examples=[17])
    site: str
    started_at: Moment
    ended_at: Moment | None
    regions: list[str]
    reason: str | None
    http_code: int | None
    error: str | None
    decided_at: Moment = Field(description="when it was known")
    withdrawn_at: Moment | None = Field(description="when late results, maintenance or an offline region said so")
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    behind: str | None = Field(
        description="the site that is down and that this one depends on: nobody is told meanwhile"
    )


class Alert(Answer):
    """What was said of an incident on a channel, of the view `alerts`."""

    alert_id: int
    type: str = Field(examples=["site.down"])
    channel: str
    state: str = Field(description="waiting, delivered or given up")
    created_at: Moment
    delivered_at: Moment | None
    tries: Count
    problem: str | None


class Note(Answer):
    """What somebody wrote of an incident, of the view `notes`."""

    note_id: int
    written_at: Moment
    written_by: str
    note: str
    is_published: bool = Field(description="the public page and its feed show it, without the name")
    withdrawn_at: Moment | None = Field(description="when it was taken back: only who may read here still sees it")
    withdrawn_by: str | None
    was_published: bool = Field(description="it is for everybody, or was until it was taken back")


class IncidentInFull(Incident):
    """An incident, and what was said of it."""

    alerts: list[Alert] = Field(description="the newest 200, in the order in which they were made")
    notes: list[Note] = Field(description="the newest 200, in the order in which they were written")
    made_up_until_at: MadeUp


class Maintenance(Answer):
    """A window of maintenance that was declared, with the names of the view `maintenance`."""

    maintenance_id: int
    sites: list[str]
    from_at: Moment
    until_at: Moment
    reason: str | None
    declared_by: str


class LedgerTotals(Answer):
    """What the schedule asked for, and what became of it: expected = real + told + derived + unaccounted."""

    expected: int
    real: int
    told: int
    derived: int
    lost: int
    unaccounted: int
    unexpected: int


class LedgerHour(LedgerTotals):
    """An hour (UTC) of a site in a region, of the view `ledger`."""

    site: str
    region: str
    hour_at: Moment


class Ledger(Page[LedgerHour]):
    """Hours, the newest first; `totals` are those of the whole stretch. Up to `closed_at` the account is closed."""

    closed_at: Moment
    totals: LedgerTotals


class Session(Answer):
    """Who is signed in. A browser sends `csrf_token` in `X-CSRF-Token` with what it does; a program need not."""

    name: str = Field(examples=["anna"])
    via: Literal["token", "session", "proxy"]
    csrf_token: str


class Error(Answer):
    """One thing that is wrong with a request: where it is, and what was expected."""

    place: str = Field(alias="in", examples=["query"])
    name: str = Field(examples=["limit"])
    detail: str


class ProblemDetails(Answer):
    """What is answered instead (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no site of this name is watched"])
    errors: list[Error] | None = None
