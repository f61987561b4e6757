"""Gatus' page by readers of the same kind: what its page asks for, over as many endpoints as are started in minutes."""

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import yaml

from bench.figures import Figure, Measured
from bench.gatus import START_EVERY_S
from bench.nginx import nginx
from bench.readers import Readers, Waited, reading
from bench.tools import ToolMissingError, tool
from sitemon import clock
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.local.process import GuardedProcess
from tests.pipeline import wait_for

ENDPOINTS: Final = (100, 1_000)
_INTERVAL: Final = "10s"
_OVERVIEW: Final = "/api/v1/endpoints/statuses?page=1&pageSize=50"
_SETTLE_S: Final = 12.0
_PROGRAM: Final = "gatus"


def gatus_load(folder: Path, overview_rate: int, site_rate: int, seconds: int) -> Measured:
    """Measure what its readers wait, or say that it is not installed."""
    try:
        program = tool(_PROGRAM, package="build it from its repository with Go")
    except ToolMissingError as missing:
        return Measured([], [f"Gatus is not measured: {missing}"])
    figures: list[Figure] = []
    notes: list[str] = []
    with nginx(folder, free_port()) as target:
        for endpoints in ENDPOINTS:
            with _gatus(program, folder, target, endpoints) as port:
                readers = [
                    Readers("overview", overview_rate, [_OVERVIEW]),
                    Readers("site page", site_rate, [_page_of(number) for number in range(min(100, endpoints))]),
                ]
                with reading(f"http://{LOOPBACK}:{port}", readers, seconds, folder) as found:
                    pass
            for name, waited in found.items():
                figures += _figures(f"Gatus, {endpoints:,} endpoints: {name}", waited)
                notes += _failures(f"Gatus, {endpoints:,} endpoints: {name}", waited)
    return Measured(figures, notes)


def _page_of(number: int) -> str:
    return f"/api/v1/endpoints/_site-{number}/statuses?page=1&pageSize=50"


def _figures(name: str, waited: Waited) -> Sequence[Figure]:
    return (
        Figure(f"{name}, answers", waited.rate, "answers/s", "higher"),
        Figure(f"{name}, p50", waited.p50_ms, "ms"),
        Figure(f"{name}, p99", waited.p99_ms, "ms"),
        Figure(f"{name}, compressed", waited.mean_bytes, "bytes"),
    )


def _failures(name: str, waited: Waited) -> Sequence[str]:
    return [f"{name}: {waited.failed} requests failed or took over 10 s"] if waited.failed else []


@contextmanager
def _gatus(program: str, folder: Path, target: str, endpoints: int) -> Iterator[int]:
    """Run Gatus with its results in memory, its default, and give its port once each endpoint has some."""
    port, configuration = free_port(), folder / "gatus.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "web": {"address": LOOPBACK, "port": port},
                "endpoints": [
                    {
                        "name": f"site-{number}",
                        "url": f"{target}/site-{number}",
                        "interval": _INTERVAL,
                        "conditions": ["[STATUS] == 200"],
                    }
                    for number in range(endpoints)
                ],
            }
        )
    )
    environment = {"GATUS_CONFIG_PATH": str(configuration)}
    process = GuardedProcess([program], log=folder / "gatus.log", environment=environment, folder=folder)
    try:
        clock.sleep(endpoints * START_EVERY_S + _SETTLE_S)
        wait_for(lambda: _count(port) == endpoints, within_s=endpoints * START_EVERY_S + 60)
        yield port
    finally:
        process.stop(timeout_s=10)


def _count(port: int) -> int:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)) as connection:
        connection.request("GET", _OVERVIEW)
        return sum(bool(one["results"]) for one in json.loads(connection.getresponse().read()))
