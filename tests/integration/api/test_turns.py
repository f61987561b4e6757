"""A visitor who asks for pages that nobody else wants, and gives them up at once."""

import socket
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest

from sitemon.web import overview
from sitemon.web.client_limit import AT_ONCE
from tests.integration.api.conftest import Serve

MANY = 400


def test_who_gives_up_hundreds_of_pages_holds_up_nobody(serve_page: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    headline = overview.headline

    def noted(counts: Counter[str]) -> str:
        made.append(headline(counts))
        return made[-1]

    monkeypatch.setattr(overview, "headline", noted)
    page = serve_page()
    assert page.get("/").status_code == 200
    place = urlsplit(str(page.base_url))
    for number in range(MANY):
        with socket.create_connection((place.hostname, place.port)) as visitor:
            visitor.sendall(f"GET /?q={number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    before = len(made)
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=60) as other:
        assert other.get(f"{page.base_url}/?q=other").status_code == 200
    assert len(made) - before <= 2 * AT_ONCE
    assert before + 2 * AT_ONCE < MANY, "the machine is too fast for this test to tell anything"
