"""What is said of a PostgreSQL that cannot be reached or trusted: where it is, and why."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.chains import new_authority, new_leaf, server_context
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.store.connect import connect

ME: Final = Credentials(user="me", password="hunter2", database="db")
SSL_REQUEST: Final = struct.pack("!II", 8, 80877103)
CLEARTEXT_PASSWORD: Final = b"R" + struct.pack("!II", 8, 3)
"""AuthenticationCleartextPassword: chapter "Message Formats" of PostgreSQL's manual."""
_FIELDS: Final = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
POOLERS_REFUSAL: Final = b"E" + struct.pack("!I", 4 + len(_FIELDS)) + _FIELDS
"""What PgBouncer answers that was not told to ignore our options."""


class Curious:
    """A server that asks for the password itself, or answers something else, and keeps what it is told."""

    def __init__(self, tls: ssl.SSLContext | None = None, answer: bytes = CLEARTEXT_PASSWORD) -> None:
        self.heard = b""
        self._tls = tls
        self._answer = answer
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client:
                    self._ask(client)

    def _ask(self, client: socket.socket) -> None:
        client.settimeout(5)
        said = client.recv(1_000)
        if said.startswith(SSL_REQUEST):
            client.sendall(b"S" if self._tls else b"N")
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            said = client.recv(1_000)
        if said:
            client.sendall(self._answer)
            self.heard += client.recv(1_000)
        client.close()


@contextmanager
def a_certificate(folder: Path) -> Iterator[tuple[ssl.SSLContext, str]]:
    """Give the context of a server on loopback, and the file of who signed its certificate."""
    now = clock.utc_now()
    when = {"begins_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    authority = new_authority("ours", issuer=None, **when)
    (folder / "ca.pem").write_bytes(authority.pem)
    leaf = new_leaf(authority, hosts=[LOOPBACK], **when)
    yield server_context(folder, leaf), str(folder / "ca.pem")


def try_it(server: PostgresServer) -> SitemonError:
    with pytest.raises(SitemonError) as caught:
        connect(server, ME, application_name="test")
    return caught.value


def test_a_closed_port_is_named_with_its_reason() -> None:
    port = free_port()
    error = try_it(PostgresServer(host="127.0.0.1", port=port))
    assert isinstance(error, UnreachableError)
    assert str(error) == f"PostgreSQL at 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_a_server_that_nobody_verified_is_not_given_the_password(sslmode: str) -> None:
    with Curious() as curious:
        error = try_it(PostgresServer(host=LOOPBACK, port=curious.port, sslmode=sslmode))
    assert b"hunter2" not in curious.heard
    assert isinstance(error, RefusedError)
    assert "server requested a cleartext password" in str(error)


@pytest.mark.parametrize(("sslmode", "is_told"), [("require", False), ("verify-ca", False), ("verify-full", True)])
def test_over_tls_only_one_that_is_verified_in_full_is_given_it(tmp_path: Path, sslmode: str, is_told: bool) -> None:
    with a_certificate(tmp_path) as (tls, ca_file), Curious(tls) as curious:
        server = PostgresServer(host=LOOPBACK, port=curious.port, sslmode=sslmode, ssl_root_cert=ca_file)
        error = try_it(server)
    assert (b"hunter2" in curious.heard) == is_told
    assert isinstance(error, UnreachableError if is_told else RefusedError)


def test_a_pooler_that_does_not_take_our_options_is_waited_for_by_nobody() -> None:
    with Curious(answer=POOLERS_REFUSAL) as pooler:
        error = try_it(PostgresServer(host=LOOPBACK, port=pooler.port))
    assert isinstance(error, RefusedError)
    assert str(error).endswith("unsupported startup parameter: options")
