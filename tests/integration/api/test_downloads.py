"""Files of results are for many at a time, also while some read them slowly, or not at all."""

import json
import socket
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Final

import httpx
import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store import pool
from sitemon.store.connect import connect
from sitemon.web import downloads
from tests.databases import execute, rows
from tests.integration.api.conftest import Away
from tests.integration.api.scene import Scene
from tests.pipeline import wait_for

_QUICK: Final = 65_536
"""With a buffer of so many bytes the file is read in less than a second."""
ROWS: Final = 20_000
"""More than the buffers between a server and a reader hold."""
_MORE: Final = """
INSERT INTO sitemon.result (slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, redirects)
SELECT slot_at - place * '1 second'::interval, checked_at, site_id, region_id, target_id, kind, outcome, 0, 0
FROM sitemon.result
JOIN sitemon.site USING (site_id)
CROSS JOIN generate_series(1, %s) AS place
WHERE site.name = 'intern'
"""


@pytest.fixture
def page(page: httpx.Client, scene: Scene) -> httpx.Client:
    execute(scene.conn, _MORE, (ROWS,))
    return page


@contextmanager
def slow_readers(page: httpx.Client, count: int) -> Iterator[list[bytes]]:
    """Let so many clients ask for a file, one after the other, and take no more than the first lines of each answer."""
    with ExitStack() as opened:
        yield [opened.enter_context(slow_reader(page, client=client)).recv(1_024) for client in range(2, count + 2)]


@contextmanager
def slow_reader(
    page: httpx.Client, version: str = "1.1", buffer: int = 4_096, client: int = 1
) -> Iterator[socket.socket]:
    """Ask for a file, through a buffer that holds little of it."""
    with socket.socket() as reader:
        reader.bind((f"127.0.0.{client}", 0))
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        reader.settimeout(20)
        reader.connect((page.base_url.host, page.base_url.port))
        reader.sendall(f"GET /results.json?site=intern HTTP/{version}\r\nHost: page\r\n\r\n".encode())
        yield reader


def rest_of(reader: socket.socket) -> bytes:
    """Return all that comes, up to the end of the connection."""
    pieces = []
    while piece := reader.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def status(page: httpx.Client) -> int:
    return page.get("/results.csv", params={"site": "intern", "range": "1h"}).status_code


def test_who_reads_slowly_holds_up_nobody(page: httpx.Client) -> None:
    with slow_readers(page, 5) as answers:
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        assert status(page) == 200


def test_of_rows_with_long_texts_little_is_held_for_who_reads_slowly(page: httpx.Client, scene: Scene) -> None:
    long = "\N{GRINNING FACE}" + "e" * 511
    target = """
        INSERT INTO sitemon.target (site_id, url, match)
        SELECT site_id, 'http://intern.example/' || repeat('a', 7900), %(long)s || repeat('a', 3500)
        FROM sitemon.site WHERE name = 'intern'
        RETURNING target_id
    """
    ((target_id,),) = rows(scene.conn, target, {"long": long})
    execute(
        scene.conn,
        "UPDATE sitemon.result SET target_id = %s, error = %s, excerpt = %s FROM sitemon.site"
        " WHERE result.site_id = site.site_id AND site.name = 'intern'",
        (target_id, long, long),
    )
    tracemalloc.start()
    try:
        with slow_readers(page, 3):
            held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 20_000_000


def test_no_more_than_ten_download_at_a_time(page: httpx.Client) -> None:
    with slow_readers(page, 11) as answers:
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 10 + [b"HTTP/1.1 503"]
        assert b"retry-after" in answers[-1]
    wait_for(lambda: status(page) == 200)


def test_who_downloads_much_leaves_places_to_others(page: httpx.Client) -> None:
    with ExitStack() as opened:
        readers = [opened.enter_context(slow_reader(page, client=2)) for _ in range(11)]
        assert Counter(reader.recv(1_024)[:12] for reader in readers) == {b"HTTP/1.1 200": 3, b"HTTP/1.1 429": 8}
        assert status(page) == 200


def test_who_takes_nothing_for_long_is_cut_off(
    page: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(downloads, "_PATIENCE_S", 0.2)
    with slow_readers(page, 10):
        wait_for(lambda: status(page) == 200)
    assert "web.download_cut_off" in caplog.text


def test_a_file_has_every_result_once(page: httpx.Client) -> None:
    found = page.get("/results.json", params={"site": "intern"}).json()
    assert len({row["slot_at"] for row in found}) == len(found) == ROWS + 1


@pytest.fixture
def away(away: Away, scene: Scene) -> Away:
    execute(scene.conn, _MORE, (ROWS,))
    return away


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_file_that_cannot_be_read_to_its_end_does_not_end_as_a_whole_one_does(
    away: Away, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    with slow_reader(away.page, version, _QUICK) as reader:
        assert reader.recv(1_024).startswith(b"HTTP/1.1 200")
        away.go()
        with pytest.raises(ConnectionResetError):
            rest_of(reader)
    assert "web.download_cut_off: the rest cannot be read" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_file_that_cannot_begin_is_refused_for_a_while(away: Away) -> None:
    assert away.page.get("/").status_code == 200
    away.go()
    answer = away.page.get("/results.csv", params={"site": "intern"})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


def test_files_that_have_begun_wait_for_their_turn(
    page: httpx.Client, postgres_server: PostgresServer, owner: Credentials
) -> None:
    with ExitStack() as opened:
        readers = [opened.enter_context(slow_reader(page, "1.0", _QUICK, client)) for client in range(2, 7)]
        begun = [reader.recv(1_024) for reader in readers]
        with ThreadPoolExecutor(5) as threads:
            locked = closing(connect(postgres_server, owner, application_name="test-lock"))
            with locked as locking, locking.cursor() as cursor:
                cursor.execute("LOCK TABLE sitemon.result")
                rests = [threads.submit(rest_of, reader) for reader in readers]
                clock.sleep(pool._WAIT_S + 0.3)
            files = [first + rest.result() for first, rest in zip(begun, rests, strict=True)]
    assert [len(json.loads(file.partition(b"\r\n\r\n")[2])) for file in files] == 5 * [ROWS + 1]
