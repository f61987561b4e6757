"""Whatever a server sends, however it cuts it, and whenever it leaves: one outcome of the table, in time."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import dns.message
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.local.conversation import Conversation, Server
from sitemon.local.name_server import NameServer
from sitemon.model.outcome import REASONS, Outcome
from sitemon.model.site import Expect, ExpectedHeader, ExpectedJson, Site, Tls
from tests.integration.checks import certificates
from tests.integration.checks.conftest import EngineFactory, observed, punctual_s, site
from tests.integration.checks.test_timing import phases_sum_s

TIMEOUT_S: Final = 0.15
LEEWAY_S: Final = 0.2

pytestmark = pytest.mark.usefixtures("frozen_heap")


PAUSE_S: Final = TIMEOUT_S / 2
"""Short enough for each operation on the socket, and too long for a whole check with many of them."""


class Script(NamedTuple):
    """What a server does: sends pieces, with a pause after each, and then ends the connection in some way."""

    pieces: tuple[bytes, ...]
    end: Literal["close", "reset", "hold"]
    pause_s: float = 0.0


# Pieces of HTTP, most of them sound, so that chance gets beyond the status line.
_STATUS: Final = [
    *[b"HTTP/1.1 200 OK\r\n"] * 4,
    *(b"HTTP/1.0 200\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 204 No Content\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 \xff\r\n", b"HTTP/2.0 200 OK\r\n"),
]
_HEADER: Final = [
    *(b"Location: /\r\n", b"Location: //[::1\r\n", b"Location: http://127.0.0.1:1/\r\n", b"Location: \xff\x00\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n"),
    *(b"Content-Length: \xb2\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: gzip, gzip, zstd, br\r\n"),
    *(b"Content-Type: text/html; charset=utf-7\r\n", b"Content-Type: a; charset=\xff\r\n", b"Set-Cookie: a=b\r\n"),
    *(b"X: y\r\n", b"X: y\r\n" * 250, b" folded\r\n", b"nonsense\r\n", b"X: " + b"y" * 70_000 + b"\r\n"),
]
_BODY: Final = [
    *(b"hello", b'{"a": 1}', b'{"a": [1, 2', b'{"a": 1e999}', b"[" * 3000, b"\xef\xbb\xbf{}", b"a" * 5000),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"-1\r\n", b"ffffffffffffffff\r\n", b"5;a=\r\n", b"g\r\n", b"\r\n", b"\n"),
    *(gzip.compress(b"hello"), gzip.compress(b"a" * 100_000), gzip.compress(b"hello")[:12], zlib.compress(b"hello")),
]
_NOISE: Final = st.binary(max_size=40)


def _some_of(parts: Sequence[bytes], most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.one_of(*[st.sampled_from(parts)] * 5, _NOISE), max_size=most).map(b"".join)


_LIKELY: Final = st.tuples(st.sampled_from(_STATUS), _some_of(_HEADER, 4), st.just(b"\r\n"), _some_of(_BODY, 6)).map(
    b"".join
)
_WILD: Final = st.lists(st.sampled_from([*_STATUS, *_HEADER, *_BODY]) | _NOISE, max_size=12).map(b"".join)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Return pieces of HTTP and noise, cut anew at any place, and an end."""
    data = draw(st.one_of(_LIKELY, _LIKELY, _WILD))
    pause_s = draw(st.sampled_from([0.0, 0.0, 0.0, PAUSE_S]))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), min_size=6 if pause_s else 0, max_size=8)))
    pieces = tuple(data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True))
    return Script(pieces, draw(st.sampled_from(["close", "close", "reset", "hold"])), pause_s)


class Actor:
    """Plays the script that it was given last."""

    def __init__(self) -> None:
        self.script = Script((), "close")
        self.reads_first = True

    def __call__(self, client: Conversation) -> None:
        script = self.script
        if self.reads_first:
            client.read()
        for piece in script.pieces:
            client.send(piece)
            client.hold_for(script.pause_s)
        if script.end == "hold":
            client.hold_for(TIMEOUT_S + 3 * LEEWAY_S)
        if script.end == "reset":
            client.reset()


EXPECT: Final = Expect(
    headers=(ExpectedHeader(name="X", matches="y"),), json=(ExpectedJson(path="$..a", equals=1),), not_match="needle"
)


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    return make_engine()


