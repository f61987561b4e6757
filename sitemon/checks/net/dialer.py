"""From a host and port to a connection that stands, to an address that may be visited."""

import functools
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from typing import Final, Literal

from sitemon.checks.errors import CheckError, OwnError
from sitemon.checks.net.address_limit import AddressLimit, Connect, most_at_address
from sitemon.checks.net.addresses import OWN_NETWORK, Address, AddressPolicy, Reach, forms_of, reach_of, refusal
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.happy_eyeballs import Race, connect_tcp, connect_udp, interleaved
from sitemon.checks.net.host_names import reach_of_name
from sitemon.checks.net.nat64 import Nat64, look_up_ipv6
from sitemon.checks.net.own_addresses import is_own
from sitemon.checks.net.resolver import Endpoint, Lookup, Resolver, few, literal, numeric
from sitemon.checks.net.udp_ports import UdpPorts
from sitemon.config.settings import PUBLIC, Settings
from sitemon.model.outcome import Reason

IpVersion = Literal[4, 6] | None

_LOOKUP_FOR_PROXY_S: Final = 1.0
"""Where only the proxy can look names up, our name server may not answer at all."""
SPARE_SOCKETS: Final = 1_000
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


class Dialer:
    """Resolves, refuses forbidden addresses, and connects to the one of the others that answers first.

    It is the only door to the network, also for datagrams: no socket is opened past the policy. `connect_udp` makes
    a socket that takes datagrams of one address alone. Each check may try `OWN_SOCKETS` addresses of a name beside each
    other; for further ones all share `spare_sockets`. To one address and port the sites of a file have at most
    `most_at_address` sockets at once, and as many for datagrams in all; None is any number. All leave some of
    `udp_ports`. Where only public addresses are visited, those of this
    machine, which `is_own` knows, are not, nor inner ones behind NAT64, for whose prefix `look_up_ipv6` asks.
    """

    def __init__(
        self,
        resolver: Resolver,
        connect: Connect = connect_tcp,
        connect_udp: Connect = connect_udp,
        policy: AddressPolicy = OWN_NETWORK,
        spare_sockets: int = SPARE_SOCKETS,
        *,
        most_at_address: int | None = None,
        udp_ports: UdpPorts | None = None,
        is_own: Callable[[Address], bool] = is_own,
        look_up_ipv6: Lookup = look_up_ipv6,
    ) -> None:
        self._resolver = resolver
        self._connect = connect
        self._connect_udp = connect_udp
        self._policy = policy
        self._spare = threading.BoundedSemaphore(spare_sockets)
        self._limit = AddressLimit(most_at_address)
        self._udp_ports = udp_ports or UdpPorts()
        self._is_own = is_own
        self._nat64 = Nat64(look_up_ipv6)

    async def reach(
        self, exchange: Exchange, host: str, port: int, *, came_from_public: bool, ip_version: IpVersion = None
    ) -> BoundedSocket:
        """Return a connection to the host for this exchange. It does not block.

        Raises:
            CheckError: every address of the host is one that may not be visited, or is of the other IP version.
            OSError: no address answered; socket.gaierror: it has none; TimeoutError: the time is up.
            UnicodeError: it is not a host name.

        """
        endpoints = await self.endpoints(exchange, host, port, came_from_public=came_from_public, ip_version=ip_version)
        return await self.connect(exchange, interleaved(endpoints))

    async def endpoints(
        self, exchange: Exchange, host: str, port: int, *, came_from_public: bool, ip_version: IpVersion = None
    ) -> tuple[Endpoint, ...]:
        """Return where the host may be visited, at least one place.

        Raises:
            CheckError: every address of the host is one that may not be visited, or is of the other IP version.
            OSError: socket.gaierror: it has none; TimeoutError: the time is up.
            UnicodeError: it is not a host name.

        """
        found = await self._endpoints(exchange, host)
        exchange.addresses = tuple([endpoint.ip for endpoint in found])
        allowed = await self._allowed(exchange, _of_version(found, ip_version), came_from_public)
        return tuple([endpoint.at(port) for endpoint in allowed])

    async def connect(self, exchange: Exchange, endpoints: Sequence[Endpoint]) -> BoundedSocket:
        """Return a connection to the one of these places that answers first. It does not block.

        Raises:
            OSError: none did; TimeoutError: the time is up; OwnError: we have too many connections to one of them.

        """
        connect = functools.partial(self._limit.open_tcp, self._connect, exchange.file)
        connection = await Race(connect, exchange, self._spare).run(endpoints)
        connection.exchange = exchange
        return connection

    def open_udp(self, exchange: Exchange, endpoint: Endpoint) -> BoundedSocket:
        """Return a socket for datagrams to and from this place; it does not block.

        Raises:
            OSError: there is no way to it; OwnError: we, or this machine, have too many such sockets.

        """
        self._udp_ports.require()
        connection = self._limit.open_udp(self._connect_udp, exchange.file, endpoint)
        connection.exchange = exchange
        return connection

    async def refuse_for_proxy(
        self, exchange: Exchange, host: str, *, came_from_public: bool, is_redirect: bool
    ) -> None:
        """Refuse a host that may not be visited, when a proxy is to connect us to it.

        The proxy looks the name up by itself, and may find something else. So this is all that we can do: to look at
        a literal address and at known names, and at what we find ourselves, where the host was named by a stranger.

        Raises:
            CheckError: it may not; of several addresses one is enough, for we do not choose.
            TimeoutError: the time is up.

        """
        address = numeric(host)
        if address is not None:
            await self._allowed(exchange, (address,), came_from_public)
            return
        reach = reach_of_name(host)
        if reach is Reach.BLOCKED:
            raise CheckError(Reason.BLOCKED_ADDRESS, "the host is a cloud's metadata service and never visited")
        if not (is_redirect or self._policy.is_public_only):
            return
        found = await self._found(exchange, host)
        if len(found) > len(tuple(few(found))):
            raise CheckError(Reason.BLOCKED_ADDRESS, "the host has too many addresses to look at each")
        for endpoint in found:
            await self._allowed(exchange, (endpoint,), came_from_public)
        if not found and reach is Reach.PRIVATE and (came_from_public or self._policy.is_public_only):
            raise CheckError(Reason.BLOCKED_ADDRESS, "the host has a name of private networks")

    async def leads_outside(self, exchange: Exchange, host: str) -> bool:
        """Tell whether a host to which a proxy connected us may be a public one.

        Raises:
            TimeoutError: the time is up.

        """
        address = numeric(host)
        found = await self._found(exchange, host) if address is None else (address,)
        if not found:
            return reach_of_name(host) is Reach.PUBLIC
        return any(reach_of(endpoint.ip) is Reach.PUBLIC for endpoint in few(found))

    async def _found(self, exchange: Exchange, host: str) -> tuple[Endpoint, ...]:
        """Return what we find of a name that is not ours to look up; nothing is no failure."""
        left_s = min(exchange.remaining_s(), _LOOKUP_FOR_PROXY_S)
        exchange.watch.enter("dns")
        try:
            found = await self._resolved(exchange, host, left_s)
        except (socket.gaierror, TimeoutError, UnicodeError):
            found = ()
        exchange.watch.enter("connect")
        return found

    async def _endpoints(self, exchange: Exchange, host: str) -> tuple[Endpoint, ...]:
        address = literal(host)
        if address is not None:
            return (address,)
        exchange.watch.begin("dns")
        endpoints = await self._resolved(exchange, host, exchange.remaining_s())
        exchange.watch.enter("connect")
        return tuple(few(endpoints))

    async def _resolved(self, exchange: Exchange, host: str, timeout_s: float) -> tuple[Endpoint, ...]:
        patience_s = exchange.patience_s()
        return await self._resolver.resolve(host, exchange.waits, timeout_s, patience_s=patience_s, file=exchange.file)

    async def _allowed(
        self, exchange: Exchange, endpoints: tuple[Endpoint, ...], came_from_public: bool
    ) -> tuple[Endpoint, ...]:
        """Return those of the places that may be visited.

        Raises:
            CheckError: none may; OwnError, where of one of them we cannot tell.

        """
        allowed: list[Endpoint] = []
        errors: list[CheckError] = []
        for endpoint in endpoints:
            try:
                words = await self._refusal(exchange, endpoint.ip, came_from_public)
            except OwnError as exc:
                errors.insert(0, exc)
            else:
                if words is None:
                    allowed.append(endpoint)
                else:
                    errors.append(CheckError(Reason.BLOCKED_ADDRESS, words))
        if not allowed:
            raise errors[0] if errors else CheckError(Reason.BLOCKED_ADDRESS, "the host name has no address")
        return tuple(allowed)

    async def _refusal(self, exchange: Exchange, ip: str, came_from_public: bool) -> str | None:
        words = refusal(ip, came_from_public=came_from_public, policy=self._policy)
        if words is not None or not self._policy.is_public_only:
            return words
        forms = [form for form in forms_of(ip) if not self._policy.lists(form)]
        if any(map(self._is_own, forms)):
            return f"{ip} is an address of this machine, which is not visited here (SITEMON_ADDRESS_POLICY)"
        for form in forms:
            behind = await self._nat64.ipv4_behind(form, exchange) if isinstance(form, IPv6Address) else ()
            for inner in behind:
                words = await self._refusal(exchange, str(inner), came_from_public)
                if words is not None:
                    return f"{ip} leads there by NAT64: {words}"
        return None


def dialer_for(choices: Settings, resolver: Resolver, spare_sockets: int = SPARE_SOCKETS) -> Dialer:
    """Return the dialer of a process that was told which addresses may be visited."""
    policy = AddressPolicy(choices.address_policy == PUBLIC, choices.address_allow)
    return Dialer(resolver, policy=policy, spare_sockets=spare_sockets, most_at_address=most_at_address(choices))


def _of_version(endpoints: tuple[Endpoint, ...], ip_version: IpVersion) -> tuple[Endpoint, ...]:
    if ip_version is None:
        return endpoints
    fit = tuple(endpoint for endpoint in endpoints if endpoint.family == _FAMILIES[ip_version])
    if not fit:
        raise CheckError(Reason.DNS_ERROR, f"the host has no IPv{ip_version} address")
    return fit
