"""How often a worker looks for a Redis that is away, and how often it says so."""

import socket
import threading
from collections.abc import Iterator

import pytest
from kombu import Connection

from sitemon.worker.consumer import LOOK_EVERY_S, ensure_soon

LOOKS = 2
CALLS = 1 + LOOK_EVERY_S
"""kombu calls back after each try, and after each second of the pause that follows."""


class HangingUp:
    """A server that hangs up on everybody, and counts them."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._socket.getsockname()[1]}/0"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client:
                if self._is_ending:
                    return
                self.visits += 1

    _is_ending = False

    def end(self) -> None:
        self._is_ending = True
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def server() -> Iterator[HangingUp]:
    server = HangingUp()
    yield server
    server.end()


class EnoughError(Exception):
    """The test has seen enough."""


def test_it_pauses_between_two_looks_and_complains_once(server: HangingUp) -> None:
    complaints: list[object] = []
    calls = iter(range(1, LOOKS * CALLS))

    def count() -> None:
        if next(calls, None) is None:
            raise EnoughError

    with pytest.raises(EnoughError), Connection(server.url) as connection:
        ensure_soon(connection.ensure_connection, lambda *_: complaints.append(_), callback=count)
    assert server.visits == LOOKS
    assert len(complaints) == 1
