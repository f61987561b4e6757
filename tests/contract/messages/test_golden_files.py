"""The messages as documented: schema and examples in docs/messages are what the model says, to the byte.

``python -m tests.contract.messages.test_golden_files`` writes them anew after a change that is meant.
"""

import itertools
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import pytest

from sitemon.model.alert_event import (
    AboutCertificate,
    AboutDegraded,
    AboutIncident,
    AboutNothing,
    AboutRegion,
    AboutSilence,
    AlertEvent,
    CertificateExpiring,
    IncidentSaid,
    IncidentWithdrawn,
    MonitorSilent,
    RegionOffline,
    RegionOnline,
    SiteDegraded,
    SiteDown,
    SiteRecovered,
    SiteReminder,
    SiteResolved,
    Trial,
    plain,
)
from sitemon.model.marks import Mark, Published, Reign, decode_mark, encode_mark
from sitemon.model.outcome import Outcome
from sitemon.model.result import Certificate, Kind, Phases, Result, decode, encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started, Told, decode_event, encode_event
from sitemon.model.status import OpenIncident, SiteStatus, decode_status, encode_status

FOLDER = Path(__file__).parents[3] / "docs" / "messages"
RESULT = Result(
    site="example",
    url="https://example.org/",
    region="default",
    kind=Kind.SCHEDULED,
    slot_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
    checked_at=datetime(2026, 11, 24, 7, 0, 0, 12_345, tzinfo=UTC),
    outcome=Outcome.UP,
    http_code=200,
    latency_s=0.1234,
    phases_s=Phases(dns=0.001, connect=0.02, tls=0.05, first_byte=0.05, download=0.0024),
    match="Example",
    is_match_found=True,
    ip="192.0.2.10",
    http_version="1.1",
    body_bytes=1256,
    cert_expires_at=datetime(2027, 1, 31, 12, tzinfo=UTC),
    certificates=(
        Certificate(
            subject="CN=example.org",
            issuer="CN=Example CA,O=Example,C=FI",
            begins_at=datetime(2026, 11, 2, 12, tzinfo=UTC),
            expires_at=datetime(2027, 1, 31, 12, tzinfo=UTC),
        ),
    ),
)
EVENTS: list[ScheduleEvent] = [
    Started(
        site="example",
        region="default",
        at_ms=1_795_503_600_000,
        token=7,
        sequence=1,
        interval_ms=60_000,
        from_slot_ms=1_795_503_552_345,
        patience_ms=82_000,
        labels={"team": "web"},
    ),
    Ended(site="example", region="default", at_ms=1_795_507_200_000, token=7, sequence=2),
    Told(at_ms=1_795_525_200_000, token=7, sequence=4, first=3),
]
EARLIER_EVENTS: list[ScheduleEvent] = [
    Started(
        site="example", region="default", at_ms=1_795_503_600_000, interval_ms=60_000, from_slot_ms=1_795_503_612_345
    ),
    Ended(site="example", region="default", at_ms=1_795_507_200_000),
    Away(region="default", from_ms=1_795_503_600_000, until_ms=1_795_507_200_000),
    SentUpTo(at_ms=1_795_507_200_000),
]
MARKS: list[Mark] = [
    Reign(token=7, from_ms=1_795_503_600_000, until_ms=1_795_507_200_000),
    Published(publisher="0b7f9dc6c23f4a7f8f2f6f6f1a9c3d55", up_to_ms=1_795_507_199_000, made=3_600),
    Published(publisher="0b7f9dc6c23f4a7f8f2f6f6f1a9c3d55", up_to_ms=1_795_507_204_000, made=3_605, is_last=True),
]


OPEN = OpenIncident(
    id=17,
    started_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
    reason="http_status",
    http_code=503,
    error="expected 200-299",
)
STATUSES = [
    SiteStatus(
        site="example",
        sequence=1_795_503_600_000_041,
        state="down",
        since_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
        regions={"eu": "down", "us": "down"},
        incident=OPEN,
    ),
    SiteStatus(
        site="example",
        sequence=1_795_503_900_000_042,
        state="maintenance",
        since_at=datetime(2026, 11, 24, 7, 5, tzinfo=UTC),
        regions={"eu": "down", "us": "down"},
        incident=OPEN,
    ),
    SiteStatus(
        site="example",
        sequence=1_795_504_080_000_043,
        state="unknown",
        since_at=datetime(2026, 11, 24, 7, 8, tzinfo=UTC),
        regions={},
        incident=OPEN,
    ),
    SiteStatus(
        site="example",
        sequence=1_795_504_200_000_044,
        state="up",
        since_at=datetime(2026, 11, 24, 7, 10, tzinfo=UTC),
        regions={"eu": "up", "us": "up"},
    ),
]


