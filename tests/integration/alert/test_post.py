"""One request to a receiver, however many of its addresses are dead, and however slowly it answers."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import pytest

from sitemon import clock
from sitemon.alert.post import post
from sitemon.alert.verdict import Answer
from tests.integration.alert.receiver import Receiver

TIMEOUT_S = 1.5


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of addresses 127.0.0.2 to .5 where nobody answers to a connection."""
    with ExitStack() as stack:
        port = 0
        for number in range(2, 6):
            server = stack.enter_context(closing(socket.socket()))
            server.bind((f"127.0.0.{number}", port))
            server.listen(0)
            port = server.getsockname()[1]
            for _ in range(3):  # its backlog is full then
                waiting = stack.enter_context(closing(socket.socket()))
                waiting.setblocking(False)
                waiting.connect_ex((f"127.0.0.{number}", port))
        yield port


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Sequence[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_all_addresses_of_a_name_have_one_timeout(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    resolve_to(monkeypatch, *((f"127.0.0.{number}", silent) for number in range(2, 6)))
    began_s = clock.monotonic_s()
    assert post("http://hooks.example/", b"", {}, TIMEOUT_S) == Answer(0, problem="no answer in time", is_unread=True)
    assert TIMEOUT_S <= clock.monotonic_s() - began_s < 3 * TIMEOUT_S


def test_one_that_answers_is_reached_behind_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch, silent: int, receiver: Receiver
) -> None:
    there = int(receiver.url.rpartition(":")[2].partition("/")[0])
    resolve_to(monkeypatch, ("127.0.0.2", silent), ("127.0.0.3", silent), ("127.0.0.1", there))
    assert post("http://hooks.example/people", b"{}", {}, TIMEOUT_S).status == 204


def test_one_is_reached_behind_one_of_a_family_that_the_kernel_lacks(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    there = int(receiver.url.rpartition(":")[2].partition("/")[0])
    lacking = socket.AF_X25 + 1_000
    found = [
        (lacking, socket.SOCK_STREAM, 6, "", "x"),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", there)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert post("http://hooks.example/people", b"{}", {}, TIMEOUT_S).status == 204


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = socket.socketpair()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolver[0].recv(1))
    began_s = clock.monotonic_s()
    assert post("http://hooks.example/", b"", {}, 0.5) == Answer(0, problem="no answer in time", is_unread=True)
    assert clock.monotonic_s() - began_s < 5
    for end in resolver:
        end.close()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example"])
def test_a_host_that_is_not_there_is_said(host: str) -> None:
    answer = post(f"http://{host}/", b"", {}, 10.0)
    assert answer.problem
    assert answer.is_unread


def test_a_server_that_never_ends_its_handshake_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        began_s = clock.monotonic_s()
        answer = post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"", {}, 0.5)
    assert answer.status == 0
    assert clock.monotonic_s() - began_s < 5


def test_a_handshake_has_the_time_that_connecting_left(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def connect_late(sock: socket.socket, address: tuple[str, int]) -> None:
        threading.Event().wait(0.9 * TIMEOUT_S)
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect_late)
    with socket.create_server(("127.0.0.1", 0)) as server:
        began_s = clock.monotonic_s()
        answer = post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"", {}, TIMEOUT_S)
    assert answer == Answer(0, problem="no answer in time", is_unread=True)
    assert clock.monotonic_s() - began_s < 1.9 * TIMEOUT_S
