"""The messages as documented: schema and examples in docs/messages are what the model says, to the byte.

``python -m tests.contract.messages.test_golden_files`` writes them anew after a change that is meant.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Phases, Result, decode, encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, SentUpTo, Started, decode_event, encode_event

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
)
EVENTS: list[ScheduleEvent] = [
    Started(
        site="example", region="default", at_ms=1_795_503_600_000, interval_ms=60_000, from_slot_ms=1_795_503_612_345
    ),
    Ended(site="example", region="default", at_ms=1_795_507_200_000),
    Away(region="default", from_ms=1_795_503_600_000, until_ms=1_795_507_200_000),
    SentUpTo(at_ms=1_795_507_200_000),
]


def golden_files() -> dict[str, bytes]:
    events = b"[\n  " + b",\n  ".join(encode_event(event) for event in EVENTS) + b"\n]"
    return {
        "result-v1.json": encode(RESULT),
        "result-v1.schema.json": pretty(msgspec.json.schema(Result)),
        "schedule-v1.json": events,
        "schedule-v1.schema.json": pretty(msgspec.json.schema(ScheduleEvent)),
    }


def pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


@pytest.mark.parametrize("name", sorted(golden_files()))
def test_what_is_documented_is_what_is_sent(name: str) -> None:
    assert (FOLDER / name).read_bytes().rstrip() == golden_files()[name]


def test_the_documented_result_is_read_and_written_to_the_byte() -> None:
    value = (FOLDER / "result-v1.json").read_bytes().rstrip()
    assert encode(decode(value)) == value


def test_the_documented_events_are_read() -> None:
    listed = msgspec.json.decode((FOLDER / "schedule-v1.json").read_bytes(), type=list[msgspec.Raw])
    assert [decode_event(bytes(value)) for value in listed] == EVENTS


if __name__ == "__main__":
    for name, content in golden_files().items():
        (FOLDER / name).write_bytes(content + b"\n")
