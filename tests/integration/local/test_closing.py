"""A server ends when it is closed, whoever still holds a connection to it."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from sitemon import clock
from sitemon.local.conversation import Conversation, Server
from sitemon.local.stage import CA_FILE, Stage


def ends(close: Callable[[], None]) -> bool:
    thread = threading.Thread(target=close)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_it_ends_beside_a_client_that_says_nothing() -> None:
    def greet(conversation: Conversation) -> None:
        conversation.send(b"220")
        conversation.read()

    server = Server(greet)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        assert client.recv(3) == b"220"
        assert ends(server.close)


def test_it_ends_beside_clients_that_say_nothing_to_a_server_of_tls(tmp_path: Path) -> None:
    stage = Stage(tmp_path, clock.utc_now())
    port = int(stage.secure().rstrip("/").rpartition(":")[2])
    context = ssl.create_default_context(cafile=tmp_path / CA_FILE)
    # They are let in one after the other: what the second one has agreed upon shows that the first one was.
    with (
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)) as second,
        context.wrap_socket(second, server_hostname="127.0.0.1"),
    ):
        assert ends(stage.close)
