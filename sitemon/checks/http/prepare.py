"""From a site to its first request, and from a request to its bytes, with the host and headers as requests has them."""

import base64
import collections
import threading
from collections.abc import Hashable
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import urldefragauth

import sitemon
from sitemon.checks.errors import CheckError
from sitemon.checks.http.redirects import Request, origin
from sitemon.checks.http.request import head_bytes, host_header
from sitemon.model.outcome import Reason
from sitemon.model.site import Header, Proxy, Site
from sitemon.patterns.urls import as_sent, without_userinfo
from sitemon.per_process import once_per_process

_DEFAULT_HEADERS: Final = {
    "User-Agent": f"sitemon/{sitemon.__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

_MOST_KEPT_BYTES: Final = 32 << 20
"""That is some 28,000 usual requests."""
_BYTES_OF_REQUEST: Final = 700
_BYTES_OF_HEADER: Final = 200


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
    return _sendable(_prepared(request, proxy))


def prepare_first(request: Request, proxy: Proxy | None = None) -> Prepared:
    """Do the same for the first request of a check, mostly by what is kept.

    What redirects lead to is not kept: it may be another each time, and as long as a server likes.

    Raises:
        CheckError: its URL or one of its headers cannot be sent.

    """
    kept, body = _sendable(_kept_of_process().prepared(request, proxy)), request.body
    return kept if body is None else kept._replace(body=body.content)


def _sendable(prepared: Prepared | None) -> Prepared:
    if prepared is None:
        raise CheckError(Reason.CONNECT_ERROR, "the URL or a header cannot be sent")
    return prepared


class _Kept:
    """What was prepared last, and what cannot be, in so many bytes. It outlives its sites: no body is among it.

    To prepare a request (host name to IDNA, quoting, header checks) costs a quarter of a whole check.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._by_request: collections.OrderedDict[Hashable, tuple[Prepared | None, int]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def prepared(self, request: Request, proxy: Proxy | None) -> Prepared | None:
        """Return a request as it is sent, without its body; None if it cannot be."""
        body = request.body
        of_body = None if body is None else (body.content_type, len(body.content))
        key = (request.method, request.url, request.headers, of_body, proxy)
        kept = self._by_request.get(key)
        if kept is not None:
            return kept[0]
        prepared, size = _prepared(request, proxy), _bytes_of(request)
        if prepared is not None:
            prepared = prepared._replace(body=b"")
        with self._lock:
            self._bytes += size - self._by_request.pop(key, (None, 0))[1]
            self._by_request[key] = prepared, size
            while self._bytes > _MOST_KEPT_BYTES:
                self._bytes -= self._by_request.popitem(last=False)[1][1]
        return prepared


def _bytes_of(request: Request) -> int:
    """Return about how much of memory it takes to keep a request: its texts stand in its head too, and as secrets."""
    of_headers = sum(_BYTES_OF_HEADER + 3 * len(header.name + header.value) for header in request.headers)
    return _BYTES_OF_REQUEST + 12 * len(request.url) + of_headers


@once_per_process
def _kept_of_process() -> _Kept:
    return _Kept()


def _prepared(request: Request, proxy: Proxy | None) -> Prepared | None:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(_DEFAULT_HEADERS)
    body = request.body
    if body is not None and body.content_type is not None:
        headers["Content-Type"] = body.content_type
    headers.update({header.name: header.value for header in request.headers})
    content = None if body is None else body.content
    try:
        prepared = _by_requests(request.method, request.url, headers, content)
        scheme, host, port = origin(prepared.url or "")
        is_tls = scheme == "https"
        head = _head(prepared, host_header(host, port, is_tls=is_tls), None if is_tls else proxy)
    except ValueError:  # requests' InvalidURL is one
        return None
    return Prepared(prepared.method or "", head, content or b"", host, port, is_tls)


def _head(prepared: requests.PreparedRequest, host: str, proxy: Proxy | None) -> bytes:
    headers = CaseInsensitiveDict({"Host": host})
    headers.update(prepared.headers)
    if proxy is not None and proxy.authorization is not None:
        headers["Proxy-Authorization"] = proxy.authorization
    target = prepared.path_url if proxy is None else urldefragauth(prepared.url or "")
    return head_bytes(prepared.method or "", target, headers)


def _by_requests(
    method: str, url: str, headers: CaseInsensitiveDict[str], content: bytes | None
) -> requests.PreparedRequest:
    """Do what ``Request.prepare`` does, without cookies, hooks and authorization, and no more of it than is needed."""
    prepared = requests.PreparedRequest()
    prepared.prepare_method(method)
    prepared.url = as_sent(url)
    prepared.headers = headers  # `head_bytes` looks at each
    prepared.prepare_body(content, None)
    return prepared
