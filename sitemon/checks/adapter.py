"""The transport adapter for requests: one prepared request over one fresh connection.

Left to themselves requests and urllib3 reuse connections, retry, and read the CA bundle again for each connection. A
check must do none of it: this adapter hands requests a pool that opens one connection and forgets it.
"""

import contextlib
import ssl
from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import urldefragauth
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

from sitemon.checks.dialer import Dialer, IpVersion
from sitemon.checks.exchange import BoundedSocket, Exchange
from sitemon.checks.proxy import open_tunnel
from sitemon.checks.response import CheckedResponse
from sitemon.checks.tls import secure
from sitemon.model.site import Proxy, Tls


class Route:
    """How the request reaches its server: whom to dial, within which exchange, with TLS or without (`tls` is None)."""

    __slots__ = ("came_from_public", "dialer", "exchange", "host", "ip_version", "port", "proxy", "tls")

    def __init__(
        self,
        dialer: Dialer,
        exchange: Exchange,
        host: str,
        port: int,
        *,
        tls: Tls | None,
        came_from_public: bool,
        ip_version: IpVersion = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.dialer = dialer
        self.exchange = exchange
        self.host = host
        self.port = port
        self.tls = tls
        self.came_from_public = came_from_public
        self.ip_version = ip_version
        self.proxy = proxy

    def open(self) -> BoundedSocket:
        """Return a connection that stands, with its TLS handshake done; from then on we wait for the first byte."""
        connection = self._dial() if self.proxy is None else self._dial_through(self.proxy)
        if self.tls is not None:
            connection = secure(connection, self.tls, self.host.rstrip("."))
        self.exchange.watch.enter("first_byte")
        return connection

    def _dial(self) -> BoundedSocket:
        return self.dialer.dial(
            self.exchange,
            self.host,
            self.port,
            came_from_public=self.came_from_public,
            ip_version=self.ip_version,
        )

    def _dial_through(self, proxy: Proxy) -> BoundedSocket:
        self.dialer.refuse_literal(self.host, came_from_public=self.came_from_public)
        connection = self.dialer.dial(
            self.exchange, proxy.host, proxy.port, came_from_public=False, ip_version=self.ip_version
        )
        if self.tls is not None:
            open_tunnel(connection, proxy, self.host, self.port)
        return connection


class CheckAdapter(HTTPAdapter):
    """Sends one request along its route. `close` ends the connection."""

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._is_for_proxy = route.proxy is not None and route.tls is None
        self._connection = _Connection(route) if route.tls is None else _TlsConnection(route)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make no pools."""

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """Return what requests takes for the pool."""
        return _PoolOfOne(self._connection)

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:  # noqa: ARG002 - the environment's
        """Return the request's target: to a proxy the whole URL (RFC 9112, 3.2.2), else path and query."""
        return urldefragauth(request.url or "") if self._is_for_proxy else request.path_url

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
        self.sock = self._route.open()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        """Begin the request, and authorize us to the proxy that it goes to."""
        super().putrequest(*args, **kwargs)
        proxy = self._route.proxy
        if proxy is not None and proxy.authorization is not None and self._route.tls is None:
            self.putheader("Proxy-Authorization", proxy.authorization)


class _TlsConnection(_Connection):
    default_port = 443  # type: ignore[misc]  # urllib3 declares it for the instance; "Host:" does not name it
