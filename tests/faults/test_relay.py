"""The relay itself: what the scenarios rely on."""

import socket
import threading
from collections.abc import Iterator

import pytest

from sitemon.local.ports import LOOPBACK
from tests.faults.relay import Relay
from tests.pipeline import wait_for


class Echo:
    """Answers what it is sent; knows how much that was."""

    def __init__(self) -> None:
        self.received = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    self.received += len(data)
                    connection.sendall(data)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    with Relay(echo.port) as relay:
        yield relay


def connected(relay: Relay) -> socket.socket:
    return socket.create_connection((LOOPBACK, relay.port), timeout=2)


def answer(connection: socket.socket, words: bytes = b"hello") -> bytes:
    connection.sendall(words)
    return connection.recv(4096)


def read_to_the_end(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def test_it_passes_on_both_ways(relay: Relay) -> None:
    with connected(relay) as connection:
        assert answer(connection) == b"hello"


def test_silence_kills_connections_without_a_word_and_spares_later_ones(relay: Relay) -> None:
    with connected(relay) as before:
        assert answer(before) == b"hello"
        with relay.silent(), connected(relay) as meanwhile:
            for dead in (before, meanwhile):
                dead.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    answer(dead)
        with pytest.raises(TimeoutError):
            answer(before)
        with connected(relay) as after:
            assert answer(after) == b"hello"


def test_it_hangs_up_in_the_middle_of_a_message(relay: Relay, echo: Echo) -> None:
    with relay.hanging_up_after(sent_bytes=1_000), connected(relay) as connection:
        connection.sendall(bytes(5_000))
        with pytest.raises(ConnectionResetError):
            read_to_the_end(connection)
    wait_for(lambda: echo.received == 1_000)


def test_it_leads_elsewhere(relay: Relay) -> None:
    other = Echo()
    with connected(relay) as before:
        assert answer(before) == b"hello"
        relay.move(other.port)
        with pytest.raises(ConnectionResetError):
            read_to_the_end(before)
        with connected(relay) as after:
            assert answer(after) == b"hello"
    assert other.received == 5
    other.close()
