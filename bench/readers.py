"""Readers of a page, at a steady rate, by wrk.

wrk has no rate: as many connections as requests a second, each of which waits 0.9 s on average between two requests,
come to a little more. While the server stalls for less than a second, each connection asks at most once less than it
would have, so that what nobody had to wait for, since nobody could ask, is little; of longer stalls wrk adds what is
missing.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.tools import tool

SCRIPT: Final = Path(__file__).with_suffix(".lua")
_TIMEOUT_S: Final = 10


class Waited(NamedTuple):
    """What readers of one kind had to wait, from the request to the end of the answer."""

    rate: float
    failed: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    mean_bytes: float


class Readers(NamedTuple):
    """So many requests a second, each for one of these addresses."""

    name: str
    rate: int
    paths: Sequence[str]


@contextmanager
def reading(url: str, readers: Sequence[Readers], seconds: int, folder: Path) -> Iterator[dict[str, Waited]]:
    """Let readers ask for so long; after the block, which may look on, the mapping that is given has what they waited.

    Raises ToolMissingError when wrk is not installed.
    """
    found: dict[str, Waited] = {}
    started = {one.name: _start(url, one, seconds, folder) for one in readers}
    try:
        yield found
        for name, process in started.items():
            words, _ = process.communicate(timeout=seconds + 2 * _TIMEOUT_S)
            found[name] = _waited(json.loads(words.splitlines()[-1]))
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def _start(url: str, readers: Readers, seconds: int, folder: Path) -> "subprocess.Popen[str]":
    paths = folder / f"{readers.name}.paths"
    paths.write_text("".join(f"{path}\n" for path in readers.paths))
    size = ["--threads", "1", "--connections", str(readers.rate), "--duration", f"{seconds}s"]
    command = [tool("wrk", package="apt install wrk"), *size, "--timeout", f"{_TIMEOUT_S}s", "--script", str(SCRIPT)]
    return subprocess.Popen([*command, url, "--", str(paths)], stdout=subprocess.PIPE, text=True)


def _waited(counted: Mapping[str, float]) -> Waited:
    return Waited(
        rate=counted["requests"] / counted["duration_us"] * 1e6,
        failed=int(counted["failed"]),
        p50_ms=counted["p50_us"] / 1_000,
        p99_ms=counted["p99_us"] / 1_000,
        most_ms=counted["most_us"] / 1_000,
        mean_bytes=counted["bytes"] / max(1, counted["requests"]),
    )
