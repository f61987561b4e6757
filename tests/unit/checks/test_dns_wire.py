"""What is read of an answer of a name server: what was asked for, and no more than takes milliseconds."""

import struct
import time

import dns.edns
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from sitemon.checks.probes.dns_wire import MalformedError, is_answer_to, lean

NAME = "www.Shop.test."
LONG_NAME = b"\x01a" * 126 + b"\0"
LONG_LABELS = (b"\x3c" + b"\xff" * 60) * 4 + b"\0"


def query_of(record_type: str = "A", name: str = NAME) -> dns.message.Message:
    return dns.message.make_query(name, record_type, use_edns=0, id=7)


def answer_of(query: dns.message.Message, **sections: tuple[str, ...]) -> dns.message.Message:
    """Return an answer with these lines of a zone file."""
    said = dns.message.make_response(query)
    for section, lines in sections.items():
        for name, record_type, text in (line.split(" ", 2) for line in lines):
            getattr(said, section).append(dns.rrset.from_text(name, 60, "IN", record_type, text))
    return said


def raw(query: dns.message.Message, record_type: int, *records: tuple[bytes, bytes], rdclass: int = 1) -> bytes:
    """Return an answer whose records have these names and data, as they are."""
    head = struct.pack("!6H", query.id, 0x8400, 1, len(records), 0, 0)
    wire = query.to_wire()
    question = wire[12 : wire.index(b"\0", 12) + 5]
    parts = [name + struct.pack("!2HIH", record_type, rdclass, 60, len(data)) + data for name, data in records]
    return b"".join((head, question, *parts))


def read(query: dns.message.Message, wire: bytes) -> dns.message.Message:
    return dns.message.from_wire(lean(query.to_wire(), wire))


@pytest.mark.parametrize(
    ("record_type", "text"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("CAA", '0 issue "ca.test"'),
        ("CNAME", "other.shop.test."),
        ("MX", "10 mail.shop.test."),
        ("NS", "ns.shop.test."),
        ("PTR", "host.shop.test."),
        ("SOA", "ns.shop.test. admin.shop.test. 1 2 3 4 5"),
        ("SRV", "1 2 443 host.shop.test."),
        ("TXT", '"v=spf1" "" "-all"'),
    ],
)
def test_the_records_that_were_asked_for_are_as_they_were(record_type: str, text: str) -> None:
    query = query_of(record_type)
    said = answer_of(query, answer=(f"{NAME} {record_type} {text}",))
    found = read(query, said.to_wire())
    assert (found.answer, found.question, found.flags) == (said.answer, said.question, said.flags)


def test_of_what_else_there_is_only_aliases_referrals_and_the_status_are_read() -> None:
    query = query_of()
    said = answer_of(
        query,
        answer=(
            f"{NAME} CNAME a.shop.test.",
            "a.shop.test. A 192.0.2.1",
            "a.shop.test. RP a. b.",
            "a.shop.test. TXT x",
        ),
        authority=("shop.test. NS ns.shop.test.", "shop.test. SOA a. b. 1 2 3 4 5"),
        additional=("ns.shop.test. A 192.0.2.2", "ns.shop.test. RP a. b."),
    )
    said.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"x")])
    said.set_rcode(dns.rcode.BADVERS)
    found = read(query, said.to_wire())
    assert (found.answer, found.authority, found.additional) == (said.answer[:2], said.authority[:1], [])
    assert (found.rcode(), found.options) == (dns.rcode.BADVERS, ())


def test_what_belongs_to_another_network_is_not_read() -> None:
    query = query_of()
    wire = raw(query, dns.rdatatype.A, (b"\xc0\x0c", b"\xc0\x0c\0\1"), rdclass=dns.rdataclass.CH)
    assert not read(query, wire).answer


