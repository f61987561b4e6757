"""The application on uvicorn, until it is told to stop."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from sitemon.config.web_file import Network
from sitemon.per_process import open_files
from sitemon.web.connection import Connection
from sitemon.web.connection_limit import MOST, ConnectionLimit
from sitemon.web.long_answers import MOST_BYTES, LongAnswers

_GRACE_S: Final = 5
"""So long may requests that are under way go on; the command ends within 10 s."""
_BACKLOG: Final = 2_048
_LOOK_EVERY_S: Final = 0.1
_OTHER_FILES: Final = 100


class _Server(uvicorn.Server):
    """Leaves the signals to the command, which ends with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any.

    Raises:
        OSError: the address cannot be bound.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections inherit it. asyncio sets it only where the socket names its protocol; without it the second part of an
    # answer waits for the client's delayed acknowledgement, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(
    app: ASGIApp, listener: socket.socket, stop: threading.Event, proxies: Callable[[], Sequence[Network]]
) -> None:
    """Serve until `stop` is set. `proxies` are networks whose connections are those of many clients."""
    most = min(MOST, max(1, open_files(MOST + _OTHER_FILES) - _OTHER_FILES))
    limits = ConnectionLimit[Connection](most, proxies), LongAnswers[Connection](MOST_BYTES)
    config = uvicorn.Config(
        app,
        http=partial(Connection, *limits),  # type: ignore[arg-type]  # it makes one
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=30,
        lifespan="on",
    )
    asyncio.run(_serve(_Server(config), listener, stop))


async def _serve(server: uvicorn.Server, listener: socket.socket, stop: threading.Event) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not stop.is_set() and not serving.done():
        await asyncio.wait([serving], timeout=_LOOK_EVERY_S)
    server.should_exit = True
    await serving
