"""What counts as one place, to which only so many checks go at once. Pure."""

from collections.abc import Hashable

from sitemon.model.site import Site


def place_of(site: Site, host: str, port: int) -> Hashable:
    """Return the place at which a check of the site visits this host and port.

    Who asks there by UDP, or has a proxy ask, is elsewhere: how long that takes says nothing of the host and port.
    """
    if site.proxy is not None:
        return site.proxy.host, site.proxy.port, host, port
    return ("udp", host, port) if site.url[:4].lower() == "dns:" else (host, port)
