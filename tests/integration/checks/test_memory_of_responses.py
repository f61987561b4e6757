"""What responses under way hold together, though their servers send nearly all and then nothing."""

import gc
import queue
import threading
from typing import Final

import pytest

from sitemon.checks.engine import jobs
from sitemon.checks.findings import Observation
from sitemon.checks.http.page import Page
from sitemon.checks.net.room import Room, Share
from sitemon.checks.probes import web
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome
from sitemon.model.site import Body, Proxy
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, site

MIB = 1 << 20
CHECKS = 10
LONG_HEAD: Final = {f"X-{number}": "a" * 300 for number in range(190)}
COOKIES: Final = "\r\n".join(f"Set-Cookie: c{number}={'v' * 600}" for number in range(40))
HOLDING: Final = {
    "a head": response(headers=LONG_HEAD),
    "the head of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n%b\r\n5;%b"
    % (bytes(0x4000), b"a" * 60_000),
}


def nearly_all(talk: Conversation) -> None:
    """Send all but the last byte of 8 MiB, then nothing until the client leaves."""
    talk.asked()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB) + bytes(8 * MIB - 1))
    talk.read()


def nearly_all_of_a_usual_one(talk: Conversation) -> None:
    talk.asked()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MIB + bytes(MIB - 1))
    talk.read()


def test_servers_that_send_nearly_all_fill_no_memory_and_hold_up_nobody(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(32 * MIB)
    monkeypatch.setattr(web, "ROOM", room)
    engine, hostile = make_engine(at_once=CHECKS + 1), serve(nearly_all)
    usual = serve(answering(response(body=bytes(MIB // 2))))
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(CHECKS):
        engine.submit(site(hostile.url(), timeout_s=3.0, max_body_bytes=8 * MIB), found.put)
    seen = observed(engine, site(usual.url(), timeout_s=3.0))
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, MIB // 2)
    hung = [found.get(timeout=60) for _ in range(CHECKS)]
    assert any(one.is_ours and "no memory left" in str(one.error) for one in hung)
    assert room.lent_bytes == 0, "all is given back"


def test_what_a_response_holds_counts_for_the_file_of_its_site(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(8 * MIB)
    for _ in range(3):
        Share(room, "theirs.yaml", lambda _: None).grow(MIB + (64 << 10))
    monkeypatch.setattr(web, "ROOM", room)
    server = serve(answering(response(body=bytes(MIB // 2))))
    theirs, ours = (
        observed(make_engine(), site(server.url(), timeout_s=3.0, file=file)) for file in ("theirs.yaml", "ours.yaml")
    )
    assert theirs.is_ours
    assert "no memory left" in str(theirs.error)
    assert ours.outcome is Outcome.UP, ours.error


def test_what_files_of_sites_fill_together_has_room_for_another(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(16 * MIB)
    monkeypatch.setattr(web, "ROOM", room)
    monkeypatch.setattr(jobs, "_MOST_TRIES", 1)
    engine, hostile = make_engine(), serve(nearly_all_of_a_usual_one)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(6):
        engine.submit(site(hostile.url(), timeout_s=10.0, file="theirs.yaml"), found.put)
    while found.empty() and room.lent_bytes < 6 * (MIB - 1 - (64 << 10)):
        threading.Event().wait(0.01)
    while room.lent_bytes < 7 * MIB:
        Share(room, "also-theirs.yaml", lambda _: None).grow(MIB // 4)
    usual = serve(answering(response(body=bytes(MIB - 1))))
    seen = observed(engine, site(usual.url(), timeout_s=10.0))
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, MIB - 1)
    assert found.get(timeout=10).is_ours


@pytest.mark.parametrize("kind", HOLDING)
def test_what_is_no_body_counts_too(
    kind: str, make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ROOM", Room(0))
    seen = observed(make_engine(), site(serve(answering(HOLDING[kind])).url(), timeout_s=3.0))
    assert seen.is_ours, seen.error
    assert "no memory left" in str(seen.error)


def test_so_does_the_answer_of_a_proxy(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ROOM", Room(0))
    proxy = Proxy("127.0.0.1", serve(answering(response(headers=LONG_HEAD))).port)
    seen = observed(make_engine(), site("https://198.51.100.1/", proxy=proxy, timeout_s=3.0))
    assert seen.is_ours, seen.error
    assert "no memory left" in str(seen.error)


def test_so_do_cookies_before_the_next_server_is_asked(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ROOM", Room(0))
    head = f"HTTP/1.1 302 Found\r\nLocation: /next\r\n{COOKIES}\r\n\r\n"
    server = serve(answering(head.encode()))
    seen = observed(make_engine(), site(server.url(), timeout_s=3.0))
    assert seen.is_ours, seen.error
    assert {asked.target for asked in server.asked} == {"/"}


def test_of_a_redirect_no_page_is_kept_while_the_next_server_takes_its_time(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    is_asked_again = threading.Event()

    def behave(talk: Conversation) -> None:
        if talk.asked().target == "/next":
            is_asked_again.set()
            talk.hold()
        talk.send(response(b"", status="302 Found", headers={"Location": "/next"}))

    make_engine().submit(site(serve(behave).url()), lambda _: None)
    assert is_asked_again.wait(10)
    assert [one for one in gc.get_objects() if type(one) is Page and one.http_code == 302] == []


def test_a_long_body_is_sent_whole(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    body = bytes(range(256)) * 1024
    seen = observed(make_engine(), site(server.url(), method="POST", body=Body(body), timeout_s=5.0))
    assert seen.outcome is Outcome.UP
    assert server.asked[0].body == body
