"""A TCP relay on loopback: a network that falls silent, hangs up in the middle of a message, or leads elsewhere."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from sitemon.local.ports import LOOPBACK, free_port

_PIECE_BYTES: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close(2) sends RST instead of FIN."""


class _Line:
    """One connection through the relay. A dead one swallows everything and says nothing, for ever."""

    def __init__(self, *, is_dead: bool, budget_bytes: int | None) -> None:
        self.is_dead = is_dead
        self.budget_bytes = budget_bytes
        self._transports: list[asyncio.WriteTransport] = []

    async def carry_both(self, near: "_End", far: "_End") -> None:
        """Pass on what comes from either end until one of them ends."""
        self._transports = [near.writer.transport, far.writer.transport]
        ways = [
            asyncio.create_task(self._carry(near, far, is_counted=True)),
            asyncio.create_task(self._carry(far, near)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hang_up()
            for way in ways:
                way.cancel()

    def hang_up(self) -> None:
        """End both sides with a reset, as a firewall does."""
        for transport in self._transports:
            if not transport.is_closing():
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                transport.abort()

    async def _carry(self, source: "_End", sink: "_End", *, is_counted: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await source.reader.read(_PIECE_BYTES):
                if self.is_dead:
                    continue
                if is_counted and self.budget_bytes is not None:
                    data, self.budget_bytes = data[: self.budget_bytes], self.budget_bytes - len(data)
                sink.writer.write(data)
                await sink.writer.drain()
                if self.budget_bytes is not None and self.budget_bytes <= 0:
                    return
        if self.is_dead:
            await asyncio.Event().wait()


class _End:
    """One side of a line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer


class Relay:
    """Passes connections to its port on to another one, which may change at any time. It runs in a thread.

    With a TLS context it speaks TLS to its clients and plain TCP to the target, as stunnel does.
    """

    def __init__(self, target_port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._tls = tls
        self._lines: set[_Line] = set()
        self._is_silent = False
        self._budget_bytes: int | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # a client that hangs up is no event
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._is_ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._loop.stop)
        self._thread.join()

    def move(self, target_port: int) -> None:
        """Lead all connections to another port from now on; those that are open are cut."""
        self._target_port = target_port
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        self._do(self._hang_all_up)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing through. What was connected before or meanwhile stays open and dead also afterwards (half-open).

        That is how a client sees a server whose machine lost its power, or a NAT that forgot the connection.
        """
        self._do(lambda: self._set_silent(is_silent=True))
        try:
            yield
        finally:
            self._do(lambda: self._set_silent(is_silent=False))

    @contextmanager
    def hanging_up_after(self, sent_bytes: int) -> Iterator[None]:
        """Reset each connection once its client has sent so many bytes: in the middle of a request."""
        self._do(lambda: self._set_budget(sent_bytes))
        try:
            yield
        finally:
            self._do(lambda: self._set_budget(None))

    def _hang_all_up(self) -> None:
        for line in self._lines:
            line.hang_up()

    def _set_silent(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        for line in self._lines if is_silent else ():
            line.is_dead = True

    def _set_budget(self, budget_bytes: int | None) -> None:
        self._budget_bytes = budget_bytes
        for line in self._lines:
            line.budget_bytes = budget_bytes

    def _do(self, action: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(action)

    def _run(self) -> None:
        start = asyncio.start_server(self._serve, LOOPBACK, self.port, ssl=self._tls, backlog=512)
        server = self._loop.run_until_complete(start)
        self._is_ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets aborted transports close their sockets
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = _End(*await asyncio.open_connection(LOOPBACK, self._target_port))
        except OSError:
            writer.transport.abort()
            return
        line = _Line(is_dead=self._is_silent, budget_bytes=self._budget_bytes)
        self._lines.add(line)
        try:
            await line.carry_both(_End(reader, writer), far)
        finally:
            self._lines.discard(line)
