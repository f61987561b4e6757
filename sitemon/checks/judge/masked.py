"""Hiding the secrets of a site in what a server sent: some servers echo them, in a page, a header or a redirect."""

import base64
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sitemon.checks.judge.spellings import (
    LONGEST_SPELLING,
    ManyReadingsError,
    Sought,
    TooMuchWorkError,
    Work,
    needles_of,
    places_of,
    readings,
    sought_for,
)
from sitemon.kept import kept
from sitemon.model.result import Certificate
from sitemon.model.site import Header, Site, public_url
from sitemon.patterns.urls import without_userinfo

_SHORTEST_OF_QUERY: Final = 4
_LONGEST_URL: Final = 2_000
_LONGEST_NAME: Final = 256
_LONGEST_SECRETS: Final = 4 << 10
"""Those of longer ones are not looked for among other checks."""
_FOR_EACH_SECRET: Final = 16
"""Each has spellings of its own, so that it counts as so many characters more."""
_KEPT_BYTES: Final = 4 << 20
_MOST_SOUGHT_NS: Final = 3_500_000
"""To find in which spellings the secrets of a site may stand."""
_MOST_SHOWN_NS: Final = 1_000_000
"""Each of 50 redirects may lead to a URL that was thought up to take long."""
_MOST_CHAIN_NS: Final = 4 * _MOST_SHOWN_NS
"""So that the usual names are shown to a site with a token of 2,000 characters."""
_MOST_AT_ONCE_NS: Final = 5_000_000
"""For all excerpts of a response that is judged among other checks."""
_MOST_APART_NS: Final = 1_000_000_000
"""For all excerpts of one that is judged in the process apart, which has 2 s of CPU."""
_MOST_EXCERPTS: Final = 5
_STARS: Final = re.compile(r"\*{3,}")
_HIDDEN: Final = "***"
_CREDENTIALS: Final = ("authorization", "cookie", "proxy-authorization")


class Mask:
    """Hides the secrets of a site in all that is shown of one response: `at_once` among other checks, else apart.

    If there is more to do than there may be, it `is_over`, and nothing more is shown.
    """

    def __init__(self, site: Site, *, at_once: bool) -> None:
        self.is_over = False
        self._site = site
        self._at_once = at_once
        self._work = Work(_MOST_AT_ONCE_NS if at_once else _MOST_APART_NS)
        self._sought: Sought | None = None

    def masked(self, text: str, first: int = 0, last: int | None = None) -> str:
        """Return the text from `first` to `last` with the secrets masked, so that no half of one is left.

        In whatever spelling they stand there; see `spellings`. Upper and lower case are one: a host name in a redirect
        loses its case. Nothing is shown of what is quoted very often: nobody does that who has nothing to hide.
        """
        if self.is_over:
            return _HIDDEN
        try:
            self._sought = self._sought or self._find()
            return _masked(self._sought, text, self._work, first, last)
        except TooMuchWorkError:
            self.is_over = True
            return _HIDDEN

    def _find(self) -> Sought:
        if not self._at_once:
            return _sought(secrets_of(self._site), self._work)
        sought = _sought_at_once(self._site)
        if sought is None:
            raise TooMuchWorkError
        return sought


def is_light_to_mask(site: Site) -> bool:
    """Tell whether responses of the site may be masked among other checks, if it turns out to be little work."""
    is_shown_much = len(site.expect.headers) + len(site.expect.json) > _MOST_EXCERPTS
    return not is_shown_much and secrets_chars(site) <= _LONGEST_SECRETS


