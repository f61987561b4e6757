"""From a site to its first request, and from a request to its bytes, with the host and headers as requests has them."""

import base64
import functools
import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import urldefragauth

import sitemon
from sitemon.checks.errors import CheckError
from sitemon.checks.http.redirects import Request, origin, without_userinfo
from sitemon.checks.http.request import head_bytes, host_header
from sitemon.model.outcome import Reason
from sitemon.model.site import Header, Proxy, Site

_AS_SENT: Final = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{0,4})?(?:/|(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?)(?:\?[A-Za-z0-9._~=&-]+)?"
)
"""Matches a URL in which surely nothing is to be quoted, lowered or left out."""
_SENT: Final = "!#$%&'()*+,/:;=?@[]~"
"""What is sent as it is, beside letters and digits."""
_DEFAULT_HEADERS: Final = {
    "User-Agent": f"sitemon/{sitemon.__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Prepared(NamedTuple):
    """A request ready to be sent, and where to.

    `body` is that of the site and no copy, which would be kept: many sites may share one.
    """

    method: str
    head: bytes
    body: bytes
    host: str
    port: int
    is_tls: bool


def first_request(site: Site) -> Request:
    """Return what a check of the site asks first. Userinfo in its URL becomes Basic authorization."""
    if "@" not in site.url:  # as nearly always: this runs for every check
        return Request(site.method, site.url, site.headers, site.body)
    return Request(site.method, without_userinfo(site.url), (*_authorization(site), *site.headers), site.body)


def _authorization(site: Site) -> tuple[Header, ...]:
    parts = urlsplit(site.url)
    if parts.username is None or any(header.name.lower() == "authorization" for header in site.headers):
        return ()
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return (Header("Authorization", f"Basic {base64.b64encode(credentials).decode()}", is_secret=True),)


def prepare(request: Request, proxy: Proxy | None = None) -> Prepared:
    """Return the request as it is sent; a plain one goes to the proxy, if there is one (RFC 9112, 3.2.2).

    Raises:
        CheckError: its URL or one of its headers cannot be sent.

    """
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(_DEFAULT_HEADERS)
    body = request.body
    if body is not None and body.content_type is not None:
        headers["Content-Type"] = body.content_type
    headers.update({header.name: header.value for header in request.headers})
    content = None if body is None else body.content
    try:
        prepared = _prepared(request.method, request.url, headers, content)
        scheme, host, port = origin(prepared.url or "")
        is_tls = scheme == "https"
        head = _head(prepared, host_header(host, port, is_tls=is_tls), None if is_tls else proxy)
    except ValueError as exc:  # requests' InvalidURL, InvalidHeader … are ValueErrors
        raise CheckError(Reason.CONNECT_ERROR, "the URL or a header cannot be sent") from exc
    return Prepared(prepared.method or "", head, content or b"", host, port, is_tls)


def _head(prepared: requests.PreparedRequest, host: str, proxy: Proxy | None) -> bytes:
    headers = CaseInsensitiveDict({"Host": host})
    headers.update(prepared.headers)
    if proxy is not None and proxy.authorization is not None:
        headers["Proxy-Authorization"] = proxy.authorization
    target = prepared.path_url if proxy is None else urldefragauth(prepared.url or "")
    return head_bytes(prepared.method or "", target, headers)


def _prepared(
    method: str, url: str, headers: CaseInsensitiveDict[str], content: bytes | None
) -> requests.PreparedRequest:
    """Do what ``Request.prepare`` does, without cookies, hooks and authorization, and no more of it than is needed."""
    prepared = requests.PreparedRequest()
    prepared.prepare_method(method)
    prepared.url = url if _AS_SENT.fullmatch(url) else _as_sent(url)
    prepared.prepare_headers(headers)
    prepared.prepare_body(content, None)
    return prepared


def _as_sent(url: str) -> str:
    """Return the URL with its host in ASCII, and path and query as given but for what no request line can hold.

    A ``%`` is sent as it stands: what it means, if anything, is for the server to say.

    Raises:
        ValueError: its host is none.

    """
    parts = urlsplit(url)
    prepared = requests.PreparedRequest()
    prepared.prepare_url(f"{parts.scheme}://{parts.netloc}/", None)
    host = urlsplit(prepared.url or "")
    if host.path != "/":
        raise ValueError("its host has a character that cannot be in it")
    path = _without_dots(parts.path) if "/." in parts.path else parts.path or "/"
    return urlunsplit((host.scheme, host.netloc, quote(path, _SENT), quote(parts.query, _SENT), ""))


def _without_dots(path: str) -> str:
    """Return where a path with ``.`` and ``..`` in it leads (RFC 3986, 5.2.4)."""
    found: list[str] = []
    _, *segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del found[-1:]
        elif segment != ".":
            found.append(segment)
    if found and segments[-1] in {".", ".."}:
        found.append("")
    return "/" + "/".join(found)


# To prepare a request (host name to IDNA, quoting, header checks) costs a quarter of a whole check. What redirects lead
# to is not kept: it may be another each time, and as long as a server likes.
prepare_first: Final = functools.lru_cache(maxsize=16_384)(prepare)
