"""Which message answers a query, and what of an answer is looked at: decided on the bytes, before dnspython reads it.

A name may be a pointer at a long one, so that a few kilobytes stand for many names; dnspython takes milliseconds for
each of those that are long. So what it reads is written anew, without pointers and without what is not looked at.
"""

import struct
from typing import Final

import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

_HEADER_BYTES: Final = 12
_MOST_RECORDS: Final = 256
_MOST_WORK: Final = 100_000
"""What dnspython takes to read an answer, and to write its records as text, as measured: about 10 ms."""
_WORK_FOR_RECORD: Final = 500
_WORK_FOR_STEP: Final = 13
"""Of a record's own name, for each of its labels and pointers; each of its bytes counts one."""
_WORK_FOR_NAME: Final = 80
_WORK_FOR_LABEL: Final = 50
_WORK_FOR_LABELS: Final = 2
"""Of a name in a record's data, for each of its labels with each other."""
_WORK_FOR_BYTE: Final = 3
"""What is no letter is escaped, in names and of CAA."""
_WORK_FOR_PIECE: Final = 40
"""Of text, which may be empty."""
_MOST_STEPS: Final = 160
_LONGEST_NAME: Final = 255

_QR: Final = 0x8000
_OPCODE: Final = 0x7800
_RCODE: Final = 0x000F
_WITHOUT_QUESTION: Final = frozenset((dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED))
"""Who says so need not repeat the question."""

_NAMES_IN: Final[dict[int, tuple[int, int]]] = {
    dns.rdatatype.CNAME: (0, 1),
    dns.rdatatype.MX: (2, 1),
    dns.rdatatype.NS: (0, 1),
    dns.rdatatype.PTR: (0, 1),
    dns.rdatatype.SOA: (0, 2),
    dns.rdatatype.SRV: (6, 1),
}
"""After how many bytes of a record's data its names begin, and how many they are."""


class MalformedError(ValueError):
    """It is not a message of DNS, or one of more than anybody needs."""


def is_answer_to(query: bytes, data: bytes) -> bool:
    """Tell whether a message answers this query, as far as its head and its question say.

    Raises:
        MalformedError: it has no head.

    """
    if len(data) < _HEADER_BYTES:
        raise MalformedError("is not a DNS message")
    number, flags, questions = struct.unpack_from("!3H", data)
    asked_number, asked_flags = struct.unpack_from("!2H", query)
    if number != asked_number or not flags & _QR or flags & _OPCODE != asked_flags & _OPCODE:
        return False
    if not questions:
        return flags & _RCODE in _WITHOUT_QUESTION
    end = _end_of_question(query)
    asked, said = query[_HEADER_BYTES:end], data[_HEADER_BYTES:end]
    # No length of a label is a letter; of type and class, the last four bytes, each bit counts.
    return questions == 1 and said[-4:] == asked[-4:] and said.lower() == asked.lower()


def lean(query: bytes, data: bytes) -> bytes:
    """Return an answer to this query with the records alone that are looked at, no name in it a pointer.

    These are the ones that were asked for, aliases, and to whom the name server refers; of what else it adds, only what
    belongs to its status.

    Raises:
        MalformedError: it cannot be read, or has too many records or names.

    """
    head = struct.unpack_from("!6H", data)
    if sum(head[2:]) > _MOST_RECORDS:
        raise MalformedError("has too many records")
    end = _end_of_question(query)
    (asked_type,) = struct.unpack_from("!H", query, end - 4)
    records_at = end if head[2] else _HEADER_BYTES
    reader = _Reader(data, records_at)
    try:
        answer = reader.records(head[3], {asked_type, dns.rdatatype.CNAME})
        authority = reader.records(head[4], {dns.rdatatype.NS})
        status = reader.status(head[5])
    except (IndexError, struct.error) as exc:
        raise MalformedError("is not a DNS message") from exc
    if reader.at != len(data):
        raise MalformedError("is not a DNS message")
    counts = struct.pack("!6H", *head[:3], len(answer), len(authority), len(status))
    return b"".join((counts, data[_HEADER_BYTES:records_at], *answer, *authority, *status))


