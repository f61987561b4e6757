"""A site behind an HTTP proxy: plain requests go to the proxy whole, TLS goes through a tunnel (RFC 9110, 9.3.6).

The proxy looks the host name up: `Dialer.refuse_for_proxy` says what can be refused all the same.
"""

from http import HTTPStatus
from typing import Final

import sitemon
from sitemon.checks.errors import CheckError, LeftError, OwnError
from sitemon.checks.http.head import Head
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.room import Share
from sitemon.model.outcome import Reason
from sitemon.model.site import Proxy

_PIECE_BYTES: Final = 4096


async def open_tunnel(connection: BoundedSocket, proxy: Proxy, host: str, port: int, share: Share) -> None:
    """Ask the proxy at the other end of the connection to connect us on; closes the connection when it does not.

    `share` holds what there is of its answer.

    Raises:
        CheckError: the proxy refuses, leaves, or does not answer in HTTP; OwnError: there is no memory for its answer.
        OSError: the connection failed; TimeoutError: the time is up.

    """
    try:
        await connection.send_all(_connect_request(proxy, host, port))
        await _require_consent(connection, share)
    except BaseException:
        connection.close()
        raise


async def _require_consent(connection: BoundedSocket, share: Share) -> None:
    """Read the head of the proxy's answer. Nothing comes behind it: in TLS, we speak first."""
    head = Head()
    try:
        while head.take(await connection.receive(_PIECE_BYTES)) is None:
            share.grow(head.held_bytes)
    except OwnError:
        raise
    except CheckError as exc:
        raise type(exc)(Reason.CONNECT_ERROR, f"its answer to CONNECT is unfit: {exc.words}") from exc
    if not 200 <= head.status <= 299:
        refusal = LeftError if head.status == HTTPStatus.REQUEST_TIMEOUT else CheckError
        raise refusal(Reason.CONNECT_ERROR, f"it refuses the connection: HTTP status {head.status}")


def _connect_request(proxy: Proxy, host: str, port: int) -> bytes:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", f"User-Agent: sitemon/{sitemon.__version__}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
