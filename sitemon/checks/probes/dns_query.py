"""One question to a name server and its answer, over UDP, and over TCP when it does not fit (RFC 1035, RFC 7766).

dnspython writes the messages, and reads what `dns_wire` leaves of them; the sockets are ours, so that the deadline and
the address policy hold.
"""

import collections
import contextlib
import select
import struct
from collections.abc import Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message

from sitemon.checks.errors import CheckError, Failures, LeftError, OwnError
from sitemon.checks.judge.failures import explain
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.happy_eyeballs import OWN_SOCKETS
from sitemon.checks.net.resolver import Endpoint
from sitemon.checks.probes.dns_wire import MalformedError, is_answer_to, lean
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

RESEND_S: Final = 1.0
"""How long the first datagram has before it is sent again, then twice as long: a lost one is no outage."""

_LONGEST_DATAGRAM: Final = 4_096
"""More than we say that we take. Of a longer one the rest is lost, so that it cannot be read."""
_MOST_DATAGRAMS: Final = 100
"""So many may come, of which none is the answer: more are no accident."""


async def ask(
    query: dns.message.Message, servers: Sequence[Endpoint], dialer: Dialer, exchange: Exchange
) -> dns.message.Message:
    """Return the answer of the server, which may have several addresses, to this query.

    Raises:
        CheckError: nobody listens there, or what came is not DNS; OwnError: we had too little of something to ask.
        OSError: the connection failed; TimeoutError: the time is up.

    """
    wire = query.to_wire()
    with contextlib.closing(_Datagrams(wire, servers, dialer, exchange)) as datagrams:
        data, server = await datagrams.answer()
    if _flags_of(data) & dns.flags.TC:
        data = await _over_tcp(wire, server, dialer, exchange)
    return _read(wire, data)


class _Datagrams:
    """Sends the query to one address after the other, again and again, until one answers or none is left.

    The `OWN_SOCKETS` that were asked last are listened to: who owns a name chooses how many addresses it has. An
    address that we have too little of something to ask is passed over; when no other answers, that is what is told.
    """

    def __init__(self, wire: bytes, servers: Sequence[Endpoint], dialer: Dialer, exchange: Exchange) -> None:
        self._wire = wire
        self._servers = collections.deque(servers)
        self._dialer = dialer
        self._exchange = exchange
        self._open: dict[int, tuple[Endpoint, BoundedSocket]] = {}
        self._failures = Failures()
        self._left = _MOST_DATAGRAMS

    async def answer(self) -> tuple[bytes, Endpoint]:
        """Return the first answer, and whose it is."""
        try:
            return await self._first_answer()
        except TimeoutError as exc:
            if self._failures.own is None:
                raise
            raise self._failures.own from exc

    async def _first_answer(self) -> tuple[bytes, Endpoint]:
        wait_s = RESEND_S
        while self._servers:
            server = self._servers[0]
            self._servers.rotate(-1)
            if self._send(server):
                answer = await self._answer_within(wait_s)
                if answer is not None:
                    return answer
                wait_s *= 2
        # The refusal of a datagram comes back when the next one is due: no connection, whatever the phase.
        error = self._failures.own or self._failures.others or OSError()
        raise explain(error, "connect", timeout_s=0) from error

    def close(self) -> None:
        """Close every socket."""
        for _, connection in self._open.values():
            connection.close()

    def _send(self, server: Endpoint) -> bool:
        self._exchange.remaining_s()
        self._exchange.ip = server.ip
        try:
            self._socket_to(server).send(self._wire)
        except (OSError, OwnError) as exc:
            self._give_up(server, exc)
            return False
        if self._exchange.watch.phase != "first_byte":
            self._exchange.watch.enter("first_byte")
        return True

    def _socket_to(self, server: Endpoint) -> BoundedSocket:
        known = next((connection for endpoint, connection in self._open.values() if endpoint == server), None)
        if known is not None:
            return known
        if len(self._open) >= OWN_SOCKETS:
            _, oldest = self._open.pop(next(iter(self._open)))
            oldest.close()
        connection = self._dialer.open_udp(self._exchange, server)
        self._open[connection.fileno()] = (server, connection)
        return connection

    async def _answer_within(self, wait_s: float) -> tuple[bytes, Endpoint] | None:
        until_s = monotonic_s() + wait_s
        while self._open and (left_s := until_s - monotonic_s()) > 0:
            ready = await self._exchange.ready_within(dict.fromkeys(self._open, select.POLLIN), left_s)
            if ready is not None:
                server, connection = self._open[ready]
                answer = self._receive(server, connection)
                if answer is not None:
                    return answer, server
        return None

    def _receive(self, server: Endpoint, connection: BoundedSocket) -> bytes | None:
        try:
            data = connection.recv(_LONGEST_DATAGRAM)
        except BlockingIOError:
            return None  # Linux wakes who waits for a datagram whose checksum turns out to be wrong: select(2), BUGS
        except OSError as exc:
            self._give_up(server, exc)
            return None
        # Somebody else's, or a forged one, is nothing to look at: RFC 5452, 9.1.
        if data[:2] != self._wire[:2] or not _is_answer(self._wire, data):
            self._left -= 1
            if not self._left:
                raise CheckError(Reason.PROTOCOL_ERROR, "the name server sends much that answers no question of ours")
            return None
        self._exchange.ip = server.ip
        self._exchange.received(len(data))
        return data

    def _give_up(self, server: Endpoint, error: OSError | OwnError) -> None:
        self._failures.note(error)
        self._servers.remove(server)
        for number, (endpoint, connection) in tuple(self._open.items()):
            if endpoint == server:
                connection.close()
                del self._open[number]


async def _over_tcp(wire: bytes, server: Endpoint, dialer: Dialer, exchange: Exchange) -> bytes:
    exchange.watch.enter("connect")
    with await dialer.connect(exchange, [server]) as connection:
        exchange.watch.enter("first_byte")
        await connection.send_all(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", await _exactly(2, connection))
        data = await _exactly(length, connection)
    if not _is_answer(wire, data):
        raise CheckError(Reason.PROTOCOL_ERROR, "the name server answers something else than what was asked")
    return data


async def _exactly(count: int, connection: BoundedSocket) -> bytes:
    data = b""
    while len(data) < count:
        received = await connection.receive(count - len(data))
        if not received:
            raise LeftError(Reason.PROTOCOL_ERROR, "the name server closed the connection before the end of its answer")
        data += received
    return data


def _flags_of(data: bytes) -> int:
    return int.from_bytes(data[2:4])


def _is_answer(wire: bytes, data: bytes) -> bool:
    try:
        return is_answer_to(wire, data)
    except MalformedError as exc:
        raise _unreadable(exc) from exc


def _read(wire: bytes, data: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(lean(wire, data))
    except MalformedError as exc:
        raise _unreadable(exc) from exc
    except dns.exception.DNSException as exc:
        raise CheckError(Reason.PROTOCOL_ERROR, "the name server's answer is not a DNS message") from exc


def _unreadable(error: MalformedError) -> CheckError:
    return CheckError(Reason.PROTOCOL_ERROR, f"the name server's answer {error}")