def moment(minute: int) -> str:
    return f"2026-11-24T07:{minute:02}:00.000000Z"


NUMBERS = itertools.count(1)


def of_site() -> dict[str, Any]:
    id_ = f"0b5e7d1c-3f0a-4b59-9d7e-{next(NUMBERS):012}"
    link = "https://status.example/sites/shop"
    return {"id": id_, "site": "shop", "url": "https://shop.example/", "labels": {"team": "web"}, "link": link}


WHY: dict[str, Any] = {
    "reason": "http_status",
    "http_code": 503,
    "error": "HTTP status 503, expected 200-299",
    "excerpt": "…<title>Down for maintenance</title>…",
}


def of_incident(ended: int | None = None, **fields: Any) -> AboutIncident:
    incident = IncidentSaid(
        id=17,
        started_at=moment(0),
        ended_at=None if ended is None else moment(ended),
        duration_s=60.0 * (2 if ended is None else ended),
        acknowledged_by=None if ended is None else "anna",
        **WHY,
    )
    how: dict[str, Any] = {
        "state": "down" if ended is None else "up",
        "since": moment(ended or 0),
        "regions": {"eu": "down" if ended is None else "up"},
        "is_escalated": False,
        "is_corrected": False,
        "well_for_s": 93_600.0 if ended is None else None,
        "cert_expires_at": None,
        "is_maintained": False,
    }
    link = "https://status.example/incidents/17"
    return AboutIncident(**{**of_site(), **how, "incident": incident, "link": link, **fields})


def of_degraded(state: Literal["up", "degraded"]) -> AboutDegraded:
    return AboutDegraded(
        **of_site(),
        state=state,
        since=moment(0 if state == "degraded" else 20),
        began_at=moment(0),
        duration_s=180.0 if state == "degraded" else 1_200.0,
        regions={"eu": state, "us": "up"},
        reason="too_slow",
        http_code=200,
        error="took 0.812 s, expected 0.500 s at most",
        excerpt=None,
        cert_expires_at="2027-01-31T12:00:00.000000Z",
    )


def of_region(state: Literal["offline", "online"]) -> AboutRegion:
    return AboutRegion(
        id=of_site()["id"],
        link="https://status.example/",
        region="eu",
        state=state,
        since=moment(0 if state == "offline" else 9),
        began_at=moment(0),
        hosts=40,
        hosts_looked_at=42,
    )


def of_silence(state: Literal["silent", "over"]) -> AboutSilence:
    return AboutSilence(
        id=of_site()["id"],
        link="https://status.example/",
        region=None,
        state=state,
        since=moment(0 if state == "silent" else 9),
        began_at=moment(0),
        cause="beat_down",
        sites=42,
        named=["blog", "shop"],
        still=[],
    )


ALERTS: list[AlertEvent] = [
    SiteDown(timestamp=moment(2), data=of_incident()),
    SiteReminder(timestamp=moment(2), data=of_incident(well_for_s=None)),
    SiteResolved(timestamp=moment(12), data=of_incident(12)),
    SiteResolved(timestamp=moment(12), data=of_incident(12, is_taken_out=True)),
    IncidentWithdrawn(timestamp=moment(12), data=of_incident(12, is_corrected=True)),
    SiteDegraded(timestamp=moment(3), data=of_degraded("degraded")),
    SiteRecovered(timestamp=moment(20), data=of_degraded("up")),
    CertificateExpiring(
        timestamp=moment(0),
        data=AboutCertificate(**of_site(), cert_expires_at="2026-12-01T07:00:00.000000Z", threshold_days=7),
    ),
    RegionOffline(timestamp=moment(1), data=of_region("offline")),
    RegionOnline(timestamp=moment(10), data=of_region("online")),
    MonitorSilent(timestamp=moment(4), data=of_silence("silent")),
    MonitorSilent(timestamp=moment(10), data=of_silence("over")),
    Trial(timestamp=moment(0), data=AboutNothing(id=of_site()["id"], site="test", url=None, labels={})),
]