def masked_url(site: Site, url: str) -> str:
    """Return the public form of a URL that a server gave us.

    Of a path that is very long nothing is shown, and only the scheme where there is very much to look for.
    """
    nothing = f"{urlsplit(url).scheme}://{_HIDDEN}/"
    sought = _sought_at_once(site)
    if sought is None:
        return nothing
    whole = urlsplit(without_userinfo(url)).geturl()
    bare = public_url(whole)  # which may end within a secret, at a "?"
    shown = _HIDDEN
    if len(bare) <= _LONGEST_URL:
        shown = _masked_or_hidden(sought, whole, Work(_MOST_SHOWN_NS), len(bare))
    if shown == _HIDDEN:
        shown = _masked_or_hidden(sought, urlsplit(bare)._replace(path=f"/{_HIDDEN}").geturl(), Work(_MOST_SHOWN_NS))
    return nothing if shown == _HIDDEN else shown


def masked_name(site: Site, name: str) -> str:
    """Return the beginning of a name that a server gave us; nothing of it where there is very much to look for."""
    return _masked_or_hidden(_sought_at_once(site), name, Work(_MOST_SHOWN_NS), _LONGEST_NAME)


def masked_certificates(site: Site, chain: Iterable[Certificate | None]) -> Iterator[Certificate | None]:
    """Yield what may be told of each certificate that a server sent, of so many names as take little."""
    work = Work(_MOST_CHAIN_NS)
    shown = functools.cache(lambda name: _masked_or_hidden(_sought_at_once(site), name, work, _LONGEST_NAME))
    for one in chain:
        yield one and msgspec.structs.replace(one, subject=shown(one.subject), issuer=shown(one.issuer))


def _sought_at_once(site: Site) -> Sought | None:
    """Return what to look for; None if to find that takes longer than it may among other checks."""
    return _kept_sought(tuple(sorted(secrets_of(site)))) if secrets_chars(site) <= _LONGEST_SECRETS else None


@kept(_KEPT_BYTES)
def _kept_sought(secrets: tuple[str, ...]) -> Sought | None:
    try:
        return _sought(secrets, Work(_MOST_SOUGHT_NS))
    except TooMuchWorkError:
        return None


def _sought(secrets: Iterable[str], work: Work) -> Sought:
    return sought_for({needle for secret in secrets for needle in needles_of(secret, work)})


def _masked_or_hidden(sought: Sought | None, text: str, work: Work, last: int | None = None) -> str:
    try:
        return _HIDDEN if sought is None else _masked(sought, text, work, 0, last)
    except TooMuchWorkError:
        return _HIDDEN


def _masked(sought: Sought, text: str, work: Work, first: int, last: int | None) -> str:
    piece = text[first:last]
    if not sought.plain.each:
        return piece
    begin, end = max(0, first - LONGEST_SPELLING), first + len(piece) + LONGEST_SPELLING
    try:
        covered = _covered(text[begin:end], sought, work)
    except ManyReadingsError:
        return _HIDDEN
    return _STARS.sub(_HIDDEN, covered[first - begin :][: len(piece)])


def _covered(text: str, sought: Sought, work: Work) -> str:
    """Return the text with stars for what stands in any reading of it."""
    characters = [*text]
    for reading in readings(text, work):
        for first, last in places_of(sought, reading, work):
            characters[first:last] = "*" * (last - first)
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
    """Return about how long and how many the secrets are, without taking them apart: this runs for every check."""
    lengths, count = [], 0
    if "?" in site.url or "@" in site.url:
        lengths.append(len(site.url))
        count += site.url.count("&")
    for header in site.headers:
        if header.is_secret or header.name.lower() in _CREDENTIALS:
            lengths.append(len(header.value))
            count += len(header.secrets)
    if site.body:
        lengths += map(len, site.body.secrets)
    if site.proxy:
        lengths.append(len(site.proxy.authorization or ""))
    return sum(lengths) + (count + len(lengths)) * _FOR_EACH_SECRET


def _of_header(header: Header) -> Iterator[str]:
    yield from (header.value, *header.secrets)
    scheme, _, credentials = header.value.partition(" ")
    if credentials:
        yield credentials
    if scheme.lower() == "basic":
        try:
            userinfo = base64.b64decode(credentials, validate=True).decode()
        except ValueError:
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
