"""The site: one thing to watch, as the configuration describes it once it is read and checked.

The garbage collector does not look at these structs (``gc=False``), which are in no cycle: to look at those of 100,000
sites stopped every check of a worker for two seconds.
"""

import hashlib
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from sitemon.model.alerts import Route
from sitemon.model.maintenance import Recurring

DEFAULT_REGION: Final = "default"
REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
"""Status codes that send a check elsewhere, of a site with `follow_redirects`: RFC 9110, 15.4."""

_IS_PUBLIC: Final = re.compile(r"[a-z]+://[!\"$-.0->A-Z\\^-~][!\"$->A-Z\\^-~]*").fullmatch
"""Matches what is surely its own public form: printable ASCII without ``?``, ``#``, ``@`` and brackets."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """A request header. A value that came from the environment is a secret and is masked in every repr.

    `secrets` are the parts of the value that did, where it has others.
    """

    name: str
    value: str
    is_secret: bool = False
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {'***' if self.is_secret else repr(self.value)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Mask the value for rich too, which does not ask `__repr__`."""
        return [("name", self.name), ("value", "***" if self.is_secret else self.value)]


class Body(msgspec.Struct, frozen=True, gc=False):
    """What a request carries, as it is sent, and its media type, if it has one of its own.

    `secrets` are the parts that came from the environment. The content is masked in every repr, with secrets or not.
    """

    content: bytes
    content_type: str | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Body(<{len(self.content)} bytes>, {self.content_type!r})"

    def __rich_repr__(self) -> list[Any]:
        """Mask the content for rich too, which does not ask `__repr__`."""
        return [f"<{len(self.content)} bytes>", self.content_type]


class Proxy(msgspec.Struct, frozen=True, gc=False):
    """An HTTP proxy. `authorization` is the value of Proxy-Authorization, a secret, masked in every repr."""

    host: str
    port: int
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.host!r}, {self.port}, {self.authorization and '***'})"

    def __rich_repr__(self) -> list[Any]:
        """Mask the authorization for rich too, which does not ask `__repr__`."""
        return [self.host, self.port, self.authorization and "***"]


class StatusRange(msgspec.Struct, frozen=True, gc=False):
    """HTTP status codes from `first` to `last`, both included."""

    first: int
    last: int


class Tls(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """TLS settings of a site. The files are absolute paths, in PEM.

    `ca_file` is None for the system's roots. `cert_file` is what we show of ourselves; its key is in `key_file`, or in
    the same file when that is None. `files_below` is the folder out of which none of them may lead, if any.
    `server_name` is the name that we send (RFC 6066, 3) and that the certificate must have, at the host of the site's
    URL; None for the host itself.
    """

    verify: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    files_below: str | None = None
    server_name: str | None = None


class ExpectedHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a header of the response must be: exactly one of the three is not None."""

    name: str
    equals: str | None = None
    matches: str | None = None
    exists: bool | None = None


class ExpectedJson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an RFC 9535 path must find in the body: exactly one of the others is given.

    `equals` is a JSON value (UNSET: not given; None: null), `matches` an RE2 regex, the last four are numbers. Each
    value found must fit, and there must be one.
    """

    path: str
    equals: Any = msgspec.UNSET
    matches: str | None = None
    exists: bool | None = None
    less_than: float | None = None
    at_most: float | None = None
    more_than: float | None = None
    at_least: float | None = None


class Expect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a response must be for the site to be up, and how fast and how long valid not to be degraded.

    `not_match` is an RE2 regex that must not be found. A body is too large when longer than `body_size_bytes`.
    `records` must all be among those that a name server answers with. `cert_days`: no certificate that a server
    of any hop sends expires sooner.
    """

    status: tuple[StatusRange, ...] = (StatusRange(200, 299),)
    headers: tuple[ExpectedHeader, ...] = ()
    body_size_bytes: int | None = None
    not_match: str | None = None
    json: tuple[ExpectedJson, ...] = ()
    records: tuple[str, ...] = ()
    max_latency_s: float | None = None
    cert_days: int | None = None


class Site(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing to watch. Every field has been checked: a `Site` that exists can be scheduled and visited.

    `match` is an RE2 regex that must be found in the page. `timeout_s` bounds the whole check. Of the body at most
    `max_body_bytes` are read. `ip_version` is None for either. What ``auth`` says stands among the `headers`.
    A region sees the site as down after `down_after` failures in a row, as up again after `up_after` good results;
    `confirm`: its first failure is followed by further checks at once.
    Its failures within windows of `maintenance` make no incident. Of an incident nobody is told while a site is down
    that it `depends_on`.
    Who is told of it is said by `alerts`, a route of its own, in which channels have the names of the file; without
    any, nobody is. None: by the routes. `remind_every_s` holds instead of that of each route; 0: never.
    `slo` is the target of its uptime in percent, for reports. `file` is the file in which it stands, empty
    if it is in none: where a worker has too much to do, the sites of each file have a fair part of it.
    """

    name: str
    url: str
    interval_ms: int = 60_000
    timeout_s: float = 10.0
    match: str | None = None
    method: str = "GET"
    headers: tuple[Header, ...] = ()
    body: Body | None = None
    follow_redirects: bool = True
    max_redirects: int = 5
    max_body_bytes: int = 1 << 20
    ip_version: Literal[4, 6] | None = None
    proxy: Proxy | None = None
    tls: Tls = Tls()
    expect: Expect = Expect()
    regions: tuple[str, ...] = (DEFAULT_REGION,)
    labels: dict[str, str] = {}
    enabled: bool = True
    down_after: int = 3
    up_after: int = 1
    maintenance: tuple[Recurring, ...] = ()
    depends_on: tuple[str, ...] = ()
    confirm: bool = True
    remind_every_s: float | None = None
    alerts: Route | None = None
    slo: float | None = None
    file: str = ""

    def __repr__(self) -> str:
        return f"Site({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the URL in its public form, for rich too, which does not ask `__repr__`."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        return list((shown | {"url": self.display_url}).items())

    @property
    def display_url(self) -> str:
        """The URL without userinfo and query: the form that results, logs and pages show."""
        return public_url(self.url)


def public_url(url: str) -> str:
    """Return the URL without userinfo, query and fragment, which may carry secrets (RFC 3986, 3.2.1)."""
    if _IS_PUBLIC(url):  # as nearly always: this runs for every check
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def name_of_url(url: str) -> str:
    """Return the site name of a bare URL: its public form and, if it had a query, ``#`` and 8 hex digits of it."""
    query = urlsplit(url).query
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return public_url(url) + (f"#{digest}" if query else "")
