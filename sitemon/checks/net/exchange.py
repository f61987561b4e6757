"""One request and its response under way: its bounds, its clock, what is learnt at the socket, and the socket."""

import math
import select
import socket
from collections.abc import Callable, Mapping
from typing import Final

from sitemon.checks.errors import CheckError
from sitemon.checks.timing import Stopwatch
from sitemon.checks.waiting import IN_THREAD, Waits
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

# The smallest chunks have 5 bytes of framing for each of content; whoever sends more than this plays games.
_WIRE_BYTES_PER_BODY_BYTE: Final = 8
_WIRE_BYTES_FOR_HEAD: Final = 1 << 20


class Exchange:
    """Bounds one request in time and bytes and notes what happens to it. Belongs to one thread.

    `waits` is how its check waits; by its clock the exchange begins and ends, but at `end_s` of the monotonic clock
    however late we are: whoever drips must have an end. `site` is the name of its site, `file` that one's. `addresses`
    are all that the host name stands for, `ip` the one that was tried last, `chain` the certificates that the server
    sent (DER, its own first), `http_version` "1.0" or "1.1", `records` what a name server answered. `proxy` names the
    proxy as long as it has not let us through.
    """

    __slots__ = (
        "_bytes_left",
        "_deadline_s",
        "_end_s",
        "addresses",
        "chain",
        "file",
        "http_code",
        "http_version",
        "ip",
        "proxy",
        "records",
        "site",
        "waits",
        "watch",
    )

    def __init__(
        self,
        *,
        started_s: float,
        deadline_s: float,
        end_s: float,
        max_body_bytes: int,
        waits: Waits = IN_THREAD,
        file: str = "",
        site: str = "",
    ) -> None:
        self.waits = waits
        self.file = file
        self.site = site
        self.watch = Stopwatch(started_s, waits.now_s)
        self.addresses: tuple[str, ...] = ()
        self.ip: str | None = None
        self.proxy: str | None = None
        self.chain: tuple[bytes, ...] = ()
        self.http_code: int | None = None
        self.http_version: str | None = None
        self.records: tuple[str, ...] = ()
        self._deadline_s = deadline_s
        self._end_s = end_s
        self._bytes_left = max_body_bytes * _WIRE_BYTES_PER_BODY_BYTE + _WIRE_BYTES_FOR_HEAD

    def remaining_s(self) -> float:
        """Return the seconds left, more than 0.

        Raises:
            TimeoutError: none is left.

        """
        left_s = min(self._deadline_s - self.waits.now_s(), self._end_s - monotonic_s())
        if left_s <= 0:
            raise TimeoutError("the deadline of the check has passed")
        return left_s

    def patience_s(self) -> float:
        """Return for how long the check may wait for us and still have all of its own time."""
        return max(0.0, self._end_s - monotonic_s() - (self._deadline_s - self.waits.now_s()))

    async def ready(self, wanted: Mapping[int, int]) -> int:
        """Return one of these sockets that is ready; see `Waits.ready`.

        Raises:
            TimeoutError: no time is left.

        """
        while (found := await self.ready_within(wanted, math.inf)) is None:
            pass
        return found

    async def ready_within(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        """Return one of these sockets that is ready, or None when none is after that time or all there is.

        Raises:
            TimeoutError: no time was left.

        """
        return await self.waits.ready(wanted, min(at_most_s, self.remaining_s()))

    def received(self, count: int) -> None:
        """Note that this many bytes came from the server, 0 when it closed.

        Raises:
            CheckError: more came than any honest response within the body's cap needs.

        """
        if count and self.watch.phase == "first_byte":
            self.watch.enter("download")
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise CheckError(Reason.PROTOCOL_ERROR, "the server sends more framing than content")


class BoundedSocket(socket.socket):
    """A socket that does not block, and on which nobody waits for longer than its exchange lasts."""

    exchange: Exchange
    on_close: Callable[[], None] | None = None
    has_more: Final = False
    """Whether more is there of which the kernel does not tell."""

    def close(self) -> None:
        """Close the socket, and say so the first time."""
        on_close, self.on_close = self.on_close, None
        try:
            super().close()
        finally:
            if on_close is not None:
                on_close()

    def flush(self) -> None:
        """Send what is sent already: see `TlsConnection`."""

    async def send_all(self, data: bytes) -> None:
        """Send all within the time left."""
        unsent = memoryview(data)
        while unsent:
            await self.exchange.ready({self.fileno(): select.POLLOUT})
            unsent = unsent[self.send(unsent) :]

    async def receive(self, most_bytes: int) -> bytes:
        """Return what comes next within the time left, b"" at the end."""
        await self.exchange.ready({self.fileno(): select.POLLIN})
        data = self.recv(most_bytes)
        self.exchange.received(len(data))
        return data
