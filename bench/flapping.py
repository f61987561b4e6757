"""Sites that blip, flap, stall and go down by a script, by which they answer each visitor, and what visitors tell."""

import json
import random
import socket
import struct
import threading
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, NamedTuple, Self

from sitemon import clock
from sitemon.local.ports import LOOPBACK

TIMEOUT_S: Final = 3.0
"""Of a check, by both visitors."""

Ill = Literal["status", "reset", "hang"]


class Kind(StrEnum):
    """How a site behaves."""

    WELL = "well"
    BLIP = "blip"
    FLAKY = "flaky"
    FLAPPING = "flapping"
    STALLING = "stalling"
    SHORT = "short outage"
    OUTAGE = "outage"


SITES_OF: Final[Mapping[Kind, int]] = {
    Kind.WELL: 10,
    Kind.BLIP: 20,
    Kind.FLAKY: 20,
    Kind.FLAPPING: 20,
    Kind.STALLING: 10,
    Kind.SHORT: 10,
    Kind.OUTAGE: 20,
}
FLAKY_SHARE: Final = 0.2
_BLIP_EVERY_S: Final = 60.0
RUN_INTERVALS: Final = 24
OUTAGE_INTERVALS: Final = 4.5
_OUTAGES_BEGIN: Final = ((0.5, 7.5), (15.5, 18.5))
"""In intervals since the run began: between two outages a visitor has the time to see that the first one is over."""


class Stretch(NamedTuple):
    """A time in which a site does not answer well, in seconds since the run began."""

    from_s: float
    until_s: float
    ill: Ill


class Script(NamedTuple):
    """What a site does: in its stretches it is ill, and each visitor's next answer after the moment of a blip fails."""

    kind: Kind
    seed: str
    stretches: Sequence[Stretch] = ()
    blips_s: Sequence[float] = ()

    def ill_at(self, now_s: float, visit: int, blips_seen: int) -> Ill | None:
        """Return what is wrong with the answer at the visitor's visit of this number, who saw so many blips."""
        is_unlucky = self.kind is Kind.FLAKY and random.Random(f"{self.seed}/{visit}").random() < FLAKY_SHARE
        if is_unlucky or bisect(self.blips_s, now_s) > blips_seen:
            return "status"
        return next((one.ill for one in self.stretches if one.from_s <= now_s < one.until_s), None)


class Failure(NamedTuple):
    """A visit that was not answered well, or not in time; `at_s` is when the request came, since the run began."""

    visitor: str
    site: str
    at_s: float


class Told(NamedTuple):
    """A message that came for a visitor about a site, and when it did."""

    visitor: str
    site: str
    at_s: float
    type: str


def scripts_of(seed: int, interval_s: float) -> dict[str, Script]:
    """Return what the sites do, by name: the same for the same seed."""
    return {
        f"{kind.name.lower()}-{number}": _script_of(kind, f"{seed}/{kind}/{number}", interval_s)
        for kind, count in SITES_OF.items()
        for number in range(count)
    }


def _script_of(kind: Kind, seed: str, interval_s: float) -> Script:
    chance, until_s = random.Random(seed), RUN_INTERVALS * interval_s
    if kind is Kind.BLIP:
        return Script(kind, seed, blips_s=list(_blips(chance, until_s)))
    if kind is Kind.OUTAGE:
        return Script(kind, seed, list(_outages(chance, interval_s)))
    times = {Kind.FLAPPING: ((2, 12), (1, 4)), Kind.STALLING: ((20, 60), (2, 6)), Kind.SHORT: ((40, 80), (5, 15))}
    if kind not in times:
        return Script(kind, seed)
    ills: tuple[Ill, ...] = ("hang",) if kind is Kind.STALLING else ("status", "reset")
    return Script(kind, seed, list(_stretches(chance, until_s, *times[kind], ills)))


def _blips(chance: random.Random, until_s: float) -> Iterator[float]:
    at_s = chance.expovariate(1 / _BLIP_EVERY_S)
    while at_s < until_s:
        yield at_s
        at_s += chance.expovariate(1 / _BLIP_EVERY_S)


def _outages(chance: random.Random, interval_s: float) -> Iterator[Stretch]:
    for earliest, latest in _OUTAGES_BEGIN:
        from_s = chance.uniform(earliest, latest) * interval_s
        yield Stretch(from_s, from_s + OUTAGE_INTERVALS * interval_s, chance.choice(("status", "reset", "hang")))


def _stretches(
    chance: random.Random, until_s: float, well_s: tuple[float, float], ill_s: tuple[float, float], ills: Sequence[Ill]
) -> Iterator[Stretch]:
    """Yield stretches whose lengths, and those between them, are within bounds."""
    from_s = chance.uniform(*well_s)
    while from_s < until_s - ill_s[1]:
        end_s = from_s + chance.uniform(*ill_s)
        yield Stretch(from_s, end_s, chance.choice(ills))
        from_s = end_s + chance.uniform(*well_s)


class FlappingServer:
    """Serves ``/VISITOR/SITE`` by the site's script, from `begin` on; before that all is well.

    `failures` has every visit that was not answered well, `seen` who has visited what. It takes messages at
    ``/VISITOR``, which are `told` then.
    """

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.failures: list[Failure] = []
        self.told: list[Told] = []
        self.seen: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._scripts = scripts
        self._blips_seen: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._began_s: float | None = None
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def url(self, visitor: str, site: str = "") -> str:
        """Return where a site is for a visitor, and without one where its messages go."""
        return f"http://{LOOPBACK}:{self._server.server_port}/{visitor}/{site}"

    def begin(self) -> None:
        """Let the scripts begin."""
        self._began_s = clock.monotonic_s()

    def tell(self, visitor: str, message: Mapping[str, Any]) -> None:
        """Keep a message about a site, if the scripts have begun."""
        if self._began_s is not None:
            at_s = clock.monotonic_s() - self._began_s
            self.told.append(Told(visitor, message["data"].get("site", ""), at_s, message["type"]))

    def visit(self, visitor: str, site: str) -> tuple[Ill | None, float]:
        """Return what is wrong with the answer, and for how many seconds the site hangs."""
        with self._lock:
            self.seen[visitor, site] += 1
            if self._began_s is None:
                return None, 0.0
            now_s, script = clock.monotonic_s() - self._began_s, self._scripts[site]
            ill = script.ill_at(now_s, self.seen[visitor, site], self._blips_seen[visitor, site])
            self._blips_seen[visitor, site] = bisect(script.blips_s, now_s)
            hangs_s = max((one.until_s - now_s for one in script.stretches if one.from_s <= now_s), default=0.0)
            if ill is not None and (ill != "hang" or hangs_s > TIMEOUT_S):
                self.failures.append(Failure(visitor, site, now_s))
            return ill, hangs_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever waits in vain hangs up."""


def _handler_of(server: FlappingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, visitor, site = self.path.split("/")
            ill, hangs_s = server.visit(visitor, site)
            if ill == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            if ill == "hang":
                clock.sleep(min(hangs_s, 2 * TIMEOUT_S))
            self.send_response(503 if ill == "status" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            length_bytes = int(self.headers["Content-Length"])
            server.tell(self.path.strip("/"), json.loads(self.rfile.read(length_bytes)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
