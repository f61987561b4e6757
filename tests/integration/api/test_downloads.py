"""Files of results are for many at a time, also while some read them slowly, or not at all."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx
import pytest

from sitemon.web import downloads
from tests.databases import execute
from tests.integration.api.scene import Scene
from tests.pipeline import wait_for

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
    """Let so many ask for a file, and take no more than the first lines of the answer, which are given."""
    with ExitStack() as opened:
        yield [_first_lines(page, opened) for _ in range(count)]


def _first_lines(page: httpx.Client, opened: ExitStack) -> bytes:
    reader = opened.enter_context(socket.socket())
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.settimeout(10)
    reader.connect((page.base_url.host, page.base_url.port))
    reader.sendall(b"GET /results.json?site=intern HTTP/1.1\r\nHost: page\r\n\r\n")
    return reader.recv(1_024)


def status(page: httpx.Client) -> int:
    return page.get("/results.csv", params={"site": "intern", "range": "1h"}).status_code


def test_who_reads_slowly_holds_up_nobody(page: httpx.Client) -> None:
    with slow_readers(page, 5) as answers:
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        assert status(page) == 200


def test_no_more_than_ten_download_at_a_time(page: httpx.Client) -> None:
    with slow_readers(page, 11) as answers:
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 10 + [b"HTTP/1.1 503"]
        assert b"retry-after" in answers[-1]
    wait_for(lambda: status(page) == 200)


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
