"""What a loop asks the kernel which of many sockets are ready: epoll, or on other systems poll.

A socket is registered, or modified, with `ONCE` among the events: what happened to it is found once.
"""

import math
import select
from typing import Final

ONCE: Final[int] = getattr(select, "EPOLLONESHOT", 1 << 30)


class Poll:
    """What `select.epoll` is on Linux, for systems without it: it takes time for every socket that is watched."""

    def __init__(self) -> None:
        self._poll = select.poll()

    def register(self, number: int, events: int) -> None:
        """Let what happens to a file be found, whether it is there already or not."""
        self._poll.register(number, events & ~ONCE)

    modify = register

    def unregister(self, number: int) -> None:
        """Let nothing more of a file be found."""
        self._poll.unregister(number)

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """Wait up to `timeout` seconds and return file numbers with what happened to them."""
        found = self._poll.poll(math.ceil(timeout * 1000))[:maxevents]
        for number, _ in found:
            self._poll.unregister(number)
        return found

    def close(self) -> None:
        """Give back what it holds, which is nothing."""


new_poller: Final = select.epoll if hasattr(select, "epoll") else Poll
