"""``dns://``: does a name server answer, and with the records that are expected."""

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from sitemon.checks.errors import CheckError
from sitemon.checks.findings import Failure, Observation
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.probes.dns_query import ask
from sitemon.checks.probes.one_hop import visit_once
from sitemon.checks.waiting import Waits
from sitemon.kept import kept
from sitemon.model.outcome import Reason
from sitemon.model.site import Site
from sitemon.model.target import Question, question_of, target_of

_PAYLOAD_BYTES: Final = 1232
"""The longest datagram that we take, which fits every path: https://www.dnsflagday.net/2020/."""

_BY_RCODE: Final[dict[int, str]] = {
    dns.rcode.FORMERR: "the name server does not understand the question (FORMERR)",
    dns.rcode.NOTIMP: "the name server does not answer such questions (NOTIMP)",
    dns.rcode.NXDOMAIN: "there is no such name (NXDOMAIN)",
    dns.rcode.REFUSED: "the name server refuses to answer (REFUSED)",
    dns.rcode.SERVFAIL: "the name server failed (SERVFAIL)",
}
_CASE_COUNTS: Final = frozenset(("TXT", "CAA"))


async def visit_dns(site: Site, dialer: Dialer, waits: Waits) -> Observation:
    """Ask the name server, and compare what it answers."""
    return await visit_once(site, dialer, waits, _look)


async def _look(site: Site, dialer: Dialer, exchange: Exchange) -> Iterator[Failure]:
    host, port = target_of(site.url)
    question = question_of(site.url)
    servers = await dialer.endpoints(exchange, host, port, came_from_public=False, ip_version=site.ip_version)
    query = dns.message.make_query(question.name, question.record_type, use_edns=0, payload=_PAYLOAD_BYTES)
    exchange.records = _records(await ask(query, servers, dialer, exchange), question)
    return _failures(site.expect.records, exchange.records, question)


def _records(answer: dns.message.Message, question: Question) -> tuple[str, ...]:
    """Return the records asked for, aliases followed.

    Raises:
        CheckError: the name server has none, and says why.

    """
    rcode = answer.rcode()
    if rcode != dns.rcode.NOERROR:
        words = _BY_RCODE.get(rcode, f"the name server answers {dns.rcode.to_text(rcode)}")
        raise CheckError(Reason.DNS_ERROR, words)
    try:
        chain = answer.resolve_chaining() if isinstance(answer, dns.message.QueryMessage) else None
    except dns.message.ChainTooLong as exc:
        raise CheckError(Reason.DNS_ERROR, "the aliases of the name run in a loop, or are too many") from exc
    except dns.exception.DNSException as exc:
        raise CheckError(Reason.PROTOCOL_ERROR, "the name server's answer contradicts itself") from exc
    if chain is None or not chain.answer:
        raise CheckError(Reason.DNS_ERROR, _words_for_none(answer, chain, question.record_type))
    return tuple(sorted(_text_of(record) for record in chain.answer))


def _words_for_none(answer: dns.message.Message, chain: dns.message.ChainingResult | None, record_type: str) -> str:
    """Say what a name server answers instead of records: an alias, or who knows more (RFC 1034, 4.3.2)."""
    if chain is not None and chain.cnames:
        alias = chain.canonical_name.to_text(omit_final_dot=True)
        return f"the name is an alias of {alias}, of which the name server has no {record_type} record"
    if not answer.flags & dns.flags.AA:
        for records in answer.authority:
            if records.rdtype == dns.rdatatype.NS:
                zone, servers = records.name.to_text(omit_final_dot=True), sorted(map(str, records))
                return f"the name server does not answer for {zone}, but refers to {', '.join(servers)}"
    return f"the name has no {record_type} record"


def _text_of(record: Any) -> str:
    if hasattr(record, "strings"):
        return b"".join(record.strings).decode(errors="replace")  # RFC 7208, 3.3: pieces without space between them
    return str(record.to_text())


def _failures(expected: tuple[str, ...], found: tuple[str, ...], question: Question) -> Iterator[Failure]:
    there = {normal(record, question.record_type) for record in found}
    missing = [record for record in expected if normal(record, question.record_type) not in there]
    if missing:
        words = f"{question.record_type} {', '.join(missing)} is missing; there is {', '.join(found)}"
        yield Failure(Reason.NO_MATCH, words)


def normal(record: str, record_type: str) -> str:
    """Return the one form of a record that can be written in several: of an address, of a name in it."""
    return record if record_type in _CASE_COUNTS else _normal(record, record_type)


@kept(2 << 20)
def _normal(record: str, record_type: str) -> str:
    if record_type in {"A", "AAAA"}:
        try:
            return str(ipaddress.ip_address(record.strip()))
        except ValueError:
            return record
    return " ".join(word.rstrip(".") or "." for word in record.lower().split())