def pointing(query: dns.message.Message, record_type: int, data: bytes, *, names: int) -> bytes:
    """Return an answer of 255 records: the name of each, and so many in its data, point at one of 127 labels."""
    at = query.to_wire().index(b"\0", 12) + 5
    pointer = struct.pack("!H", 0xC000 | at)
    record = pointer * names + data
    return raw(query, record_type, (LONG_NAME, record), *((pointer, record),) * 254)


@pytest.mark.parametrize(
    ("asked", "wire"),
    [
        ("SOA", pointing(query_of("SOA"), dns.rdatatype.SOA, bytes(20), names=2)),
        ("A", pointing(query_of(), dns.rdatatype.A, bytes(4), names=0)),
        ("A", pointing(query_of(), dns.rdatatype.CNAME, b"", names=1)),
        ("TXT", raw(query_of("TXT"), dns.rdatatype.TXT, (b"\xc0\x0c", bytes(65_000)))),
        ("TXT", raw(query_of("TXT"), dns.rdatatype.TXT, *((b"\xc0\x0c", bytes(26)),) * 120)),
        ("A", raw(query_of(), dns.rdatatype.A, *((b"\xc0\x0c", bytes(4)),) * 200)),
        ("A", raw(query_of(), dns.rdatatype.TXT, *((b"\xc0\x0c", bytes(4)),) * 256)),
        ("NS", raw(query_of("NS"), dns.rdatatype.NS, *((b"\xc0\x0c", b"\x01a" * 20 + b"\0"),) * 60)),
        ("SRV", raw(query_of("SRV"), dns.rdatatype.SRV, *((b"\xc0\x0c", bytes(6) + LONG_LABELS),) * 80)),
        ("CAA", raw(query_of("CAA"), dns.rdatatype.CAA, (b"\xc0\x0c", b"\0\5issue" + b"\xff" * 40_000))),
    ],
    ids=[
        "SOA",
        "A",
        "CNAME",
        "empty text",
        "texts of empty pieces",
        "many records",
        "many that nobody asked for",
        "names of 20 labels",
        "names of four long labels",
        "a long CAA",
    ],
)
def test_more_than_anybody_needs_is_refused(asked: str, wire: bytes) -> None:
    with pytest.raises(MalformedError, match="too many"):
        read(query_of(asked), wire)


@pytest.mark.parametrize("record_type", [dns.rdatatype.RP, dns.rdatatype.NSEC, dns.rdatatype.SOA, 65_000])
def test_to_read_an_answer_takes_little_whatever_its_names_point_at(record_type: int) -> None:
    query = query_of()
    wire = pointing(query, record_type, b"", names=2)
    began_s = time.thread_time()
    assert not read(query, wire).answer
    assert time.thread_time() - began_s < 0.5


def test_to_read_the_most_that_is_taken_takes_little() -> None:
    query = query_of("NS")
    names = [bytes((1, 65 + number)) + b"\x01a" * 125 + b"\0" for number in range(2)]
    wire = raw(query, dns.rdatatype.NS, *((b"\xc0\x0c", name) for name in names))
    began_s = time.thread_time()
    assert len(read(query, wire).answer[0]) == 2
    assert time.thread_time() - began_s < 0.1


@pytest.mark.parametrize(
    ("record_type", "name", "texts"),
    [
        ("A", "a.b.c.shop.test.", [f"192.0.{number // 256}.{number % 256}" for number in range(160)]),
        ("MX", "a.b.shop.test.", [f"{number} mail{number}.a.b.shop.test." for number in range(80)]),
        ("TXT", "shop.test.", [f'"{number:0>100}"' for number in range(150)]),
        ("TXT", "shop.test.", [" ".join(['"' + "x" * 255 + '"'] * 250)]),
        ("PTR", f"{'0.' * 32}ip6.arpa.", [f"host{number}.shop.test." for number in range(60)]),
    ],
)
def test_the_longest_answers_that_are_honest_are_read(record_type: str, name: str, texts: list[str]) -> None:
    query = query_of(record_type, name)
    said = dns.message.make_response(query)
    said.answer.append(dns.rrset.from_text(name, 60, "IN", record_type, *texts))
    assert read(query, said.to_wire(max_size=65_535)).answer == said.answer


