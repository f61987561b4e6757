"""From a host and port to a connection that stands, to an address that may be visited."""

import socket
from collections.abc import Callable

from sitemon.checks.addresses import refusal
from sitemon.checks.check_error import CheckError
from sitemon.checks.exchange import BoundedSocket, Exchange
from sitemon.checks.resolver import Endpoint, Resolver, literal
from sitemon.model.outcome import Reason

Connect = Callable[[Endpoint, float], BoundedSocket]


def connect_tcp(endpoint: Endpoint, timeout_s: float) -> BoundedSocket:
    """Open a TCP connection.

    Raises:
        OSError: it did not come to stand; TimeoutError, if not in time.

    """
    connection = BoundedSocket(endpoint.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(endpoint.address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


class Dialer:
    """Resolves, refuses forbidden addresses, and connects to the first of the others that answers."""

    def __init__(self, resolver: Resolver, connect: Connect = connect_tcp) -> None:
        self._resolver = resolver
        self._connect = connect

    def dial(self, exchange: Exchange, host: str, port: int, *, came_from_public: bool) -> BoundedSocket:
        """Return a connection to the host for this exchange.

        Raises:
            CheckError: every address of the host is one that may not be visited.
            OSError: no address answered; socket.gaierror: it has none; TimeoutError: the time is up.
            UnicodeError: it is not a host name.

        """
        endpoints = self._endpoints(exchange, host)
        exchange.addresses = tuple(endpoint.ip for endpoint in endpoints)
        connection = self._connect_to_one(exchange, _allowed(endpoints, came_from_public), port)
        connection.exchange = exchange
        return connection

    def _endpoints(self, exchange: Exchange, host: str) -> tuple[Endpoint, ...]:
        address = literal(host)
        if address is not None:
            return (address,)
        exchange.watch.begin("dns")
        endpoints = self._resolver.resolve(host, exchange.remaining_s())
        exchange.watch.enter("connect")
        return endpoints

    def _connect_to_one(self, exchange: Exchange, endpoints: tuple[Endpoint, ...], port: int) -> BoundedSocket:
        for endpoint in endpoints[:-1]:
            exchange.ip = endpoint.ip
            try:
                # Half of what is left: a silent address must leave the next one its chance.
                return self._connect(endpoint.at(port), exchange.remaining_s() / 2)
            except OSError:
                continue
        exchange.ip = endpoints[-1].ip
        return self._connect(endpoints[-1].at(port), exchange.remaining_s())


def _allowed(endpoints: tuple[Endpoint, ...], came_from_public: bool) -> tuple[Endpoint, ...]:
    refusals = [refusal(endpoint.ip, came_from_public=came_from_public) for endpoint in endpoints]
    allowed = tuple(endpoint for endpoint, words in zip(endpoints, refusals, strict=True) if words is None)
    if not allowed:
        raise CheckError(Reason.BLOCKED_ADDRESS, refusals[0] or "the host name has no address")
    return allowed
