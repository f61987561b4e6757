"""What can never be recorded is put aside with its reason and place, and holds up nothing."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from sitemon.model.result import Result, encode
from sitemon.model.schedule import Started, encode_event
from sitemon.record.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.store.write import Written
from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.in_memory import MemoryBroker
from tests.databases import execute, rows
from tests.integration.record.conftest import TOPICS, StartRecorder, wait_until
from tests.integration.record.test_recording import COUNT, is_all_committed, put, send
from tests.results import a_missed, a_result

GOOD: dict[str, Any] = json.loads(encode(a_result("poison")))


def changed(**fields: object) -> bytes:
    return json.dumps(GOOD | fields).encode()


BEYOND_ALL_TIME = {
    "subject": "CN=a",
    "issuer": "CN=b",
    "begins_at": "2026-11-24T07:00:00Z",
    "expires_at": "9999-12-31T23:59:59-23:59",
}

POISON: dict[str, tuple[bytes | None, str]] = {
    "random bytes": (random.Random(1).randbytes(1_000), "not_a_result"),
    "nothing": (b"", "not_a_result"),
    "half of it": (encode(a_result())[:100], "not_a_result"),
    "another version": (changed(v=2), "unknown_version"),
    "another schema": (b'{"v":1,"name":"shop","ok":true}', "not_a_result"),
    "an event of the schedule": (
        encode_event(Started(site="s", region="r", at_ms=1, interval_ms=1_000, from_slot_ms=2)),
        "not_a_result",
    ),
    "a megabyte": (changed(error="x" * 1_000_000), "too_large"),
    "a megabyte of zeros": (bytes(1_000_000), "too_large"),
    "NUL in the error": (changed(error="a\x00b"), "not_text"),
    "NUL in the site": (changed(site="a\x00b"), "not_text"),
    "NUL in the url": (changed(url="a\x00b"), "not_text"),
    "NUL in the region": (changed(region="a\x00b"), "not_text"),
    "invalid UTF-8": (changed(site="shop").replace(b"shop", b"sh\xffop"), "not_a_result"),
    "a lone surrogate": (changed(site="\ud800"), "not_a_result"),
    "a code out of range": (changed(http_code=70_000), "not_a_result"),
    "a length out of range": (changed(body_bytes=2**40), "not_a_result"),
    "a number beyond 64 bits": (changed(redirects=2**80), "not_a_result"),
    "a latency out of range": (changed(latency_s=1e300), "not_a_result"),
    "not a number": (changed(latency_s=float("nan")), "not_a_result"),
    "a latency that no moment can be added to": (changed(latency_s=1e38), "not_a_result"),
    "a check before all time": (changed(checked_at="0001-01-01T00:00:00+23:59"), "not_a_result"),
    "a certificate beyond all time": (changed(cert_expires_at="9999-12-31T23:59:59-23:59"), "not_a_result"),
    "a chain beyond all time": (changed(certificates=[BEYOND_ALL_TIME]), "not_a_result"),
    "1970": (changed(slot_at="1970-01-01T00:00:00.000000Z"), "slot_out_of_range"),
    "2200": (changed(slot_at="2200-01-01T00:00:00.000000Z"), "slot_out_of_range"),
    "the end of time": (changed(slot_at="9999-12-31T23:59:59-23:59"), "slot_out_of_range"),
    "a name of 10,000": (changed(site="s" * 10_000), "name_too_long"),
    "a region of 10,000": (changed(region="r" * 10_000), "not_a_result"),
    "a region that no configuration can have": (changed(region='"'), "not_a_result"),
    "a URL of 60,000": (changed(url="http://" + "x" * 60_000), "not_a_result"),
    "an error of 60,000": (changed(error="x" * 60_000), "not_a_result"),
    "no address": (changed(ip="localhost"), "not_a_result"),
    "nested too deeply": (b'{"x":' + b"[" * 60_000, "not_a_result"),
    "a tombstone": (None, "tombstone"),
}


def letters(broker: MemoryBroker) -> list[tuple[str, str, int, int, bytes | None]]:
    found = [parse_dead_letter(message) for message in broker.messages(TOPICS.dead_letters)]
    return [(letter.reason, letter.topic, letter.partition, letter.offset, letter.value) for letter in found]


def as_letter(message: Message, reason: str) -> tuple[str, str, int, int, bytes | None]:
    return (reason, message.topic, message.partition, message.offset, message.value)


def test_each_kind_of_poison_ends_in_the_dead_letters_and_all_else_is_recorded(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    expected = []
    for minute, (value, reason) in enumerate(POISON.values()):
        send(broker, [a_result(f"site-{minute}"), a_result("shop", minute=minute)])
        expected.append(as_letter(put(broker, value), reason))
    running = start_recorder()
    wait_until(lambda: is_all_committed(broker))
    assert running.error is None
    assert sorted(letters(broker), key=str) == sorted(expected, key=str)
    assert rows(conn, COUNT) == [(2 * len(POISON),)]


@pytest.mark.parametrize(
    "odd",
    [
        {"checked_at": "1970-01-01T00:00:00Z"},
        {"cert_expires_at": "9999-12-31T23:59:59Z"},
        {"error": "x" * 512},
        {"url": "x" * 8_000},
        {"match": "(" * 4_096},
        {"latency_s": -1.0, "redirects": -5},
        {"site": "'; DROP TABLE sitemon.result; --"},
        {"site": "\u202e\x1b[31m", "error": "\u0301" * 100},
        {"ip": "fe80::1%eth0"},
        {"unknown": {"deep": [1, 2, 3]}},
    ],
    ids=",".join,
)
def test_what_is_only_odd_is_recorded(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection, odd: dict[str, Any]
) -> None:
    put(broker, changed(**odd))
    start_recorder()
    wait_until(lambda: is_all_committed(broker))
    assert letters(broker) == []
    assert rows(conn, COUNT) == [(1,)]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many results each transaction was to write."""
    seen: list[int] = []
    write = Database.write

    def note(self: Database, results: Sequence[Result], *more: Any) -> Written:
        seen.append(len(results))
        return write(self, results, *more)

    monkeypatch.setattr(Database, "write", note)
    return seen


