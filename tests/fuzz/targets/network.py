"""What a name server answers, and what a server says first in TLS."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import dns.message
import dns.rrset
from cryptography.hazmat.primitives.serialization import Encoding

from sitemon.checks.errors import CheckError
from sitemon.checks.net.retry_request import FirstMessage, asks_for_finite_field
from sitemon.checks.net.tls import certificate_of, earliest_expiry
from sitemon.checks.probes import dns as probe
from sitemon.checks.probes import dns_query
from sitemon.local.chains import new_leaf
from sitemon.model.target import RECORD_TYPES, Question
from tests.fuzz.target import SEPARATOR, Target, pieces_of

_NAME: Final = "shop.example"
_RECORDS: Final = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "ca.example"',
    "CNAME": "www.shop.example.",
    "MX": "10 mail.shop.example.",
    "NS": "ns.shop.example.",
    "PTR": "host.shop.example.",
    "SOA": "ns.shop.example. mail.shop.example. 1 2 3 4 5",
    "SRV": "1 2 443 host.shop.example.",
    "TXT": '"v=spf1" "more \\228"',
}
_NOT_AFTER: Final = datetime(2030, 1, 1, tzinfo=UTC)


def _answer(record_type: str, *, section: str = "answer", count: int = 1) -> bytes:
    query = dns.message.make_query(f"{_NAME}.", record_type, use_edns=0, id=1)
    answer = dns.message.make_response(query)
    records = [_RECORDS[record_type]] * count
    getattr(answer, section).append(dns.rrset.from_text(f"{_NAME}.", 60, "IN", record_type, *records))
    return answer.to_wire()


def read_answer(data: bytes) -> None:
    """Read an answer of a name server to a question of the type that the first byte says."""
    record_type = RECORD_TYPES[(data[0] if data else 0) % len(RECORD_TYPES)]
    query = dns.message.make_query(f"{_NAME}.", record_type, use_edns=0, id=1)
    question = Question(_NAME, record_type)
    wire = query.to_wire()
    with suppress(CheckError):
        if not dns_query._is_answer(wire, data[1:]):
            return
        answer = dns_query._read(wire, data[1:])
        assert query.is_response(answer)
        found = probe._records(answer, question)
        for failure in probe._failures((_RECORDS[record_type],), found, question):
            assert failure.words


def _first(pieces: Iterable[bytes]) -> bytes | None:
    first = FirstMessage()
    return next((message for piece in pieces if (message := first.take(piece)) is not None), None)


def read_first_message(data: bytes) -> None:
    """Read a server's first message in TLS; how the network cuts it makes no difference."""
    message = _first([data[1:]])
    assert message == _first(pieces_of(data))
    if message is not None:
        asks_for_finite_field(message)


def read_certificates(data: bytes) -> None:
    """Read the certificates that a server sent."""
    chain = data.split(SEPARATOR)
    earliest_expiry(chain)
    for certificate in chain:
        found = certificate_of(certificate)
        assert found is None or found.expires_at.tzinfo


_RETRY: Final = bytes.fromhex(
    "160303003a020000360303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c0013020000"
    "0e002b0002030400330002010400"
)
_LEAF: Final = new_leaf(
    None, hosts=("shop.example", "192.0.2.1"), begins_at=datetime(2026, 1, 1, tzinfo=UTC), ends_at=_NOT_AFTER
).certificate.public_bytes(Encoding.DER)

TARGETS: Final = (
    Target(
        "answer",
        read_answer,
        (
            *(bytes([place]) + _answer(record_type) for place, record_type in enumerate(RECORD_TYPES)),
            b"\x00" + _answer("CNAME", count=2),
            b"\x00" + _answer("NS", section="authority"),
            b"\x00" + _answer("A")[:30],
        ),
    ),
    Target("first_message", read_first_message, (b"\x05" + _RETRY, b"\x40\x15\x03\x03\x00\x02\x02\x28" + _RETRY)),
    Target("certificates", read_certificates, (_LEAF, SEPARATOR.join((_LEAF, _LEAF[:-20])))),
)
