"""The site: one thing to watch, as the configuration describes it once it is read and checked."""

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

DEFAULT_REGION: Final = "default"


class Header(msgspec.Struct, frozen=True):
    """A request header. A value that came from the environment is a secret and is masked in every repr."""

    name: str
    value: str
    is_secret: bool = False

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {'***' if self.is_secret else repr(self.value)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Mask the value for rich too, which does not ask `__repr__`."""
        return [("name", self.name), ("value", "***" if self.is_secret else self.value)]


class StatusRange(msgspec.Struct, frozen=True):
    """HTTP status codes from `first` to `last`, both included."""

    first: int
    last: int


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS settings of a site. `ca_file` is an absolute path, or None for the system's roots."""

    verify: bool = True
    ca_file: str | None = None


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What a response must be for the site to be up."""

    status: tuple[StatusRange, ...] = (StatusRange(200, 299),)


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to watch. Every field has been checked: a `Site` that exists can be scheduled and visited.

    `match` is an RE2 regex that must be found in the page. `timeout_s` bounds the whole check.
    """

    name: str
    url: str
    interval_ms: int = 60_000
    timeout_s: float = 10.0
    match: str | None = None
    method: str = "GET"
    headers: tuple[Header, ...] = ()
    follow_redirects: bool = True
    max_redirects: int = 5
    max_body_bytes: int = 1 << 20
    tls: Tls = Tls()
    expect: Expect = Expect()
    regions: tuple[str, ...] = (DEFAULT_REGION,)
    labels: dict[str, str] = {}
    enabled: bool = True

    @property
    def display_url(self) -> str:
        """The URL without userinfo and query: the form that results, logs and pages show."""
        return public_url(self.url)


def public_url(url: str) -> str:
    """Return the URL without userinfo, query and fragment, which may carry secrets (RFC 3986, 3.2.1)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def name_of_url(url: str) -> str:
    """Return the site name of a bare URL: its public form and, if it had a query, ``#`` and 8 hex digits of it."""
    query = urlsplit(url).query
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return public_url(url) + (f"#{digest}" if query else "")
