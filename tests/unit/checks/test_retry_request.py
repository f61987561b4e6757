"""A server's first words in TLS, in however many records, and whether they ask for a finite field."""

import time
from collections.abc import Iterable

import pytest

from sitemon.checks.net.retry_request import FirstMessage, asks_for_finite_field

RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def hello(random: bytes = RANDOM, group: int = 0x0104) -> bytes:
    extensions = bytes.fromhex("002b00020304") + bytes.fromhex("00330002") + group.to_bytes(2)
    body = b"\x03\x03" + random + b"\x00" + b"\x13\x02" + b"\x00" + len(extensions).to_bytes(2) + extensions
    return b"\x02" + len(body).to_bytes(3) + body


def record(content: bytes, kind: int = 22) -> bytes:
    return bytes((kind, 3, 3)) + len(content).to_bytes(2) + content


def first_message(pieces: Iterable[bytes]) -> bytes | None:
    first = FirstMessage()
    return next((message for piece in pieces if (message := first.take(piece)) is not None), None)


@pytest.mark.parametrize(
    "received",
    [
        record(hello()),
        record(hello()) + record(b"\x01", kind=20),
        record(b"\x01", kind=20) + record(b"\x01\x00", kind=21) + record(hello()),
        b"".join(record(hello()[at : at + 1]) for at in range(len(hello()))),
        record(hello() + hello(b"\x00" * 32)),
    ],
)
def test_the_first_message_is_found_in_whatever_records_it_comes(received: bytes) -> None:
    assert first_message([received]) == hello()
    assert first_message(received[at : at + 1] for at in range(len(received))) == hello()
    assert all(first_message([received[:cut]]) in {None, hello()} for cut in range(len(received)))
    assert all(first_message([received[:cut], received[cut:]]) == hello() for cut in range(len(received)))


def test_one_that_comes_byte_by_byte_takes_no_longer_for_that() -> None:
    records = record(b"") * ((64 << 10) // 5)
    began_s = time.process_time()
    assert first_message(records[at : at + 1] for at in range(len(records))) is None
    assert time.process_time() - began_s < 10


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        *((hello(group=group), True) for group in range(0x0100, 0x0105)),
        (hello(group=0x001D), False),
        (hello(b"\x01" * 32), False),
    ],
)
def test_only_a_retry_for_a_finite_field_is_told(message: bytes, expected: bool) -> None:
    assert asks_for_finite_field(message) is expected