@pytest.mark.parametrize(
    "owner",
    [
        b"\xc0\x1f",  # itself: the answer begins at 31
        b"\xc0\xff",
        b"\xff\xff",
        b"\x40a\0",
        b"\x80a\0",
        b"\x3fa",
        b"\x01a" * 128 + b"\0",
        b"",
    ],
)
def test_a_name_that_is_none_is_no_message(owner: bytes) -> None:
    query = query_of()
    with pytest.raises(MalformedError, match="not a DNS message"):
        read(query, raw(query, dns.rdatatype.A, (owner, bytes(4))))


def test_pointers_at_pointers_are_followed_some_way() -> None:
    """Each is farther back than the one before, but there could be thousands."""
    query = query_of()
    at = query.to_wire().index(b"\0", 12) + 5 + 11  # the data of the first record, whose name is the root
    chain = b"\xc0\x0c" + b"".join(struct.pack("!H", 0xC000 | at + 2 * number) for number in range(1_000))
    for length, is_read in ((9, True), (1_000, False)):
        owner = struct.pack("!H", 0xC000 | at + 2 * length)
        wire = bytearray(raw(query, dns.rdatatype.A, (b"\0", chain), (owner, bytes(4))))
        wire[at - 10 : at - 8] = struct.pack("!H", 65_000)
        if is_read:
            assert str(read(query, bytes(wire)).answer[0].name) == NAME
        else:
            with pytest.raises(MalformedError):
                read(query, bytes(wire))


@pytest.mark.parametrize("junk", [b"\0", b"\0" * 20])
def test_what_follows_the_last_record_is_no_message(junk: bytes) -> None:
    query = query_of()
    with pytest.raises(MalformedError):
        read(query, dns.message.make_response(query).to_wire() + junk)


def test_an_answer_that_is_cut_anywhere_is_no_message() -> None:
    query = query_of("MX")
    wire = answer_of(query, answer=(f"{NAME} MX 10 mail.shop.test.",)).to_wire()
    for length in range(len(query.to_wire()) - 11, len(wire)):
        with pytest.raises(MalformedError):
            read(query, wire[:length])


def with_flags(said: dns.message.Message, flags: int) -> bytes:
    wire = said.to_wire()
    return wire[:2] + struct.pack("!H", flags) + wire[4:]


def without_question(rcode: dns.rcode.Rcode) -> bytes:
    said = dns.message.make_response(query_of())
    said.set_rcode(rcode)
    said.question.clear()
    return said.to_wire()


@pytest.mark.parametrize(
    ("wire", "is_answer"),
    [
        (dns.message.make_response(query_of()).to_wire(), True),
        (dns.message.make_response(query_of(name=NAME.upper())).to_wire(), True),
        (query_of().to_wire(), False),
        (dns.message.make_response(query_of("NS")).to_wire(), False),
        (dns.message.make_response(query_of(name="www.shop.tesu.")).to_wire(), False),
        (dns.message.make_response(dns.message.make_query(NAME, "A", id=8)).to_wire(), False),
        (with_flags(dns.message.make_response(query_of()), 0xA800), False),
        (dns.message.make_response(query_of()).to_wire()[:20], False),
        (without_question(dns.rcode.REFUSED), True),
        (without_question(dns.rcode.NXDOMAIN), False),
    ],
)
def test_an_answer_says_what_it_answers(wire: bytes, is_answer: bool) -> None:
    assert is_answer_to(query_of().to_wire(), wire) is is_answer


def test_what_is_shorter_than_a_head_is_no_message() -> None:
    with pytest.raises(MalformedError):
        is_answer_to(query_of().to_wire(), query_of().to_wire()[:11])
