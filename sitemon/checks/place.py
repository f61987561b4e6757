"""What counts as one place, to which only so many checks go at once. Pure."""

from collections.abc import Hashable
from typing import Final

from sitemon.model.site import Site

_PARTS_OF_PROXY: Final = 5
"""A proxy is made for many hosts, and is visited by so many times as many at once. Each host has its part there: so one
that hangs holds up no more than a fifth of the others behind the same proxy."""


def place_of(site: Site, host: str, port: int) -> Hashable:
    """Return the place at which a check of the site visits this host and port.

    Who asks there by UDP, or has a proxy ask, is elsewhere: how long that takes says nothing of the host and port. Who
    has a proxy ask visits the proxy, of whatever host: whoever edits sites may name any host as one.
    """
    if site.proxy is not None:
        return site.proxy.host, site.proxy.port, hash((host, port)) % _PARTS_OF_PROXY
    return ("udp", host, port) if site.url[:4].lower() == "dns:" else (host, port)
