"""A dead letter says what it was, where it came from and why it is one."""

import hashlib

import pytest

from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import DeadLetter, dead_letter, dead_letter_of_record, kept, parse_dead_letter
from sitemon.stream.producer import Record
from sitemon.stream.topics import DEAD_LETTER_MAX_BYTES

TOPIC = "sitemon.dead-letters"


def a_message(key: bytes | None, value: bytes | None) -> Message:
    return Message("sitemon.results", 3, 41, key, value, 1_700_000_000_000)


def read_back(record: Record) -> DeadLetter:
    return parse_dead_letter(Message(record.topic, 0, 0, record.key, record.value, 0, record.headers))


@pytest.mark.parametrize("value", [b"\x00\xff{", b"", None], ids=["bytes", "empty", "tombstone"])
def test_a_message_is_kept_as_it_came_with_reason_and_place(value: bytes | None) -> None:
    record = dead_letter(TOPIC, a_message(b"shop\xff", value), "not_a_result")
    assert (record.topic, record.key, record.value) == (TOPIC, b"shop\xff", value)
    assert record.headers == (
        ("reason", b"not_a_result"),
        ("topic", b"sitemon.results"),
        ("partition", b"3"),
        ("offset", b"41"),
    )
    assert read_back(record) == DeadLetter(b"shop\xff", value, "not_a_result", "sitemon.results", 3, 41)


def test_a_record_that_kafka_never_took_has_no_place() -> None:
    letter = read_back(dead_letter_of_record(TOPIC, Record("sitemon.results", b"k", b"v"), "too_large"))
    assert letter == DeadLetter(b"k", b"v", "too_large", "sitemon.results", -1, -1)


def test_a_value_that_does_not_fit_is_cut_and_says_what_it_was() -> None:
    value = bytes(range(256)) * (DEAD_LETTER_MAX_BYTES // 256 + 1)
    record = dead_letter(TOPIC, a_message(b"k" * 10_000, value), "too_large")
    letter = read_back(record)
    assert letter.value is not None
    assert value.startswith(letter.value)
    assert 0.99 * DEAD_LETTER_MAX_BYTES < len(letter.value) < DEAD_LETTER_MAX_BYTES - 10_000
    assert record.size_bytes < DEAD_LETTER_MAX_BYTES
    assert letter.truncated == f"{len(value)} {hashlib.sha256(value).hexdigest()}"


def test_what_somebody_else_wrote_there_can_be_read_too() -> None:
    foreign = Message(TOPIC, 0, 7, None, b"?", 0, (("partition", b"x"), ("topic", b"\xff")))
    assert parse_dead_letter(foreign) == DeadLetter(None, b"?", "", "�", -1, -1)


@pytest.mark.parametrize(("key", "listed"), [(b"k" * (1 << 20), b"k" * 1_000), (b"shop", b"shop"), (None, None)])
def test_a_list_holds_neither_values_nor_long_keys(key: bytes | None, listed: bytes | None) -> None:
    letter = kept(Message(TOPIC, 0, 7, key, b"v" * 1_000_000, 0)).for_a_list().letter
    assert (letter.key, letter.value) == (listed, None)
