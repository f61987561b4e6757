"""What runs beside a test, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[], object], stop: threading.Event, within_s: float = 60.0) -> Iterator[None]:
    """Let it work for the length of the block; it is told to stop at the end, and must end in time."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(within_s)
        assert not thread.is_alive()
