"""The IPv6 prefixes of our own network by which a gateway leads to IPv4 addresses (NAT64), to inner ones too.

No address says that it has one. The network's name service tells: for a name of which everybody knows the IPv4
addresses it makes up IPv6 ones (RFC 7050).
"""

import contextlib
import ipaddress
import math
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.checks.net.addresses import IPV4_BEHIND, ipv4_behind
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.net.resolver import Resolver
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

NAME: Final = "ipv4only.arpa"
_ITS_ADDRESSES: Final = frozenset(map(ipaddress.IPv4Address, ("192.0.0.170", "192.0.0.171")))
_HAS_NONE: Final = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""Answers of a name service that knows the name to have no address. Others are none."""
_TIMEOUT_S: Final = 2.0
_KEPT_S: Final = 600.0
_REST_S: Final = 10.0


class Nat64:
    """What is known of these prefixes, by answers of the name service; the last one holds until there is a new one."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._prefixes: frozenset[bytes] | None = None
        self._ask_at_s = -math.inf

    async def ipv4_behind(self, address: ipaddress.IPv6Address, exchange: Exchange) -> list[ipaddress.IPv4Address]:
        """Return the IPv4 addresses to which our network leads by this one. No time of the check passes meanwhile.

        Raises:
            OwnError: the name service has not said that so far.
            TimeoutError: the time of the check is up.

        """
        if monotonic_s() >= self._ask_at_s:
            await self._ask(exchange)
        if self._prefixes is None:
            words = f"the name service does not say which IPv6 addresses lead inside by NAT64 ({NAME})"
            raise OwnError(Reason.DNS_ERROR, words)
        return [ipv4_behind(address, len(prefix)) for prefix in self._prefixes if address.packed.startswith(prefix)]

    async def _ask(self, exchange: Exchange) -> None:
        waits, timeout_s = exchange.waits, min(exchange.remaining_s(), _TIMEOUT_S)
        began_s, began_own_s = monotonic_s(), waits.now_s()
        rest_s = _REST_S
        with contextlib.suppress(TimeoutError, OwnError):
            try:
                found = await self._resolver.resolve(NAME, waits, timeout_s, patience_s=exchange.patience_s())
            except socket.gaierror as exc:
                if exc.errno in _HAS_NONE:
                    self._prefixes, rest_s = frozenset(), _KEPT_S
            else:
                self._prefixes, rest_s = frozenset(_prefixes(endpoint.ip for endpoint in found)), _KEPT_S
        self._ask_at_s = monotonic_s() + rest_s
        waits.leave_out(max(0.0, min(monotonic_s() - began_s, waits.now_s() - began_own_s)))


def _prefixes(ips: Iterable[str]) -> Iterator[bytes]:
    for ip in ips:
        address = ipaddress.ip_address(ip.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            for length in IPV4_BEHIND:
                if ipv4_behind(address, length) in _ITS_ADDRESSES:
                    yield address.packed[:length]
