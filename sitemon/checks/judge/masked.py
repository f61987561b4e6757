"""Hiding the secrets of a site in what a server sent: some servers echo them, in a page, a header or a redirect."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from sitemon.checks.http.redirects import without_userinfo
from sitemon.checks.judge.spellings import (
    LONGEST_SPELLING,
    ManyReadingsError,
    Needle,
    needles_of,
    places_of,
    readings,
)
from sitemon.model.site import Header, Site, public_url

_SHORTEST_OF_QUERY: Final = 4
_LONGEST_URL: Final = 2_000
_LONGEST_SECRETS: Final = 4 << 10
"""To look for more in a URL takes too long: each of 50 redirects may lead to one that was thought up for it."""
_STARS: Final = re.compile(r"\*{3,}")
_HIDDEN: Final = "***"
_CREDENTIALS: Final = ("authorization", "cookie", "proxy-authorization")


def masked(site: Site, text: str, first: int = 0, last: int | None = None) -> str:
    """Return the text from `first` to `last` with the secrets of the site masked, so that no half of one is left.

    In whatever spelling they stand there; see `spellings`. Upper and lower case are one: a host name in a redirect
    loses its case. Nothing is shown of what is quoted very often: nobody does that who has nothing to hide.
    """
    piece = text[first:last]
    secrets = secrets_of(site)
    if not secrets:
        return piece
    begin, end = max(0, first - LONGEST_SPELLING), first + len(piece) + LONGEST_SPELLING
    needles = {needle for secret in secrets for needle in needles_of(secret)}
    covered = _covered(text[begin:end], needles)
    return _HIDDEN if covered is None else _STARS.sub(_HIDDEN, covered[first - begin :][: len(piece)])


def masked_url(site: Site, url: str) -> str:
    """Return the public form of a URL that a server gave us.

    Of a path that is very long nothing is shown, and only the scheme where the secrets are very long.
    """
    if secrets_chars(site) > _LONGEST_SECRETS:
        return f"{urlsplit(url).scheme}://{_HIDDEN}/"
    whole = urlsplit(without_userinfo(url)).geturl()
    bare = public_url(whole)  # which may end within a secret, at a "?"
    shown = masked(site, whole, 0, len(bare)) if len(bare) <= _LONGEST_URL else _HIDDEN
    return masked(site, urlsplit(bare)._replace(path=f"/{_HIDDEN}").geturl()) if shown == _HIDDEN else shown


def _covered(text: str, needles: Iterable[Needle]) -> str | None:
    """Return the text with stars for what stands in any reading of it, None if there are too many readings."""
    characters = [*text]
    try:
        for reading in readings(text):
            for first, last in places_of(needles, reading):
                characters[first:last] = "*" * (last - first)
    except ManyReadingsError:
        return None
    return "".join(characters)


def secrets_of(site: Site) -> frozenset[str]:
    """Return the secrets of the site that a server is told, and the parts of them that it may echo by themselves."""
    found = {*_of_url(site.url), *(site.body.secrets if site.body else ())}
    to_proxy = site.proxy.authorization if site.proxy else None
    for header in (*site.headers, *([Header("Proxy-Authorization", to_proxy)] if to_proxy else ())):
        if header.is_secret or header.name.lower() in _CREDENTIALS:
            found |= {*_of_header(header)}
    return frozenset(filter(None, found))


def secrets_chars(site: Site) -> int:
    """Return about how long the secrets are in all, without taking them apart: this runs for every check."""
    of_headers = [len(one.value) for one in site.headers if one.is_secret or one.name.lower() in _CREDENTIALS]
    of_body = map(len, site.body.secrets) if site.body else ()
    of_proxy = len(site.proxy.authorization or "") if site.proxy else 0
    of_url = len(site.url) if "?" in site.url or "@" in site.url else 0
    return sum(of_headers) + sum(of_body) + of_proxy + of_url


def _of_header(header: Header) -> Iterator[str]:
    yield from (header.value, *header.secrets)
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
        userinfo = parts.netloc.rpartition("@")[0]
        yield from (userinfo, unquote(userinfo), unquote(parts.password or ""))
        yield base64.b64encode(unquote(userinfo).encode()).decode()  # as we send it
    if parts.query:
        yield from (parts.query, unquote(parts.query))
        as_written = (pair.partition("=")[2] for pair in parts.query.split("&"))
        values = (value for _, value in parse_qsl(parts.query))
        yield from (value for value in (*as_written, *values) if len(value) >= _SHORTEST_OF_QUERY)
