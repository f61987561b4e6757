"""``sitemon web`` as a process: where it listens, how it ends, and what it says when it cannot begin."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from tests.children import starting
from tests.databases import environment_of
from tests.pipeline import own_code

Start = Callable[..., "subprocess.Popen[str]"]
ENTRY = "import sys; sys.argv[0] = 'sitemon'; {0}from sitemon.cli.main import main; main()"
WITHOUT_FASTAPI = "sys.modules['fastapi'] = None; "
LISTENING = re.compile(r"web\.listening: (http://127\.0\.0\.1:\d+/)")


@pytest.fixture
def start(postgres_server: PostgresServer, owner: Credentials, tmp_path: Path) -> Iterator[Start]:
    """Start `sitemon web`; it is killed at the end, if it is still there."""
    environ = {
        "PATH": os.environ["PATH"],
        **own_code(),
        "CONF_DIR": str(tmp_path),
        **environment_of(postgres_server, owner),
    }
    with starting(environ, tmp_path) as start_code:

        def start_it(*arguments: str, before: str = "", **variables: str) -> "subprocess.Popen[str]":
            return start_code(ENTRY.format(before), "web", *arguments, **variables)

        yield start_it


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    found = LISTENING.search(process.stderr.readline())
    assert found
    return found[1]


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - ours
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_with_0(start: Start, number: signal.Signals) -> None:
    process = start("--bind", "127.0.0.1:0")
    address = address_of(process)
    assert get(address + "healthz") == (200, "ok\n")
    status, page = get(address)
    assert (status, "No sites yet" in page) == (200, True)
    asked_at = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - asked_at < 10
    assert process.communicate() == ("", "")


def test_a_reader_that_holds_its_connection_does_not_hold_up_the_end(start: Start) -> None:
    process = start("--bind", "127.0.0.1:0")
    host, port = address_of(process).removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as half_a_request:
        half_a_request.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_an_address_in_use_is_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--bind", f"127.0.0.1:{port}")
        assert process.communicate(timeout=20) == ("", f"cannot listen on 127.0.0.1:{port}: Address already in use\n")
    assert process.returncode == 2


def test_without_its_libraries_it_says_which_to_install(start: Start) -> None:
    process = start(before=WITHOUT_FASTAPI)
    expected = "fastapi is not installed: the page needs `pip install 'sitemon[web]'`\n"
    assert process.communicate(timeout=20) == ("", expected)
    assert process.returncode == 2


def test_a_wrong_password_is_one_line(start: Start) -> None:
    process = start("--bind", "127.0.0.1:0", SITEMON_DB_PASSWORD="wrong")
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said.count("\n")) == (2, 1)
    assert "password authentication failed" in said


def test_it_begins_without_a_database_and_says_so(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = start("--bind", "127.0.0.1:0", SITEMON_PG_PORT=str(port))
    address = address_of(process)
    assert get(address + "healthz") == (200, "ok\n")
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(address)
    with refused.value as answer:
        assert answer.code == 503
        words = answer.read().decode()
        assert "No data yet" in words
        assert "127.0.0.1" not in words
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
