"""Where a request comes from: the address of its connection, or what a trusted proxy says of it."""

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from sitemon.config.web_file import Network

UNKNOWN: Final = "unknown"
_IPV6_SITE_BITS: Final = 64
"""Who has one address of IPv6 has at least all of its /64."""


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address is in one of these networks."""
    found = parsed(address) if networks else None
    return found is not None and any(found in network for network in networks)


def is_trusted(request: Request, networks: Sequence[Network]) -> bool:
    """Tell whether the connection comes from a trusted proxy."""
    return request.client is not None and is_in(request.client.host, networks)


def client_address(request: Request, networks: Sequence[Network]) -> str:
    """Return the address of who asks: behind trusted proxies the last that none of them has."""
    address = request.client.host if request.client else UNKNOWN
    if is_trusted(request, networks):
        for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            if parsed(hop.strip()) is None:
                break
            address = hop.strip()
            if not is_in(address, networks):
                break
    return address


def limited_as(address: str) -> str:
    """Return what is counted for limits: an address of IPv4, or the network of one of IPv6."""
    found = parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_SITE_BITS), strict=False))
    return address


def is_over_tls(request: Request, networks: Sequence[Network], public_url: str | None) -> bool:
    """Tell whether the browser speaks TLS, with us or with the proxy before us."""
    if request.url.scheme == "https":
        return True
    if is_trusted(request, networks) and "x-forwarded-proto" in request.headers:
        return request.headers["x-forwarded-proto"].strip().lower() == "https"
    return public_url is not None and urlsplit(public_url).scheme == "https"


def parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, None where it is none; one of IPv4 that a socket of IPv6 shows as IPv6 is the former."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
