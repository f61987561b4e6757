"""A small name server on loopback, over UDP and TCP, whose answers are well or ill by the name that is asked for."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Final, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from sitemon.local.conversation import Behaviour, Conversation, Server
from sitemon.local.ports import LOOPBACK

ADDRESS: Final = "192.0.2.10"
_LONG: Final = [f'"{number:0>250}"' for number in range(20)]

Reply = Callable[[dns.message.Message, bool], bytes | None]
"""Takes a query, and whether it came over TCP; None stays silent."""


class NameServer:
    """Answers until it is closed. `asked` are the names asked for, each with how: udp or tcp."""

    def __init__(self, reply: Reply, *, has_tcp: bool = True) -> None:
        self.asked: list[tuple[str, str]] = []
        self._reply = reply
        self._udp, self._tcp = _two_on_one_port(self._converse if has_tcp else lambda _: None)
        self.port = self._tcp.port
        self._thread = threading.Thread(target=self._answer_datagrams, name="test-name-server")
        self._thread.start()

    def url(self, name: str, record_type: str = "A") -> str:
        """Return the URL of a question to this server."""
        return f"dns://{LOOPBACK}:{self.port}/{name}?type={record_type}"

    def close(self) -> None:
        """End, and wait for the threads."""
        self._tcp.close()
        with contextlib.suppress(OSError):
            self._udp.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._udp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer_datagrams(self) -> None:
        while not self._tcp.closing.is_set():
            data, client = self._udp.recvfrom(65_535)
            answer = self._answer(data, is_tcp=False) if data else None
            if answer is not None:
                self._udp.sendto(answer, client)

    def _converse(self, client: Conversation) -> None:
        data = client.read()
        answer = self._answer(data[2:], is_tcp=True) if len(data) > 2 else None
        if answer is None:
            client.hold()
        else:
            client.send(struct.pack("!H", len(answer)) + answer)

    def _answer(self, data: bytes, *, is_tcp: bool) -> bytes | None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        if not query.question:
            return None
        self.asked.append((str(query.question[0].name), "tcp" if is_tcp else "udp"))
        return self._reply(query, is_tcp)


def _two_on_one_port(converse: Behaviour) -> tuple[socket.socket, Server]:
    """Return a socket for datagrams and a server for connections on a port that both kinds have free."""
    while True:
        tcp = Server(converse)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind((LOOPBACK, tcp.port))
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp


def records(record_type: str, *texts: str) -> Reply:
    """Answer with these records; what is too long for a datagram is cut off."""

    def reply(query: dns.message.Message, is_tcp: bool) -> bytes:
        answer = dns.message.make_response(query)
        name = query.question[0].name
        if texts:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", record_type, *texts))
        wire = answer.to_wire(max_size=65_535)
        if len(wire) > 1232 and not is_tcp:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        return wire

    return reply


def failing(rcode: dns.rcode.Rcode) -> Reply:
    """Answer with an error."""

    def reply(query: dns.message.Message, _: bool) -> bytes:
        answer = dns.message.make_response(query)
        answer.set_rcode(rcode)
        return answer.to_wire()

    return reply


def silent(_: dns.message.Message, __: bool) -> None:
    """Say nothing."""


def garbage(query: dns.message.Message, _: bool) -> bytes:
    """Answer with what is no message of DNS, but for the number of the query."""
    return query.id.to_bytes(2, "big") + b"\r\n\r\n"


def forged(query: dns.message.Message, _: bool) -> bytes:
    """Answer another question than the one that was asked."""
    answer = dns.message.make_response(query)
    answer.id = query.id ^ 1
    return answer.to_wire()


def alias(query: dns.message.Message, _: bool) -> bytes:
    """Answer with an alias and the address of what it stands for."""
    answer = dns.message.make_response(query)
    name = query.question[0].name
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "www.shop.test."))
    answer.answer.append(dns.rrset.from_text("www.shop.test.", 60, "IN", "A", ADDRESS))
    return answer.to_wire()


def by_name(replies: Mapping[str, Reply]) -> Reply:
    """Answer each name in its way; all others do not exist."""

    def reply(query: dns.message.Message, is_tcp: bool) -> bytes | None:
        name = str(query.question[0].name).rstrip(".")
        return replies.get(name, failing(dns.rcode.NXDOMAIN))(query, is_tcp)

    return reply


NAMES: Final[Mapping[str, Reply]] = {
    "shop.test": records("A", ADDRESS),
    "alias.test": alias,
    "long.test": records("TXT", *_LONG),
    "nothing.test": records("A"),
    "failing.test": failing(dns.rcode.SERVFAIL),
    "refusing.test": failing(dns.rcode.REFUSED),
    "silent.test": silent,
    "garbage.test": garbage,
    "forged.test": forged,
}
