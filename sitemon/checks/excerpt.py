"""Showing a piece of what a server sent, without the secrets that we sent it: some servers echo them."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sitemon.checks.failures import printable
from sitemon.model.site import Header, Site

_AROUND: Final = 60
_LONGEST: Final = 200
_SHORTEST_OF_QUERY: Final = 4
_STARS: Final = re.compile(r"\*{3,}")
_BLANKS: Final = re.compile(r"\s+")


def excerpt(site: Site, text: str, start: int = 0, end: int = 0) -> str:
    """Return the text from `start` to `end` and some of what stands around it, on one printable line.

    The secrets of the site are masked before anything is cut off, so that no half of one is left.
    """
    secrets = sorted(secrets_of(site), key=len, reverse=True)
    first, last = max(0, start - _AROUND), min(end, start + _LONGEST) + _AROUND
    margin = len(secrets[0]) if secrets else 0
    begin = max(0, first - margin)
    window = text[begin : last + margin]
    for secret in secrets:
        window = window.replace(secret, "*" * len(secret))
    piece = _BLANKS.sub(" ", _STARS.sub("***", window[first - begin : last - begin])).strip()
    return printable(f"{'…' if first else ''}{piece}{'…' if last < len(text) else ''}")


def secrets_of(site: Site) -> set[str]:
    """Return what a server may echo of the site's secrets, also as it stands in a URL."""
    found = {*_of_url(site.url), *(site.body.secrets if site.body else ())}
    to_proxy = site.proxy.authorization if site.proxy else None
    for header in (*site.headers, *([Header("Proxy-Authorization", to_proxy, is_secret=True)] if to_proxy else ())):
        if header.is_secret or header.name.lower() in ("authorization", "cookie"):
            found |= {*_of_header(header)}
    return {form for secret in found for form in (secret, quote(secret, safe="")) if secret}


def _of_header(header: Header) -> Iterator[str]:
    yield header.value
    scheme, _, credentials = header.value.partition(" ")
    if credentials:
        yield credentials
    if scheme.lower() == "basic":
        try:
            userinfo = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield from (userinfo, userinfo.partition(":")[2])


def _of_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        yield from (parts.netloc.rpartition("@")[0], unquote(parts.password or ""))
    if parts.query:
        yield parts.query
        yield from (value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_OF_QUERY)
