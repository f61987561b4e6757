"""What responses under way hold together, though their servers send nearly all and then nothing."""

import queue

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.net.room import Room
from sitemon.checks.probes import web
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome
from sitemon.model.site import Body
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, site

MIB = 1 << 20
CHECKS = 10


def nearly_all(talk: Conversation) -> None:
    """Send all but the last byte of 8 MiB, then nothing until the client leaves."""
    talk.asked()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB) + bytes(8 * MIB - 1))
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
        room.lend("theirs.yaml", 0, MIB)
    monkeypatch.setattr(web, "ROOM", room)
    server = serve(answering(response(body=bytes(MIB // 2))))
    theirs, ours = (
        observed(make_engine(), site(server.url(), timeout_s=3.0, file=file)) for file in ("theirs.yaml", "ours.yaml")
    )
    assert theirs.is_ours
    assert "no memory left" in str(theirs.error)
    assert ours.outcome is Outcome.UP, ours.error


def test_a_long_body_is_sent_whole(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    body = bytes(range(256)) * 1024
    seen = observed(make_engine(), site(server.url(), method="POST", body=Body(body), timeout_s=5.0))
    assert seen.outcome is Outcome.UP
    assert server.asked[0].body == body
