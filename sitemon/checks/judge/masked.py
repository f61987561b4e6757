"""Hiding the secrets of a site in what a server sent: some servers echo them, in a page, a header or a redirect."""

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sitemon.checks.judge.spellings import (
    LONGEST_SPELLING,
    ManyReadingsError,
    Needle,
    needles_of,
    places_of,
    readings,
)
from sitemon.model.result import Certificate
from sitemon.model.site import Header, Site, public_url
from sitemon.patterns.urls import without_userinfo

_SHORTEST_OF_QUERY: Final = 4
_LONGEST_URL: Final = 2_000
_LONGEST_NAME: Final = 256
_LONGEST_SECRETS: Final = 4 << 10
"""To find the spellings of so many takes some 10 ms, of 60 with escapes in escapes 50 ms."""
_FOR_EACH_SECRET: Final = 16
"""Each has spellings of its own, so that it counts as so many characters more."""
_MOST_SITES: Final = 128
_MOST_WORK: Final = 2_000_000
"""That is about 1 ms: each of 50 redirects may lead to a URL that was thought up to take long."""
_MOST_WORK_FOR_CHAIN: Final = 4 * _MOST_WORK
"""So that the usual names are shown to a site with a token of 2,000 characters."""
_MOST_WORK_OF_VERDICT: Final = 200 * _MOST_WORK
"""For all excerpts of a response that is judged among other checks: at worst some 80 ms were seen."""
_MOST_WORK_APART: Final = 25 * _MOST_WORK_OF_VERDICT
"""For all excerpts of one that is judged in the process apart, which has 2 s of CPU."""
_MOST_EXCERPTS: Final = 5
_LIGHT_MASKING: Final = 4 << 10
"""Excerpts, times the characters of all secrets."""
_WORK_FOR_READING: Final = 800
"""For each of its characters; and one for each character of all that is looked for."""
_WORK_FOR_PLACE: Final = 1_200
_STARS: Final = re.compile(r"\*{3,}")
_HIDDEN: Final = "***"
_CREDENTIALS: Final = ("authorization", "cookie", "proxy-authorization")


class _Sought(NamedTuple):
    """In which spellings the secrets of a site may stand in a text."""

    needles: frozenset[Needle]
    chars: int


class _Work:
    """What may still be done to find secrets."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def is_left_after(self, work: int) -> bool:
        self._left -= work
        return self._left >= 0


def masked(site: Site, text: str, first: int = 0, last: int | None = None) -> str:
    """Return the text from `first` to `last` with the secrets of the site masked, so that no half of one is left.

    In whatever spelling they stand there; see `spellings`. Upper and lower case are one: a host name in a redirect
    loses its case. Nothing is shown of what is quoted very often, or takes long: nobody does that who has nothing to
    hide.
    """
    is_light = is_light_to_mask(site)
    most = _MOST_WORK_OF_VERDICT if is_light else _MOST_WORK_APART
    sought = (_kept_sought if is_light else _sought)(secrets_of(site))
    return _masked(sought, text, _Work(most // _excerpts(site)), first, last)


def is_light_to_mask(site: Site) -> bool:
    """Tell whether responses of the site may be masked among other checks; else they are judged apart."""
    is_shown_much = len(site.expect.headers) + len(site.expect.json) > _MOST_EXCERPTS
    return not is_shown_much and _excerpts(site) * secrets_chars(site) <= _LIGHT_MASKING


def masked_url(site: Site, url: str) -> str:
    """Return the public form of a URL that a server gave us.

    Of a path that is very long nothing is shown, and only the scheme where there is very much to look for.
    """
    nothing = f"{urlsplit(url).scheme}://{_HIDDEN}/"
    if secrets_chars(site) > _LONGEST_SECRETS:
        return nothing
    sought = _kept_sought(secrets_of(site))
    whole = urlsplit(without_userinfo(url)).geturl()
    bare = public_url(whole)  # which may end within a secret, at a "?"
    shown = _HIDDEN
    if len(bare) <= _LONGEST_URL:
        shown = _masked(sought, whole, _Work(_MOST_WORK), 0, len(bare))
    if shown == _HIDDEN:
        shown = _masked(sought, urlsplit(bare)._replace(path=f"/{_HIDDEN}").geturl(), _Work(_MOST_WORK))
    return nothing if shown == _HIDDEN else shown


def masked_name(site: Site, name: str) -> str:
    """Return the beginning of a name that a server gave us; nothing of it where there is very much to look for."""
    return _masked_name(site, name, _Work(_MOST_WORK))


def masked_certificates(site: Site, chain: Iterable[Certificate | None]) -> Iterator[Certificate | None]:
    """Yield what may be told of each certificate that a server sent, of so many names as take little."""
    work = _Work(_MOST_WORK_FOR_CHAIN)
    shown = functools.cache(lambda name: _masked_name(site, name, work))
    for one in chain:
        yield one and msgspec.structs.replace(one, subject=shown(one.subject), issuer=shown(one.issuer))


def _excerpts(site: Site) -> int:
    """Return how many excerpts of a response there are at most."""
    expect = site.expect
    return 1 + len(expect.headers) + len(expect.json) + (site.match is not None) + (expect.not_match is not None)


def _sought(secrets: frozenset[str]) -> _Sought:
    needles = frozenset(needle for secret in secrets for needle in needles_of(secret))
    return _Sought(needles, sum(len(needle.text) for needle in needles))


_kept_sought: Final = functools.lru_cache(maxsize=_MOST_SITES)(_sought)


def _masked_name(site: Site, name: str, work: _Work) -> str:
    if secrets_chars(site) > _LONGEST_SECRETS:
        return _HIDDEN
    return _masked(_kept_sought(secrets_of(site)), name, work, 0, _LONGEST_NAME)


def _masked(sought: _Sought, text: str, work: _Work, first: int = 0, last: int | None = None) -> str:
    piece = text[first:last]
    if not sought.needles:
        return piece
    begin, end = max(0, first - LONGEST_SPELLING), first + len(piece) + LONGEST_SPELLING
    covered = _covered(text[begin:end], sought, work)
    return _HIDDEN if covered is None else _STARS.sub(_HIDDEN, covered[first - begin :][: len(piece)])


def _covered(text: str, sought: _Sought, work: _Work) -> str | None:
    """Return the text with stars for what stands in any reading of it, None if there are too many, or it takes long."""
    characters = [*text]
    try:
        for reading in readings(text):
            if not work.is_left_after(len(reading.text) * (_WORK_FOR_READING + sought.chars)):
                return None
            for first, last in places_of(sought.needles, reading):
                characters[first:last] = "*" * (last - first)
                if not work.is_left_after(_WORK_FOR_PLACE):
                    return None
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
