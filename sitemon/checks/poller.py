"""What a loop asks the kernel which of many sockets are ready: epoll, or on other systems poll."""

import math
import select
from typing import Final


class Poll:
    """What `select.epoll` is on Linux, for systems without it: it takes time for every socket that is watched."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """Wait up to `timeout` seconds and return file numbers with what happened to them."""
        return self._poll.poll(math.ceil(timeout * 1000))[:maxevents]

    def close(self) -> None:
        """Give back what it holds, which is nothing."""


new_poller: Final = select.epoll if hasattr(select, "epoll") else Poll
