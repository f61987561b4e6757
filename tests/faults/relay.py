"""A TCP relay on loopback: a network that falls silent, hangs up in the middle of a message, or leads elsewhere."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from sitemon.local.ports import LOOPBACK, free_port

_PIECE_BYTES: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close(2) sends RST instead of FIN."""


class _Line:
    """One connection through the relay. A dead one swallows everything and says nothing, for ever."""

    def __init__(self, near: socket.socket, far: socket.socket, budget_bytes: int | None) -> None:
        self.ends = (near, far)
        self.is_dead = False
        self.budget_bytes = budget_bytes

    def carry(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass on what comes from one end until it ends."""
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE_BYTES):
                if self.is_dead:
                    continue
                if self.budget_bytes is not None and sink is self.ends[1]:
                    data, self.budget_bytes = data[: self.budget_bytes], self.budget_bytes - len(data)
                sink.sendall(data)
                if self.budget_bytes is not None and self.budget_bytes <= 0:
                    break
        if not self.is_dead:
            self.hang_up()

    def hang_up(self) -> None:
        """End both sides with a reset, as a firewall does."""
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the other thread's recv, which close alone does not
            end.close()


class Relay:
    """Passes connections to its port on to `target_port`, which may change at any time.

    With a TLS context it speaks TLS to its clients and plain TCP to the target, as stunnel does.
    """

    def __init__(self, target_port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.target_port = target_port
        self._tls = tls
        self._lines: list[_Line] = []
        self._is_silent = False
        self._budget_bytes: int | None = None
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=512)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # shutdown wakes the accepting thread; close alone would leave it, and the port, as they are.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def move(self, target_port: int) -> None:
        """Lead all connections to another port from now on; those that are open are cut."""
        self.target_port = target_port
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        for line in self._lines:
            line.hang_up()
        self._lines = []

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing through. What was connected before or meanwhile stays open and dead also afterwards (half-open).

        That is how a client sees a server whose machine lost its power, or a NAT that forgot it.
        """
        self._is_silent = True
        for line in self._lines:
            line.is_dead = True
        try:
            yield
        finally:
            self._is_silent = False

    @contextmanager
    def hanging_up_after(self, sent_bytes: int) -> Iterator[None]:
        """Reset each connection once its client has sent so many bytes: in the middle of a request."""
        self._budget_bytes = sent_bytes
        for line in self._lines:
            line.budget_bytes = sent_bytes
        try:
            yield
        finally:
            self._budget_bytes = None
            self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), name="relay", daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        try:
            if self._tls is not None:
                near = self._tls.wrap_socket(near, server_side=True)
            far = socket.create_connection((LOOPBACK, self.target_port))
        except OSError:
            near.close()
            return
        line = _Line(near, far, self._budget_bytes)
        line.is_dead = self._is_silent
        self._lines.append(line)
        threading.Thread(target=line.carry, args=(far, near), name="relay", daemon=True).start()
        line.carry(near, far)
