"""A visitor who asks for pages that nobody else wants, and gives them up at once."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from sitemon.web import overview
from tests.integration.api.conftest import Serve

MANY = 200
OF_ONE = 2
"""So many pages are made for one client at the same time; a third is for others."""


class Making:
    """Pages that take as long as the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._headline = overview.headline
        self._is_held = False
        self._go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        monkeypatch.setattr(overview, "headline", self._hold)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold those that are begun from now on, until the end."""
        self._is_held = True
        try:
            yield
        finally:
            self._go_on.set()

    def let_others_pass(self) -> None:
        """Hold those that were begun, and no more."""
        self._is_held = False

    def _hold(self, counts: Counter[str]) -> str:
        if self._is_held:
            self.begun.release()
            self._go_on.wait()
        return self._headline(counts)


def test_who_gives_up_hundreds_of_pages_holds_up_nobody(serve_page: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    making = Making(monkeypatch)
    page = serve_page()
    assert page.get("/").status_code == 200
    place = urlsplit(str(page.base_url))
    with making.held():
        for number in range(MANY):
            with socket.create_connection((place.hostname, place.port)) as visitor:
                visitor.sendall(f"GET /?q={number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert all(making.begun.acquire(timeout=30) for _ in range(OF_ONE))
        assert page.get("/healthz").status_code == 200
        making.let_others_pass()
        with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=10) as other:
            assert other.get(f"{page.base_url}/?q=other").status_code == 200