def _end_of_question(query: bytes) -> int:
    return query.index(b"\0", _HEADER_BYTES) + 5


class _Reader:
    """Goes through the records of a message, once."""

    def __init__(self, data: bytes, at: int) -> None:
        self.at = at
        self._data = data
        self._work_left = _MOST_WORK

    def records(self, count: int, wanted: set[int]) -> list[bytes]:
        """Return those of the next records that are of these types."""
        found: list[bytes] = []
        for _ in range(count):
            owner_at, head, end = self._next()
            record_type, record_class = struct.unpack_from("!HH", head)
            if record_type in wanted and record_class == dns.rdataclass.IN:
                self._spend(_WORK_FOR_RECORD)
                data = self._without_pointers(record_type, self.at, end)
                owner, _, steps = self._name(owner_at)
                self._spend(steps * _WORK_FOR_STEP + len(owner))
                found.append(owner + head[:8] + struct.pack("!H", len(data)) + data)
            self.at = end
        return found

    def status(self, count: int) -> list[bytes]:
        """Return, of the next records, what the first OPT says without its options: RFC 6891, 6.1.3."""
        found: list[bytes] = []
        for _ in range(count):
            _, head, self.at = self._next()
            if not found and struct.unpack_from("!H", head) == (dns.rdatatype.OPT,):
                found.append(b"\0" + head[:8] + b"\0\0")
        return found

    def _next(self) -> tuple[int, bytes, int]:
        """Go to the data of the next record: return where its name is, its head, and where the data ends."""
        owner_at = self.at
        at = self._end_of_name(owner_at)
        self._spend(at - owner_at)
        (length,) = struct.unpack_from("!H", self._data, at + 8)
        self.at = at + 10
        if self.at + length > len(self._data):
            raise MalformedError("is not a DNS message")
        return owner_at, self._data[at : self.at], self.at + length

    def _end_of_name(self, at: int) -> int:
        while length := self._data[at]:
            if length >= 0xC0:
                return at + 2
            at += 1 + length
        return at + 1

    def _without_pointers(self, record_type: int, at: int, end: int) -> bytes:
        if record_type == dns.rdatatype.TXT:
            self._count_pieces(at, end)
        elif record_type == dns.rdatatype.CAA:
            self._spend((end - at) * _WORK_FOR_BYTE)
        before, names = _NAMES_IN.get(record_type, (0, 0))
        parts = [self._data[at : at + before]]
        at += before
        for _ in range(names):
            name, at, steps = self._name(at)
            self._spend(_WORK_FOR_NAME + steps * (_WORK_FOR_LABEL + steps * _WORK_FOR_LABELS))
            self._spend(len(name) * _WORK_FOR_BYTE)
            parts.append(name)
        if at > end:
            raise MalformedError("is not a DNS message")
        return b"".join((*parts, self._data[at:end]))

    def _name(self, at: int) -> tuple[bytes, int, int]:
        """Return a name, where it ends and its steps; pointers lead back, each farther than the one before."""
        labels, size, lowest, end = [], 1, at, 0
        for steps in range(1, _MOST_STEPS):
            length = self._data[at]
            if length >= 0xC0:
                end = end or at + 2
                at = (length & 0x3F) << 8 | self._data[at + 1]
                if at >= lowest:
                    break
                lowest = at
            elif length >= 0x40:
                break
            elif length:
                labels.append(self._data[at : at + 1 + length])
                at += 1 + length
                size += 1 + length
                if size > _LONGEST_NAME:
                    break
            else:
                return b"".join(labels) + b"\0", end or at + 1, steps
        raise MalformedError("is not a DNS message")

    def _count_pieces(self, at: int, end: int) -> None:
        while at < end:
            self._spend(_WORK_FOR_PIECE)
            at += 1 + self._data[at]

    def _spend(self, work: int) -> None:
        self._work_left -= work
        if self._work_left < 0:
            raise MalformedError("has too many long names, records or pieces of text")
