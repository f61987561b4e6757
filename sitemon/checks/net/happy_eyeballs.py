"""Connecting to one of several addresses without waiting long for a silent one: "happy eyeballs", RFC 8305."""

import errno
import itertools
import os
import select
import socket
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from sitemon.checks.errors import OUR_ERRNOS, Failures, OwnError
from sitemon.checks.net.address_limit import Connect
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.resolver import Endpoint
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

ATTEMPT_DELAY_S: Final = 0.25
"""How long an address has before the next one is tried beside it: RFC 8305, 8."""

MOST_AT_ONCE: Final = 6
OWN_SOCKETS: Final = 2
"""So many attempts at once has every check; further ones are begun with sockets that the process has to spare."""

GIVEN_UP_AFTER_S: Final = MOST_AT_ONCE * ATTEMPT_DELAY_S
"""An attempt has so long before it is given up for another: a lost SYN is sent again after 1 s (RFC 6298, 2)."""


def connect_tcp(endpoint: Endpoint) -> BoundedSocket:
    """Begin a TCP connection, without waiting for it.

    Raises:
        OSError: it cannot come to stand.
        OwnError: all of this machine's ports are in use for connections to there, also such as have just ended.

    """
    connection = BoundedSocket(endpoint.family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        code = connection.connect_ex(endpoint.address)
        if code == errno.EADDRNOTAVAIL:
            _raise_if_ports_are_used_up(endpoint)
        _raise_for(code)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_udp(endpoint: Endpoint) -> BoundedSocket:
    """Return a socket for datagrams to and from this address alone; nothing is sent yet.

    Raises:
        OSError: there is no way to it; EAGAIN: all of this machine's ports are in use for datagrams.

    """
    connection = BoundedSocket(endpoint.family, socket.SOCK_DGRAM)
    try:
        connection.setblocking(False)
        connection.connect(endpoint.address)
    except BaseException:
        connection.close()
        raise
    return connection


def interleaved(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints with their address families taking turns, each in its order (RFC 8305, 4)."""
    if len(endpoints) < 2:
        return tuple(endpoints)
    families: dict[int, list[Endpoint]] = {}
    for endpoint in endpoints:
        families.setdefault(endpoint.family, []).append(endpoint)
    rounds = itertools.zip_longest(*families.values())
    return tuple(endpoint for one_each in rounds for endpoint in one_each if endpoint is not None)


class _Attempt(NamedTuple):
    endpoint: Endpoint
    connection: BoundedSocket
    began_s: float


class Race:
    """Attempts to connect for one exchange: the next begins when one failed or took too long, the first to stand wins.

    The oldest is given up where too many would be under way, or no socket is to `spare` for another: who owns a name
    chooses how many addresses it has. An address that we have too little of something to try is passed over; when no
    other stands, that is what is told. `exchange.ip` is that of the winner, or of the attempt that began last.
    """

    def __init__(self, connect: Connect, exchange: Exchange, spare: threading.BoundedSemaphore) -> None:
        self._connect = connect
        self._exchange = exchange
        self._spare = spare
        self._borrowed = 0
        self._running: dict[int, _Attempt] = {}
        self._failures = Failures()

    async def run(self, endpoints: Sequence[Endpoint]) -> BoundedSocket:
        """Return the connection that came to stand first; all others are closed. It does not block.

        Raises:
            OSError: of the attempt that failed last, when none stands; TimeoutError: the time is up.
            OwnError: there is no place at an address that was passed over.

        """
        try:
            return await self._winner(endpoints)
        except OSError as exc:
            if self._failures.own is None:
                raise
            raise self._failures.own from exc
        finally:
            while self._running:
                self._give_up_oldest()
            self._give_back()

    async def _winner(self, endpoints: Sequence[Endpoint]) -> BoundedSocket:
        for number, endpoint in enumerate(endpoints, start=1):
            winner = await self._make_room()
            if winner is not None:
                return winner
            self._begin(endpoint)
            is_last = number == len(endpoints)
            winner = await (self._wait_for_all() if is_last else self._wait(ATTEMPT_DELAY_S))
            if winner is not None:
                return winner
        raise self._failures.others or OSError("no address to connect to")

    async def _make_room(self) -> BoundedSocket | None:
        """Let one more attempt begin; return the connection that came to stand before there was room for it."""
        while len(self._running) >= OWN_SOCKETS and not self._borrows():
            oldest = next(iter(self._running.values()))
            left_s = oldest.began_s + GIVEN_UP_AFTER_S - monotonic_s()
            if left_s <= 0:
                self._give_up_oldest()
            elif (winner := await self._wait(left_s)) is not None:
                return winner
        return None

    def _borrows(self) -> bool:
        """Take a socket for one more attempt, if there is one to spare."""
        self._give_back()
        may_borrow = len(self._running) < MOST_AT_ONCE and self._spare.acquire(blocking=False)
        self._borrowed += may_borrow
        return may_borrow

    def _give_back(self) -> None:
        """Give back what was borrowed for attempts that have ended."""
        while self._borrowed > max(0, len(self._running) - OWN_SOCKETS):
            self._borrowed -= 1
            self._spare.release()

    def _give_up_oldest(self) -> None:
        self._running.pop(next(iter(self._running))).connection.close()

    def _begin(self, endpoint: Endpoint) -> None:
        self._exchange.remaining_s()
        self._exchange.ip = endpoint.ip
        try:
            connection = self._connect(endpoint)
        except (OSError, OwnError) as exc:
            self._failures.note(exc)
            return
        self._running[connection.fileno()] = _Attempt(endpoint, connection, monotonic_s())

    async def _wait_for_all(self) -> BoundedSocket | None:
        while self._running:
            ready = await self._exchange.ready(dict.fromkeys(self._running, select.POLLOUT))
            if (winner := self._ended(ready)) is not None:
                return winner
        return None

    async def _wait(self, at_most_s: float) -> BoundedSocket | None:
        """Wait until an attempt stands or fails or the time is over; only the first returns a connection."""
        until_s = monotonic_s() + at_most_s
        while self._running and (left_s := until_s - monotonic_s()) > 0:
            ready = await self._exchange.ready_within(dict.fromkeys(self._running, select.POLLOUT), left_s)
            if ready is not None:
                return self._ended(ready)
        return None

    def _ended(self, number: int) -> BoundedSocket | None:
        endpoint, connection, _ = self._running.pop(number)
        try:
            _raise_for(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        except OSError as exc:
            connection.close()
            self._failures.note(exc)
            return None
        self._exchange.ip = endpoint.ip
        return connection


def _raise_if_ports_are_used_up(endpoint: Endpoint) -> None:
    """Raise what says that it is ours, unless no address of ours leads there: datagrams have ports of their own."""
    try:
        connect_udp(endpoint).close()
    except OSError as exc:
        if exc.errno in OUR_ERRNOS:
            raise
        return
    raise OwnError(Reason.CONNECT_ERROR, "this host has no free port left for the host's address (connect)")


def _raise_for(code: int) -> None:
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
