"""Programs that listen to the changes of states, as server-sent events, and do nothing with them."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_REQUEST: Final = b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_OF_ONE_CLIENT: Final = 20
_BEGINS_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.2


class Heard:
    """How much all listeners were told."""

    def __init__(self, listeners: int) -> None:
        self._listeners = listeners
        self.events = 0

    def events_each(self) -> int:
        """Return how many changes each listener was told."""
        return self.events // max(1, self._listeners)


@contextmanager
def listening(port: int, listeners: int) -> Iterator[Heard]:
    """Let so many listen for the length of the block, from as many addresses as it takes."""
    heard, stop = Heard(listeners), threading.Event()
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        for number in range(listeners):
            source = (f"127.0.0.{2 + number // _OF_ONE_CLIENT}", 0)
            connection = socket.create_connection(("127.0.0.1", port), _BEGINS_WITHIN_S, source)
            listener = opened.enter_context(connection)
            listener.sendall(_REQUEST)
            assert listener.recv(1 << 12).startswith(b"HTTP/1.1 200"), "there is no stream of changes"
            selector.register(listener, selectors.EVENT_READ)
        thread = threading.Thread(target=_hear, args=(selector, heard, stop))
        thread.start()
        try:
            yield heard
        finally:
            stop.set()
            thread.join()


def _hear(selector: selectors.BaseSelector, heard: Heard, stop: threading.Event) -> None:
    while not stop.is_set():
        for key, _ in selector.select(_LOOK_EVERY_S) if selector.get_map() else ():
            assert isinstance(key.fileobj, socket.socket)
            said = key.fileobj.recv(1 << 16)
            if not said:
                selector.unregister(key.fileobj)
            heard.events += said.count(b"event: ")
        if not selector.get_map():
            stop.wait(_LOOK_EVERY_S)
