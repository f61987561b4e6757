"""The cookies that redirects set, kept within one check (RFC 6265): no socket, no time.

Two rules are of its successor, draft-ietf-httpbis-rfc6265bis, 5.6: control characters make no cookie, and a plain
response sets no Secure one. There is no list of public suffixes: a cookie may be for ``co.uk``, though not for ``uk``.
"""

import functools
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sitemon.checks.http.redirects import Request, origin
from sitemon.checks.net.resolver import literal
from sitemon.model.site import Header
from sitemon.model.target import ascii_host

_MOST_COOKIES: Final = 50
_LONGEST_COOKIE: Final = 4_096
"""RFC 6265, 6.1, has both for what a client should at least be able to keep."""
_LONGEST_JAR: Final = 32 << 10
"""Characters of all names and values: servers take less in the headers of a request."""
_BYTES_OF_COOKIE: Final = 700
"""Of memory, beside its characters."""
_LONGEST_DATE: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECONDS: Final = re.compile(r"-?\d+")


class _Cookie(NamedTuple):
    """A cookie. `host` is the only one that gets it, or with `is_for_domain` those below it too."""

    name: str
    value: str
    host: str
    is_for_domain: bool
    path: str
    is_secure: bool

    def is_for(self, url: str) -> bool:
        """Tell whether a request for this URL carries the cookie (5.4)."""
        scheme, _, _ = origin(url)
        host = _host_of(url)
        is_host = _is_in_domain(host, self.host) if self.is_for_domain else host == self.host
        return is_host and _is_below(_path_of(url), self.path) and (scheme == "https" or not self.is_secure)


class CookieJar:
    """The cookies of one check. What is set beyond the 50th, or 32 KiB, displaces the oldest."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    @property
    def held_bytes(self) -> int:
        """About how much of memory they take."""
        return self._length() + sum(_BYTES_OF_COOKIE + len(cookie.path) for cookie in self._cookies.values())

    def take(self, set_cookies: Iterable[str], url: str, now: datetime) -> None:
        """Take what a response of this URL set, a value of Set-Cookie each; what has expired is deleted (5.3)."""
        for line in set_cookies:
            if len(line) > 2 * _LONGEST_COOKIE or _CONTROL.search(line):
                continue
            pair, *attributes = line.split(";")
            named = {
                name.strip().lower(): value.strip() for name, _, value in (one.partition("=") for one in attributes)
            }
            cookie = _cookie_of(pair, named, url)
            if cookie is not None:
                self._keep(cookie, is_over=_is_over(named, now))

    def sent_to(self, url: str) -> tuple[tuple[str, str], ...]:
        """Return names and values of the cookies that a request for this URL carries, in their order (5.4)."""
        found = [cookie for cookie in self._cookies.values() if cookie.is_for(url)]
        found.sort(key=lambda cookie: -len(cookie.path))
        return tuple((cookie.name, cookie.value) for cookie in found)

    def added_to(self, request: Request) -> Request:
        """Return the request with the cookies for its URL, which displace those that it has of the same names."""
        sent = self.sent_to(request.url)
        if not sent:
            return request
        own = next((header for header in request.headers if header.name.lower() == "cookie"), Header("Cookie", ""))
        names = {name for name, _ in sent}
        kept = [pair.strip() for pair in own.value.split(";") if pair.partition("=")[0].strip() not in names]
        value = "; ".join([*filter(None, kept), *(f"{name}={value}" for name, value in sent)])
        cookie = Header(own.name, value, is_secret=own.is_secret, secrets=own.secrets)
        others = tuple(header for header in request.headers if header is not own)
        return request._replace(headers=(*others, cookie))

    def _keep(self, cookie: _Cookie, *, is_over: bool) -> None:
        key = (cookie.name, cookie.host, cookie.path)
        if is_over:
            self._cookies.pop(key, None)
            return
        self._cookies[key] = cookie  # one that is set anew keeps its place
        while len(self._cookies) > _MOST_COOKIES or self._length() > _LONGEST_JAR:
            del self._cookies[next(iter(self._cookies))]

    def _length(self) -> int:
        return sum(len(cookie.name) + len(cookie.value) for cookie in self._cookies.values())


def _cookie_of(pair: str, attributes: dict[str, str], url: str) -> _Cookie | None:
    """Return what a response of this URL set; None if that is no cookie, or one that it may not set (5.2, 5.3)."""
    name, equals, value = (part.strip() for part in pair.partition("="))
    scheme, _, _ = origin(url)
    host, is_secure = _host_of(url), "secure" in attributes
    domain = attributes.get("domain", "").removeprefix(".").lower()
    is_foreign = domain not in {"", host} and not ("." in domain and _is_in_domain(host, domain))
    if not name or not equals or is_foreign or len(pair) > _LONGEST_COOKIE or (is_secure and scheme != "https"):
        return None
    path = attributes.get("path", "")
    if not path.startswith("/"):
        path = _path_of(url).rpartition("/")[0] or "/"
    return _Cookie(name, value, domain or host, bool(domain), path, is_secure)


def _is_over(attributes: dict[str, str], now: datetime) -> bool:
    """Tell whether a cookie is to be deleted; one that lasts, lasts longer than the check."""
    seconds = attributes.get("max-age", "")
    if _SECONDS.fullmatch(seconds):
        return seconds.startswith("-") or not seconds.strip("0")
    expires_at = parsedate_tz(attributes.get("expires", "")[:_LONGEST_DATE])
    try:
        return expires_at is not None and mktime_tz(expires_at) <= now.timestamp()
    except (ValueError, OverflowError):
        return False


def _is_in_domain(host: str, domain: str) -> bool:
    """Tell whether a host is the domain or below it (5.1.3); an address is below nothing."""
    return host == domain or (host.endswith(f".{domain}") and literal(host) is None)


def _is_below(path: str, above: str) -> bool:
    return path == above or (path.startswith(above) and (above.endswith("/") or path[len(above)] == "/"))


@functools.lru_cache(maxsize=64)
def _host_of(url: str) -> str:
    host = origin(url)[1]
    try:
        return host if host.isascii() else ascii_host(host)
    except ValueError:
        return host


def _path_of(url: str) -> str:
    return urlsplit(url).path or "/"
