"""What becomes of a check that failed for want of something of ours, where no schedule gives it up."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from sitemon import clock
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.checks.judge.observed import not_made
from sitemon.model.result import Result
from sitemon.model.site import Site
from sitemon.worker.adhoc import check_and_publish
from sitemon.worker.monitor import Monitor

SHOP = Site(name="shop", url="http://shop.example/", interval_ms=1_000)


class HasNoMemory:
    def submit(self, site: Site, done: Done, _: IsWanted = always) -> None:
        done(not_made(clock.utc_now(), site))

    def close(self, timeout_s: float) -> None:
        """Nothing is open."""


def test_the_monitor_misses_its_slot(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    published: list[Result] = []
    stop = threading.Event()

    def publish(results: Sequence[Result]) -> None:
        published.extend(results)
        stop.set()

    Monitor([SHOP], HasNoMemory(), publish, "eu").run(stop)
    assert {(one.kind, one.outcome, one.reason) for one in published} == {("monitor", "missed", "shed")}
    assert "shop is missed: this process failed at the check" in caplog.text


def test_who_asked_is_told_that_nobody_looked() -> None:
    published: list[Result] = []
    process: Any = SimpleNamespace(
        engine=HasNoMemory(),
        messenger=SimpleNamespace(deliver=lambda result, _: published.append(result)),
        watcher=SimpleNamespace(current=lambda: SimpleNamespace(by_name={"shop": SHOP})),
        settings=SimpleNamespace(region="eu"),
    )
    result = check_and_publish(process, "shop", clock.utc_now())
    assert result is not None
    assert published == [result]
    assert (result.kind, result.outcome, result.reason) == ("adhoc", "missed", "shed")
