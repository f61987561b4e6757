"""HTTP by way of requests: one prepared request over one fresh connection.

Left to themselves requests and urllib3 reuse connections, retry, and read the CA bundle again for each connection. A
check must do none of it: this adapter hands requests a pool that opens one connection and forgets it.
"""

import contextlib
import functools
import ssl
from collections.abc import Mapping
from typing import Any, Final

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

from sitemon.checks.coding import read_decoded
from sitemon.checks.expect import Page
from sitemon.checks.prepare import Prepared
from sitemon.checks.redirects import is_followed
from sitemon.checks.response import CheckedResponse
from sitemon.checks.route import Route
from sitemon.checks.waiting import run_here
from sitemon.model.site import Site

_HTTP_VERSIONS: Final = {10: "1.0", 11: "1.1"}


async def fetch_by_requests(route: Route, prepared: Prepared, site: Site) -> Page:
    """Send the request and return the response, see `visit.Fetch`; blocks its thread."""
    with contextlib.closing(_CheckAdapter(route, prepared)) as adapter, adapter.send(prepared.request) as response:
        route.exchange.http_code = response.status_code
        route.exchange.http_version = _HTTP_VERSIONS.get(response.raw.version)
        return Page(
            http_code=response.status_code,
            headers=response.headers,
            body=_body(response, site),
            locations=frozenset(response.raw.headers.getlist("location")),
        )


def _body(response: Response, site: Site) -> bytes:
    if is_followed(site, response.status_code):
        return b""  # nobody looks at it, and it may be endless
    read = functools.partial(response.raw.read, decode_content=False)
    return read_decoded(read, response.headers.get("content-encoding", ""), site.max_body_bytes)


class _CheckAdapter(HTTPAdapter):
    """Sends one request along its route. `close` ends the connection."""

    def __init__(self, route: Route, prepared: Prepared) -> None:
        super().__init__()
        self._target = prepared.target(is_for_proxy=route.is_for_proxy)
        self._connection = _Connection(route) if route.tls is None else _TlsConnection(route)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make no pools."""

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """Return what requests takes for the pool."""
        return _PoolOfOne(self._connection)

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:  # noqa: ARG002 - the environment's
        """Return the request's target."""
        return self._target

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave verification to the context of the TLS setting."""

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Return the plain response; cookies are not kept."""
        response = Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        return response

    def close(self) -> None:
        """Close the connection, whatever came of it."""
        self._connection.close()


class _PoolOfOne:
    """The part of urllib3's pool that requests calls."""

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection

    def urlopen(
        self, *, method: str, url: str, body: Any, headers: Mapping[str, str], chunked: bool, **_: Any
    ) -> HTTPResponse:
        self._connection.connect()
        # The server may have answered, or said why not in a TLS alert, and closed before it read all of this.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._connection.request(method, url, body=body, headers=headers, chunked=chunked, preload_content=False)
        return self._connection.getresponse()


class _Connection(HTTPConnection):
    """A connection that takes its route; plain and TLS alike, so that both are read and bounded alike."""

    response_class = CheckedResponse

    def __init__(self, route: Route) -> None:
        super().__init__(route.host, route.port)
        self._route = route

    def connect(self) -> None:
        """Open the connection."""
        self.sock = run_here(self._route.open())

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        """Begin the request, and authorize us to the proxy that it goes to."""
        super().putrequest(*args, **kwargs)
        authorization = self._route.proxy_authorization
        if authorization is not None:
            self.putheader("Proxy-Authorization", authorization)


class _TlsConnection(_Connection):
    default_port = 443  # type: ignore[misc]  # urllib3 declares it for the instance; "Host:" does not name it
