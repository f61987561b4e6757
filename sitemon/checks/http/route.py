"""How a request reaches its server."""

from collections.abc import Awaitable
from typing import NamedTuple

from sitemon.checks.http.proxy import open_tunnel
from sitemon.checks.net.dialer import Dialer, IpVersion
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.room import Share
from sitemon.checks.net.tls_connection import TlsConnection, secure
from sitemon.model.site import Proxy, Tls

Connection = BoundedSocket | TlsConnection


class Route(NamedTuple):
    """The way of one request: whom to dial, within which exchange, with TLS or without (`tls` is None).

    `share` holds what comes along it.
    """

    dialer: Dialer
    exchange: Exchange
    share: Share
    host: str
    port: int
    tls: Tls | None
    came_from_public: bool
    is_redirect: bool
    ip_version: IpVersion
    proxy: Proxy | None

    async def open(self) -> Connection:
        """Return a connection that stands, with its TLS handshake done; from then on we wait for the first byte.

        It does not block.
        """
        plain = await (self._dial() if self.proxy is None else self._dial_through(self.proxy))
        connection = plain if self.tls is None else await secure(plain, self.tls, self.host.rstrip("."))
        self.exchange.watch.enter("first_byte")
        return connection

    def _dial(self) -> Awaitable[BoundedSocket]:
        return self.dialer.reach(
            self.exchange,
            self.host,
            self.port,
            came_from_public=self.came_from_public,
            ip_version=self.ip_version,
        )

    async def _dial_through(self, proxy: Proxy) -> BoundedSocket:
        await self.dialer.refuse_for_proxy(
            self.exchange, self.host, came_from_public=self.came_from_public, is_redirect=self.is_redirect
        )
        self.exchange.proxy = f"{proxy.host}:{proxy.port}"
        connection = await self.dialer.reach(
            self.exchange, proxy.host, proxy.port, came_from_public=False, ip_version=self.ip_version
        )
        if self.tls is not None:
            await open_tunnel(connection, proxy, self.host, self.port, self.share)
        self.exchange.proxy = None
        return connection
