"""``dns://``: what a name server answers, over real sockets."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import OWN_SOCKETS, connect_udp
from sitemon.checks.net.resolver import Endpoint
from sitemon.local import name_server
from sitemon.local.conversation import Conversation
from sitemon.local.name_server import NameServer, Reply, failing, records
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect
from tests.integration.checks.conftest import EngineFactory, Observer, ServerFactory, observed, punctual_s, site
from tests.integration.checks.test_timing import phases_sum_s

TIMEOUT_S = 0.4


class Answering:
    """Starts name servers that end with their test."""

    def __init__(self, running: contextlib.ExitStack) -> None:
        self._running = running

    def __call__(self, reply: Reply, *, has_tcp: bool = True) -> NameServer:
        return self._running.enter_context(NameServer(reply, has_tcp=has_tcp))


@pytest.fixture
def answering() -> Iterator[Answering]:
    with contextlib.ExitStack() as running:
        yield Answering(running)


RECORDS = {
    "A": (("192.0.2.10", "192.0.2.11"), ("192.0.2.11",)),
    "AAAA": (("2001:db8::a",), ("2001:0DB8:0:0::000A",)),
    "CNAME": (("www.Shop.test.",), ("www.shop.test",)),
    "MX": (("10 mail.shop.test.", "20 mail2.shop.test."), ("20 mail2.shop.test", "10 MAIL.shop.test.")),
    "TXT": (('"v=spf1 " "-all"', '"other"'), ("v=spf1 -all",)),
    "NS": (("ns1.shop.test.", "ns2.shop.test."), ("ns2.shop.test", "ns1.shop.test")),
    "SOA": (
        ("ns1.shop.test. admin.shop.test. 7 3600 600 86400 60",),
        ("ns1.shop.test admin.shop.test 7 3600 600 86400 60",),
    ),
    "SRV": (("0 5 443 shop.test.",), ("0 5 443 shop.test",)),
    "CAA": (('0 issue "ca.test"',), ('0 issue "ca.test"',)),
    "PTR": (("shop.test.",), ("shop.test.",)),
}


@pytest.mark.parametrize("record_type", RECORDS)
def test_expected_records_are_found_however_they_are_written(
    record_type: str, observe: Observer, answering: Answering
) -> None:
    there, expected = RECORDS[record_type]
    server = answering(records(record_type, *there))
    seen = observe(server.url("shop.test", record_type), expect=Expect(records=expected))
    assert (seen.outcome, seen.error, seen.ip) == (Outcome.UP, None, "127.0.0.1")
    assert server.asked == [("shop.test.", "udp")]


@pytest.mark.parametrize("record_type", RECORDS)
def test_a_record_that_is_not_there_is_no_match_and_both_are_named(
    record_type: str, observe: Observer, answering: Answering
) -> None:
    there, expected = RECORDS[record_type]
    server = answering(records(record_type, *there))
    seen = observe(server.url("shop.test", record_type), expect=Expect(records=(*expected, "another")))
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.NO_MATCH)
    assert seen.error is not None
    assert seen.error.startswith(f"{record_type} another is missing; there is ")


def test_case_counts_in_text(observe: Observer, answering: Answering) -> None:
    server = answering(records("TXT", '"Key=abc"'))
    assert observe(server.url("shop.test", "TXT"), expect=Expect(records=("key=ABC",))).reason is Reason.NO_MATCH


def test_any_answer_will_do_when_no_records_are_expected(observe: Observer, answering: Answering) -> None:
    assert observe(answering(records("A", "192.0.2.1")).url("shop.test")).outcome is Outcome.UP


def test_an_alias_is_followed(observe: Observer, answering: Answering) -> None:
    seen = observe(answering(name_server.alias).url("shop.test"), expect=Expect(records=(name_server.ADDRESS,)))
    assert seen.outcome is Outcome.UP


def saying(*answer: str, authority: tuple[str, ...] = ()) -> Reply:
    """Answer with these records, a line of a zone file each."""

    def reply(query: dns.message.Message, is_tcp: bool) -> bytes:
        said = dns.message.make_response(query)
        for section, lines in ((said.answer, answer), (said.authority, authority)):
            for name, record_type, text in (line.split(" ", 2) for line in lines):
                section.append(dns.rrset.from_text(name, 60, "IN", record_type, text))
        return said.to_wire()

    return reply


LOOP = ("shop.test. CNAME www.shop.test.", "www.shop.test. CNAME shop.test.")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            saying("shop.test. CNAME www.other.test."),
            "the name is an alias of www.other.test, of which the name server",
        ),
        (saying(*LOOP), "the aliases of the name run in a loop"),
        (
            saying(authority=("shop.test. NS ns.shop.test.",)),
            "does not answer for shop.test, but refers to ns.shop.test.",
        ),
        (saying(authority=("shop.test. SOA a. b. 1 2 3 4 5",)), "the name has no A record"),
        (failing(dns.rcode.NXDOMAIN), "NXDOMAIN"),
        (failing(dns.rcode.SERVFAIL), "SERVFAIL"),
        (failing(dns.rcode.REFUSED), "REFUSED"),
        (failing(dns.rcode.NOTAUTH), "NOTAUTH"),
        (records("A"), "the name has no A record"),
    ],
    ids=[
        "alias out of the zone",
        "aliases in a loop",
        "delegated",
        "no data in the zone",
        "nxdomain",
        "servfail",
        "refused",
        "another error",
        "no data",
    ],
)
def test_a_name_server_without_answer_is_a_dns_error(
    reply: Reply, words: str, observe: Observer, answering: Answering
) -> None:
    seen = observe(answering(reply).url("shop.test"), expect=Expect(records=("192.0.2.1",)))
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.DNS_ERROR)
    assert seen.error is not None
    assert words in seen.error


def test_a_long_answer_is_asked_for_again_over_tcp(observe: Observer, answering: Answering) -> None:
    server = answering(name_server.NAMES["long.test"])
    seen = observe(server.url("long.test", "TXT"), expect=Expect(records=(f"{19:0>250}",)))
    assert (seen.outcome, seen.error) == (Outcome.UP, None)
    assert server.asked == [("long.test.", "udp"), ("long.test.", "tcp")]
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def test_a_name_server_that_closes_tcp_early_is_a_protocol_error(observe: Observer, answering: Answering) -> None:
    server = answering(name_server.NAMES["long.test"], has_tcp=False)
    seen = observe(server.url("long.test", "TXT"))
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR), seen.error


def test_what_is_no_dns_is_a_protocol_error(observe: Observer, answering: Answering) -> None:
    seen = observe(answering(name_server.garbage).url("shop.test"))
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR), seen.error


@pytest.mark.parametrize("reply", [name_server.silent, name_server.forged])
def test_a_name_server_that_does_not_answer_runs_into_the_timeout(
    reply: Reply, observe: Observer, answering: Answering
) -> None:
    seen = observe(answering(reply).url("shop.test"), timeout_s=TIMEOUT_S)
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TIMEOUT), seen.error
    assert seen.error is not None
    assert seen.error.endswith("(first_byte)")
    assert seen.latency_s >= TIMEOUT_S
    assert punctual_s(seen) < TIMEOUT_S + 0.2
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def test_the_deadline_holds_over_tcp_too(observe: Observer, answering: Answering) -> None:
    def silent_over_tcp(query: dns.message.Message, is_tcp: bool) -> bytes | None:
        return None if is_tcp else name_server.NAMES["long.test"](query, is_tcp)

    seen = observe(answering(silent_over_tcp).url("long.test", "TXT"), timeout_s=TIMEOUT_S)
    assert seen.reason is Reason.TIMEOUT
    assert seen.latency_s >= TIMEOUT_S
    assert punctual_s(seen) < TIMEOUT_S + 0.2


def test_a_name_server_whose_names_all_point_at_a_long_one_holds_up_no_check(
    observe: Observer, answering: Answering
) -> None:
    """Eight kilobytes, for which dnspython takes seconds."""

    def stands_for_much(query: dns.message.Message, is_tcp: bool) -> bytes:
        answer = dns.message.make_response(query)
        answer.use_edns(False)
        answer.flags |= 0 if is_tcp else dns.flags.TC
        wire = answer.to_wire()
        if not is_tcp:
            return wire
        pointer, count = struct.pack("!H", 0xC000 | len(wire)), 255
        data = pointer * 2 + bytes(20)
        record = struct.pack("!2HIH", dns.rdatatype.SOA, dns.rdataclass.IN, 60, len(data)) + data
        head = wire[:6] + struct.pack("!3H", count, 0, 0)
        return head + wire[12:] + b"\1a" * 126 + b"\0" + record + (pointer + record) * (count - 1)

    server = answering(stands_for_much)
    began_s = time.process_time()
    seen = observe(server.url("shop.test", "SOA"), timeout_s=30.0)
    took_s = time.process_time() - began_s
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert seen.error is not None
    assert "too many long names" in seen.error
    assert server.asked == [("shop.test.", "udp"), ("shop.test.", "tcp")]
    assert took_s < 1


@pytest.fixture
def babbler() -> Iterator[Callable[[int], int]]:
    """Return how to start a name server that sends so many datagrams before its answer, and says its port."""
    with contextlib.ExitStack() as running:

        def start(count: int) -> int:
            server = running.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            server.bind(("127.0.0.1", 0))

            def babble() -> None:
                data, client = server.recvfrom(512)
                for _ in range(count):
                    server.sendto(data, client)  # a question is no answer
                query = dns.message.from_wire(data)
                server.sendto(records("A", "192.0.2.1")(query, False) or b"", client)

            thread = threading.Thread(target=babble, name="test-babbler")
            thread.start()
            running.callback(thread.join)
            return int(server.getsockname()[1])

        yield start


@pytest.mark.parametrize(
    ("count", "outcome", "reason"), [(99, Outcome.UP, None), (100, Outcome.DOWN, Reason.PROTOCOL_ERROR)]
)
def test_who_sends_on_and_on_what_answers_nothing_is_a_protocol_error(
    count: int, outcome: Outcome, reason: Reason | None, observe: Observer, babbler: Callable[[int], int]
) -> None:
    seen = observe(f"dns://127.0.0.1:{babbler(count)}/shop.test", timeout_s=5.0)
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.error


def test_a_datagram_that_was_lost_is_sent_again(observe: Observer, answering: Answering) -> None:
    def loses_the_first(query: dns.message.Message, is_tcp: bool) -> bytes | None:
        return None if len(server.asked) == 1 else records("A", "192.0.2.1")(query, is_tcp)

    server = answering(loses_the_first)
    seen = observe(server.url("shop.test"), timeout_s=5.0)
    assert (seen.outcome, len(server.asked)) == (Outcome.UP, 2)
    assert 0.5 < seen.latency_s < 3


def test_a_port_where_nobody_listens_is_a_connect_error(observe: Observer, refusing_port: int) -> None:
    seen = observe(f"dns://127.0.0.1:{refusing_port}/shop.test")
    assert (seen.outcome, seen.reason, seen.latency_s < 1) == (Outcome.DOWN, Reason.CONNECT_ERROR, True), seen.error


def test_the_next_address_of_the_name_server_is_asked(make_engine: EngineFactory, answering: Answering) -> None:
    server = answering(records("A", "192.0.2.1"))
    both = tuple(Endpoint(socket.AF_INET, (ip, 0)) for ip in ("127.0.0.2", "127.0.0.1"))
    seen = observed(make_engine(lookup=lambda _: both), site(f"dns://ns.test:{server.port}/shop.test", timeout_s=5.0))
    assert (seen.outcome, seen.ip, seen.hops[0].addresses) == (Outcome.UP, "127.0.0.1", ("127.0.0.2", "127.0.0.1"))
    assert seen.phases_s.dns > 0


def test_the_next_address_is_asked_when_one_is_silent(make_engine: EngineFactory, answering: Answering) -> None:
    server = answering(records("A", "192.0.2.1"))
    both = tuple(Endpoint(socket.AF_INET, (ip, 0)) for ip in ("127.0.0.2", "127.0.0.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.2", server.port))
        engine = make_engine(lookup=lambda _: both)
        seen = observed(engine, site(f"dns://ns.test:{server.port}/shop.test", timeout_s=5.0))
    assert (seen.outcome, seen.ip, seen.latency_s < 3) == (Outcome.UP, "127.0.0.1", True)


def test_a_name_server_of_many_silent_addresses_holds_few_sockets_and_the_one_that_answers_is_reached(
    make_engine: EngineFactory, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.checks.probes.dns_query.RESEND_S", 0.02)
    opened: list[BoundedSocket] = []
    most_open = 0

    def connect(endpoint: Endpoint) -> BoundedSocket:
        nonlocal most_open
        opened.append(connect_udp(endpoint))
        most_open = max(most_open, sum(one.fileno() != -1 for one in opened))
        return opened[-1]

    server = answering(records("A", "192.0.2.1"))
    *silent, last = (Endpoint(socket.AF_INET, (f"127.0.0.{number}", 0)) for number in (2, 3, 4, 5, 1))
    with contextlib.ExitStack() as bound:
        for endpoint in silent:
            bound.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((endpoint.ip, server.port))
        engine = make_engine(lookup=lambda _: (*silent, last), connect_udp=connect)
        seen = observed(engine, site(f"dns://ns.test:{server.port}/shop.test", timeout_s=5.0))
    assert (seen.outcome, seen.ip, len(opened), most_open) == (Outcome.UP, last.ip, 5, OWN_SOCKETS), seen.error


def test_an_international_name_is_asked_for_as_it_is_registered(observe: Observer, answering: Answering) -> None:
    server = answering(records("A", "192.0.2.1"))
    assert observe(f"dns://127.0.0.1:{server.port}/käse.test").outcome is Outcome.UP
    assert server.asked == [("xn--kse-qla.test.", "udp")]


def test_too_slow_counts_here_too(observe: Observer, answering: Answering) -> None:
    seen = observe(answering(records("A", "192.0.2.1")).url("shop.test"), expect=Expect(max_latency_s=0.000001))
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)


def test_sixty_questions_to_a_dead_name_server_do_not_delay_a_living_one(
    make_engine: EngineFactory, answering: Answering
) -> None:
    """The dead one is a real socket that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        engine = make_engine(at_once=32)
        for number in range(60):
            url = f"dns://127.0.0.1:{dead.getsockname()[1]}/host{number}.test"
            engine.submit(site(url, timeout_s=3.0), lambda _: None)
        seen = observed(engine, site(answering(records("A", "192.0.2.1")).url("shop.test")))
    assert (seen.outcome, seen.latency_s < 1) == (Outcome.UP, True)


def test_a_server_of_another_kind_is_no_name_server(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        client.hold()

    seen = observe(f"dns://127.0.0.1:{serve(behave).port}/shop.test")
    assert seen.reason is Reason.CONNECT_ERROR, "it listens on TCP only"