@pytest.mark.parametrize("foreign", ["NUL in the error", "NUL in the site", "a length out of range", "no address"])
def test_of_a_batch_that_is_half_bad_the_good_ones_are_written_once(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection, sizes: list[int], foreign: str
) -> None:
    for site in range(2_500):
        send(broker, [a_result(f"site-{site}", minute=site % 50)])
        put(broker, POISON[foreign][0])
    running = start_recorder(limit=DeadLetterLimit(1.0))
    wait_until(lambda: is_all_committed(broker), 60)
    running.end()
    assert running.error is None
    assert len(letters(broker)) == 2_500
    assert rows(conn, COUNT) == [(2_500,)]
    assert sum(sizes) == 2_500


def test_for_one_record_that_only_postgresql_refuses_its_batch_is_written_three_times_at_most(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection, sizes: list[int]
) -> None:
    """In halves: the transactions that fail have twice its results, those that do not have it once."""
    execute(conn, "ALTER TABLE sitemon.result ADD CONSTRAINT theirs CHECK (redirects <> 999)")
    put(broker, changed(redirects=999))
    send(broker, [a_result(f"site-{site}", minute=site % 50) for site in range(4_999)])
    running = start_recorder()
    wait_until(lambda: is_all_committed(broker), 60)
    running.end()
    assert len(letters(broker)) == 1
    assert rows(conn, COUNT) == [(4_999,)]
    assert sum(sizes) <= 3 * 5_000
    assert len(sizes) <= 2 * (5_000).bit_length() + 5


def test_a_good_result_behind_a_bad_one_of_its_key_is_recorded(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    missed = a_missed("poison")
    for value in (encode(missed), changed(error="a\x00b"), changed(body_bytes=2**40), changed(http_code=201)):
        put(broker, value)
    send(broker, [a_result(f"site-{site}") for site in range(10)])
    start_recorder()
    wait_until(lambda: is_all_committed(broker))
    assert [letter[0] for letter in letters(broker)] == ["not_text", "not_a_result"]
    assert rows(conn, "SELECT http_code FROM sitemon.results WHERE site = 'poison'") == [(201,)]


def test_a_topic_of_nothing_but_poison_stops_the_recorder_and_stays_as_it_is(
    broker: MemoryBroker, start_recorder: StartRecorder
) -> None:
    for _ in range(3_000):
        put(broker, changed(v=2))
    for _ in range(2):
        running = start_recorder()
        wait_until(lambda running=running: not running.is_running)  # type: ignore[misc] # bound at once
        assert isinstance(running.error, TooManyDeadLettersError)
        assert "3,000 of the newest 3,000 messages cannot be recorded, most of them as unknown_version" in str(
            running.error
        )
        assert broker.committed == {}
        assert letters(broker) == []
        running.end()


def test_it_can_be_told_to_divert_them_all_the_same(broker: MemoryBroker, start_recorder: StartRecorder) -> None:
    for _ in range(3_000):
        put(broker, b"junk")
    start_recorder(limit=DeadLetterLimit(1.0))
    wait_until(lambda: is_all_committed(broker))
    assert len(letters(broker)) == 3_000


def test_what_is_good_in_the_batch_that_stops_it_is_recorded_once(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_result(f"site-{site}") for site in range(100)])
    for _ in range(2_000):
        put(broker, b"junk")
    for limit in (DeadLetterLimit(0.5), DeadLetterLimit(1.0)):
        running = start_recorder(limit=limit)
        wait_until(lambda running=running: is_all_committed(broker) or not running.is_running)  # type: ignore[misc] # so is this
        running.end()
        assert rows(conn, COUNT) == [(100,)]
    assert is_all_committed(broker)
