"""Where a redirect leads: what is asked next, and what must not be told there.

Source: RFC 9110, 15.4, and the Fetch standard, "HTTP-redirect fetch", which is what browsers do.
"""

from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from sitemon.checks.errors import CheckError
from sitemon.checks.http.head import as_text
from sitemon.model.outcome import Reason
from sitemon.model.site import REDIRECTS, Body, Header, Site, public_url
from sitemon.model.target import ascii_host
from sitemon.patterns.urls import without_userinfo

SEVERAL_LOCATIONS: Final = "the redirect has several Locations"
_LONGEST_LOCATION: Final = 8_000
"""RFC 9110, 4.1. To read a host name of 60,000 characters takes seconds."""
UNUSABLE_LOCATION: Final = "the redirect's Location is not a URL that can be followed"

_FOR_THE_ORIGIN: Final = frozenset(("authorization", "cookie", "proxy-authorization", "host"))
_OF_THE_BODY: Final = frozenset(
    ("content-encoding", "content-language", "content-length", "content-location", "content-type")
)
_PORTS: Final = {"http": 80, "https": 443}


class Request(NamedTuple):
    """One request of a check. The URL has no userinfo."""

    method: str
    url: str
    headers: tuple[Header, ...]
    body: Body | None = None

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {public_url(self.url)!r}, {self.headers!r}, {self.body!r})"


def is_followed(site: Site, http_code: int) -> bool:
    """Tell whether a check of the site goes where a response with this status sends it (300, 304 to 306: nowhere)."""
    return site.follow_redirects and http_code in REDIRECTS


def redirected(request: Request, http_code: int, location: str | None) -> Request:
    """Return the request that follows a redirect.

    Headers with secrets, and those that only mean something to their origin, stay with the origin and do not come
    back once it was left. A POST becomes a GET after 301 and 302, everything but GET and HEAD after 303, and loses
    its body by that; otherwise the body goes along.

    Raises:
        CheckError: the Location is missing or leads nowhere, or a body with secrets would have to leave its origin.

    """
    url = _target(request.url, location)
    headers, body = request.headers, request.body
    is_elsewhere = origin(url) != origin(request.url)
    if is_elsewhere:
        headers = tuple(h for h in headers if not h.is_secret and h.name.lower() not in _FOR_THE_ORIGIN)
    method = _next_method(request.method, http_code)
    if method != request.method or http_code == 303:
        headers, body = tuple(h for h in headers if h.name.lower() not in _OF_THE_BODY), None
    if is_elsewhere and body is not None and body.secrets:
        raise CheckError(Reason.REDIRECT_ERROR, "the redirect would send a body with secrets to another origin")
    return Request(method, url, headers, body)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a http or https URL (RFC 6454).

    Raises:
        ValueError: it is not one.

    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not a http or https URL")
    port = parts.port
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


def _next_method(method: str, http_code: int) -> str:
    if (http_code in (301, 302) and method == "POST") or (http_code == 303 and method != "HEAD"):
        return "GET"
    return method


def _target(base_url: str, location: str | None) -> str:
    if not location:
        raise CheckError(Reason.REDIRECT_ERROR, "the redirect has no Location")
    if len(location) > _LONGEST_LOCATION:
        raise CheckError(Reason.REDIRECT_ERROR, UNUSABLE_LOCATION)
    try:
        reference = urlsplit(as_text(location))
        if reference.scheme:
            origin(reference.geturl())  # or else urljoin takes "http:///a" for "/a"
        url = without_userinfo(urljoin(base_url, reference.geturl()))
        ascii_host(origin(url)[1])
    except ValueError as exc:
        raise CheckError(Reason.REDIRECT_ERROR, UNUSABLE_LOCATION) from exc
    return url