def assert_told(engine: Engine, watched: Site) -> Observation:
    """The check ended with an outcome of the table, within its time by the engine's own clock, and adds up."""
    seen = observed(engine, watched)
    assert punctual_s(seen) < TIMEOUT_S + LEEWAY_S
    assert seen.outcome is (Outcome.UP if seen.reason is None else REASONS[seen.reason][0])
    assert seen.outcome is not Outcome.MISSED
    event(f"{seen.outcome} {seen.reason}")
    assert (seen.error is None) == (seen.reason is None)
    assert seen.error is None or (seen.error.isprintable() and len(seen.error) <= 200)
    assert sum(phases_sum_s(hop) for hop in seen.hops) == pytest.approx(seen.latency_s, abs=0.002)
    return seen


fuzzed = settings(max_examples=200)


def test_random_responses(engine: Engine) -> None:
    actor = Actor()
    with Server(actor) as server:

        @fuzzed
        @given(scripts(), st.sampled_from(["GET", "HEAD"]), st.booleans())
        def run(script: Script, method: str, is_followed: bool) -> None:
            actor.script = script
            assert_told(
                engine,
                site(
                    server.url(),
                    timeout_s=TIMEOUT_S,
                    method=method,
                    follow_redirects=is_followed,
                    max_body_bytes=4096,
                    match="hello",
                    expect=EXPECT,
                ),
            )

        run()


def test_random_responses_inside_tls(engine: Engine, tmp_path: Path) -> None:
    actor = Actor()
    context = certificates.server_context(tmp_path, certificates.new_leaf(None))
    with Server(actor, tls=context) as server:

        @fuzzed
        @given(scripts())
        def run(script: Script) -> None:
            actor.script = script
            assert_told(engine, site(server.url(), timeout_s=TIMEOUT_S, match="hello", tls=Tls(verify=False)))

        run()


def test_random_bytes_instead_of_a_handshake(engine: Engine) -> None:
    actor = Actor()
    record = st.tuples(st.sampled_from([b"\x16\x03\x01", b"\x16\x03\x03", b"\x15\x03\x03"]), st.binary(max_size=60))
    noise = st.one_of(st.binary(max_size=80), record.map(b"".join))
    with Server(actor) as server:

        @fuzzed
        @given(
            st.lists(noise, max_size=4), st.sampled_from(["close", "reset", "hold"]), st.sampled_from(["https", "tls"])
        )
        def run(pieces: Sequence[bytes], end: Literal["close", "reset", "hold"], scheme: str) -> None:
            actor.script = Script(tuple(pieces), end)
            slash = "/" if scheme == "https" else ""
            url = f"{scheme}://127.0.0.1:{server.port}{slash}"
            seen = assert_told(engine, site(url, timeout_s=TIMEOUT_S, tls=Tls(verify=False)))
            assert seen.outcome is Outcome.DOWN

        run()


@pytest.fixture
def mangled() -> Iterator[tuple[list[bytes | None], NameServer]]:
    """A name server that answers with the bytes in the list, the query's own number before them."""
    answers: list[bytes | None] = [b""]

    def reply(query: dns.message.Message, is_tcp: bool) -> bytes | None:
        answer = answers[0]
        return None if answer is None else query.id.to_bytes(2, "big") + answer

    with NameServer(reply) as server:
        yield answers, server


_HEADS: Final = [
    b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00",
    b"\x83\x80\x00\x01\x00\x00\x00\x00\x00\x00",
    b"\x81\x83" + b"\0" * 8,
]
_QUESTION: Final = b"\x04shop\x04test\x00\x00\x01\x00\x01"
_RECORDS: Final = [
    b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01",
    b"\xc0\x0c\x00\x05\x00\x01\0\0\0\0\x00\x02\xc0\x0c",
]


def test_random_answers_of_a_name_server(engine: Engine, mangled: tuple[list[bytes | None], NameServer]) -> None:
    answers, server = mangled
    noise = st.one_of(st.sampled_from([*_HEADS, _QUESTION, *_RECORDS]), st.binary(max_size=30))
    likely = st.tuples(st.sampled_from(_HEADS), st.just(_QUESTION), st.lists(noise, max_size=3).map(b"".join))

    @fuzzed
    @given(st.one_of(st.none(), st.lists(noise, max_size=5).map(b"".join), likely.map(b"".join)))
    def run(answer: bytes | None) -> None:
        answers[0] = answer
        url = server.url("shop.test")
        assert_told(engine, site(url, timeout_s=TIMEOUT_S, expect=Expect(records=("127.0.0.1",))))

    run()
