"""The head of an answer and the first part of its body, written by one system call instead of two.

ASGI lets the head wait for the body. With each call a thread that answers hands Python over to those that compute, and
the reader is woken.
"""

import asyncio


class OneWrite:
    """The transport of one answer: what is written first waits for the second, until others have their turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._is_begun = False
        self._head = b""

    def write(self, data: bytes | memoryview) -> None:
        """Write, after what was kept back."""
        if self._is_begun:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._is_begun = True
            self._head = bytes(data)
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Close the connection after what was written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is being closed."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self._transport.write(head)