def golden_files() -> dict[str, bytes]:
    return {
        "alerts-v1.json": listed(msgspec.json.encode(plain(event)) for event in ALERTS),
        "alerts-v1.schema.json": pretty(schema_of(AlertEvent)),
        "marks-v1.json": listed(encode_mark(mark) for mark in MARKS),
        "marks-v1.schema.json": pretty(schema_of(Mark)),
        "result-v1.json": encode(RESULT),
        "result-v1.schema.json": pretty(schema_of(Result)),
        "schedule-v1.json": listed(encode_event(event) for event in EVENTS),
        "schedule-v1.schema.json": pretty(schema_of(ScheduleEvent)),
        "status-v1.json": listed(encode_status(status) for status in STATUSES),
        "status-v1.schema.json": pretty(schema_of(SiteStatus)),
    }


def schema_of(kind: Any) -> Any:
    """Return the schema without OpenAPI's `discriminator` and `format`, which strict validators refuse.

    The tags tell as much as the one; in what form a moment stands, the examples beside the schema show.
    """
    return without({"discriminator", "format"}, msgspec.json.schema(kind))


def without(keywords: Collection[str], schema: Any) -> Any:
    """Return a schema without these keywords, wherever they stand."""
    if isinstance(schema, list):
        return [without(keywords, one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without(keywords, value) for name, value in schema.items() if name not in keywords}


def listed(values: Iterable[bytes]) -> bytes:
    return b"[\n  " + b",\n  ".join(values) + b"\n]"


def pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


@pytest.mark.parametrize("name", sorted(golden_files()))
def test_what_is_documented_is_what_is_sent(name: str) -> None:
    assert (FOLDER / name).read_bytes().rstrip() == golden_files()[name]


def keywords_of(schema: object, *, are_names: bool = False) -> set[str]:
    """Return the keywords of a schema: the keys that are neither names of fields nor of definitions."""
    if isinstance(schema, list):
        return set().union(*map(keywords_of, schema))
    if not isinstance(schema, dict):
        return set()
    inner = (keywords_of(value, are_names=key in {"properties", "$defs"}) for key, value in schema.items())
    return set().union(*inner) | (set() if are_names else set(schema))


@pytest.mark.parametrize("name", sorted(name for name in golden_files() if "schema" in name))
def test_a_schema_uses_no_keyword_but_json_schemas_own(name: str) -> None:
    """Strict mode of ajv 8 refuses any other, and a `format` that it does not know: https://ajv.js.org/strict-mode.html."""
    applied = {"$defs", "$ref", "anyOf", "items", "properties", "required", "type", "enum", "minimum", "maximum"}
    applied |= {"additionalProperties", "maxLength", "maxItems", "pattern"}
    told = {"title", "description", "default"}
    assert keywords_of(msgspec.json.decode((FOLDER / name).read_bytes())) <= applied | told


def test_the_documented_result_is_read_and_written_to_the_byte() -> None:
    value = (FOLDER / "result-v1.json").read_bytes().rstrip()
    assert encode(decode(value)) == value


def values_of(name: str) -> list[bytes]:
    return [bytes(value) for value in msgspec.json.decode((FOLDER / name).read_bytes(), type=list[msgspec.Raw])]


def test_the_documented_events_are_read() -> None:
    assert [decode_event(value) for value in values_of("schedule-v1.json")] == EVENTS


def test_the_documented_alerts_are_of_every_kind() -> None:
    assert msgspec.json.decode((FOLDER / "alerts-v1.json").read_bytes(), type=list[AlertEvent]) == ALERTS
    assert {type(event) for event in ALERTS} == set(get_args(AlertEvent))


def test_what_earlier_versions_wrote_is_read() -> None:
    assert [decode_event(value) for value in values_of("schedule-v1-earlier.json")] == EARLIER_EVENTS


def test_the_documented_marks_are_read() -> None:
    assert [decode_mark(value) for value in values_of("marks-v1.json")] == MARKS


def test_the_documented_statuses_are_read() -> None:
    assert [decode_status(value) for value in values_of("status-v1.json")] == STATUSES


if __name__ == "__main__":
    for name, content in golden_files().items():
        (FOLDER / name).write_bytes(content + b"\n")
