"""The IPv6 prefixes of our own network by which a gateway leads to IPv4 addresses (NAT64), to inner ones too.

No address says that it has one. The network's name service tells: for a name of which everybody knows the IPv4
addresses it makes up IPv6 ones (RFC 7050).
"""

import contextlib
import ipaddress
import math
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.checks.net.addresses import IPV4_BEHIND, ipv4_behind
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.net.resolver import Endpoint, Lookup, Resolver, look_up
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

NAME: Final = "ipv4only.arpa."
"""With its dot: else a search list of the system may have it ask for another name, and answer that."""
look_up_ipv6: Final = partial(look_up, family=socket.AF_INET6)
"""Asks for IPv6 addresses alone: what else there is says nothing of them."""
_ITS_ADDRESSES: Final = frozenset(map(ipaddress.IPv4Address, ("192.0.0.170", "192.0.0.171")))
_HAS_NONE: Final = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""Answers of a name service that knows the name to have no address. Others are none."""
_TIMEOUT_S: Final = 2.0
"""So long a question is waited for, by all checks together; its answer is learnt whenever it comes."""
_KEPT_S: Final = 600.0
_REST_S: Final = 10.0


class Nat64:
    """What is known of these prefixes, by answers of the name service; the last one holds until there is a new one.

    It is asked in a thread apart, once for all checks that wait, however short their own times are.
    """

    def __init__(self, lookup: Lookup = look_up_ipv6) -> None:
        self._lookup = lookup
        self._resolver = Resolver(threads=1, lookup=self._learn)
        self._prefixes: frozenset[bytes] | None = None
        self._ask_at_s = -math.inf
        self._wait_until_s = math.inf

    async def ipv4_behind(self, address: ipaddress.IPv6Address, exchange: Exchange) -> list[ipaddress.IPv4Address]:
        """Return the IPv4 addresses to which our network leads by this one. No time of the check passes meanwhile.

        Raises:
            OwnError: the name service has not said that so far.

        """
        if monotonic_s() >= self._ask_at_s:
            await self._ask(exchange)
        if self._prefixes is None:
            words = f"the name service does not say which IPv6 addresses lead inside by NAT64 ({NAME})"
            raise OwnError(Reason.DNS_ERROR, words)
        return [ipv4_behind(address, len(prefix)) for prefix in self._prefixes if address.packed.startswith(prefix)]

    async def _ask(self, exchange: Exchange) -> None:
        """Wait for an answer, as long as the check has patience: then all of its own time is left to it."""
        waits, began_s, began_own_s = exchange.waits, monotonic_s(), exchange.waits.now_s()
        at_most_s = max(0.0, min(_TIMEOUT_S, self._wait_until_s - began_s, exchange.patience_s()))
        with contextlib.suppress(OSError, OwnError):
            await self._resolver.resolve(NAME, waits, at_most_s)
        waits.leave_out(max(0.0, min(monotonic_s() - began_s, waits.now_s() - began_own_s)))

    def _learn(self, name: str) -> tuple[Endpoint, ...]:
        """Ask the name service, in the resolver's thread; what is no answer takes nothing back that is known."""
        self._wait_until_s = monotonic_s() + _TIMEOUT_S
        rest_s = _REST_S
        try:
            prefixes = frozenset(_prefixes(endpoint.ip for endpoint in self._lookup(name)))
            if prefixes:
                self._prefixes, rest_s = prefixes, _KEPT_S
        except socket.gaierror as exc:
            if exc.errno in _HAS_NONE:
                self._prefixes, rest_s = frozenset(), _KEPT_S
        finally:
            self._ask_at_s, self._wait_until_s = monotonic_s() + rest_s, math.inf
        return ()


def _prefixes(ips: Iterable[str]) -> Iterator[bytes]:
    for ip in ips:
        address = ipaddress.ip_address(ip.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            for length in IPV4_BEHIND:
                if ipv4_behind(address, length) in _ITS_ADDRESSES:
                    yield address.packed[:length]
