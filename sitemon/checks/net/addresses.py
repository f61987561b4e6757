"""Which addresses a check may connect to: decided on the address itself, at every connection of every hop.

A host name proves nothing: it may resolve to something else a moment later (DNS rebinding).
Source: the IANA special-purpose address registries (RFC 6890 and its updates).
"""

import functools
import ipaddress
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from sitemon.checks.net.metadata_services import ADDRESSES

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reach(Enum):
    """How far an address leads, from anyone's to nobody's."""

    PUBLIC = 0
    PRIVATE = 1
    BLOCKED = 2


class AddressPolicy(NamedTuple):
    """What the operator allows, beyond what is never visited.

    With `is_public_only`, which is for those who let others add sites, private addresses, and this machine's own, are
    visited only in the networks of `allowed`.
    """

    is_public_only: bool = False
    allowed: tuple[Network, ...] = ()

    def permits(self, ip: str) -> bool:
        """Tell whether a private address may be visited when a site's own URL leads there."""
        return not self.is_public_only or all(self.lists(form) for form in _private_forms(ip))

    def lists(self, address: Address) -> bool:
        """Tell whether the address is in a network that the operator named."""
        return any(address in network for network in self.allowed)


OWN_NETWORK: Final = AddressPolicy()
"""The usual one: whoever configures the sites may watch his own network."""


_BLOCKED: Final = {
    ipaddress.ip_network(network): words
    for network, words in {
        "0.0.0.0/8": "unspecified",
        "169.254.0.0/16": "link-local, where clouds keep their metadata service",
        "224.0.0.0/4": "multicast",
        "255.255.255.255/32": "broadcast",
        "::/128": "unspecified",
        "fe80::/10": "link-local",
        "ff00::/8": "multicast",
        **dict.fromkeys(ADDRESSES, "a cloud's metadata service"),
    }.items()
}
_PRIVATE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "::1/128",
        "100::/64",
        "100:0:0:1::/64",
        "2001:2::/48",
        "2001:10::/28",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)
_ENDS_IN_IPV4: Final = (
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible
    ipaddress.IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 7915
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
)
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_LOCAL_OCTETS: Final = 6
IPV4_BEHIND: Final = {
    4: (4, 5, 6, 7),
    5: (5, 6, 7, 9),
    6: (6, 7, 9, 10),
    7: (7, 9, 10, 11),
    8: (9, 10, 11, 12),
    12: (12, 13, 14, 15),
}
"""In which octets the IPv4 address stands behind a NAT64 prefix of so many octets: RFC 6052, 2.2."""
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""What stands before the IPv4 address of an ISATAP interface, whatever the prefix: RFC 5214, 6.1."""
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")


@functools.lru_cache(maxsize=8192)
def reach_of(ip: str) -> Reach:
    """Return how far the address leads, of an IPv6 address that carries an IPv4 one the worse of the two.

    Raises:
        ValueError: it is not an address.

    """
    return max((_own_reach(form) for form in forms_of(ip)), key=lambda reach: reach.value)


@functools.lru_cache(maxsize=8192)
def refusal(ip: str, *, came_from_public: bool, policy: AddressPolicy = OWN_NETWORK) -> str | None:
    """Return why the address may not be visited, or None if it may.

    Loopback and private addresses may be watched, and may redirect among themselves; a site on the public
    Internet may not send us into them (`came_from_public`: an earlier hop was there).
    """
    reach = reach_of(ip)
    if reach is Reach.BLOCKED:
        return f"{ip} is {_words_for(ip)} and never visited"
    if reach is Reach.PRIVATE and came_from_public:
        return f"a public site redirects to the private address {ip}"
    if reach is Reach.PRIVATE and not policy.permits(ip):
        return f"{ip} is a private address, and only public ones are visited here (SITEMON_ADDRESS_POLICY)"
    return None


@functools.lru_cache(maxsize=8192)
def server_of(ip: str) -> str:
    """Return which server is at the address, however that is written: of an IPv6 one that carries an IPv4 one, that.

    Where several could be in it, as nobody knows how a local network makes such addresses, it is one of them.

    Raises:
        ValueError: it is not an address.

    """
    *_, last = forms_of(ip)
    return str(last)


@functools.lru_cache(maxsize=8192)
def forms_of(ip: str) -> tuple[Address, ...]:
    """Return the address, and the IPv4 addresses that it stands for.

    Raises:
        ValueError: it is not an address.

    """
    return tuple(_forms(_parse(ip)))


def ipv4_behind(address: ipaddress.IPv6Address, octets: int) -> ipaddress.IPv4Address:
    """Return what an address stands for if so many of its octets are a NAT64 prefix."""
    return ipaddress.IPv4Address(bytes(address.packed[place] for place in IPV4_BEHIND[octets]))


def _parse(ip: str) -> Address:
    return ipaddress.ip_address(ip.partition("%")[0])


def _own_reach(address: Address) -> Reach:
    if any(address in network for network in _BLOCKED):
        return Reach.BLOCKED
    return Reach.PRIVATE if any(address in network for network in _PRIVATE) else Reach.PUBLIC


def _private_forms(ip: str) -> Iterator[Address]:
    return (form for form in forms_of(ip) if _own_reach(form) is Reach.PRIVATE)


def _words_for(ip: str) -> str:
    forms = forms_of(ip)
    return next(words for network, words in _BLOCKED.items() if any(form in network for form in forms))


def _forms(address: Address) -> Iterator[Address]:
    """Yield the address and the IPv4 addresses that it stands for."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        yield from (ipaddress.IPv4Address(number) for number in _embedded(address))


def _embedded(address: ipaddress.IPv6Address) -> Iterator[int]:
    number = int(address)
    last_32_bits = number & 0xFFFFFFFF
    if any(address in network for network in _ENDS_IN_IPV4) and number > 1:  # :: and ::1 are addresses of their own
        yield last_32_bits
    elif address in _SIX_TO_FOUR:
        yield (number >> 80) & 0xFFFFFFFF
    elif address in _TEREDO:
        yield last_32_bits ^ 0xFFFFFFFF  # RFC 4380: the client's address, inverted
    elif address in _LOCAL_NAT64:
        yield from _in_local_nat64(address)
    elif number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield last_32_bits


def _in_local_nat64(address: ipaddress.IPv6Address) -> Iterator[int]:
    """Yield what the address may stand for: nobody but its network knows how long the prefix is, of 48 bits or more."""
    *found, of_96 = (int(ipv4_behind(address, octets)) for octets in IPV4_BEHIND if octets >= _LOCAL_OCTETS)
    found = [one for one in (*found, of_96) if one >= 1 << 24]  # 0.0.0.0/8 is what the others leave
    yield from found or (of_96,)
