"""What the recorder says about its progress."""

import logging
from collections.abc import Callable

from sitemon import clock
from sitemon.record.recorder import Report

log = logging.getLogger(__name__)


class ProgressLog:
    """Logs one line about the batches since the last one, at most every `every_s` seconds, and none when idle."""

    def __init__(self, every_s: float = 10.0, now_s: Callable[[], float] = clock.monotonic_s) -> None:
        self._every_s = every_s
        self._now_s = now_s
        self._began_s = now_s()
        self._batches: list[Report] = []

    def __call__(self, report: Report) -> None:
        """Take note of a batch."""
        self._batches.append(report)
        passed_s = self._now_s() - self._began_s
        if passed_s >= self._every_s:
            log.info("recorder.progress: %s", summary(self._batches, passed_s, clock.now_ms()))
            self._began_s, self._batches = self._now_s(), []


def summary(batches: list[Report], passed_s: float, now_ms: int) -> str:
    """Return one line about batches: how many results at what rate, and how far behind the newest is."""
    inserted = sum(batch.inserted for batch in batches)
    replaced = sum(batch.replaced for batch in batches)
    dead_letters = sum(batch.dead_letters for batch in batches)
    last = batches[-1]
    parts = [
        f"{inserted:,} results in {passed_s:.0f} s ({inserted / passed_s:,.1f}/s)",
        f"{replaced:,} missed ones replaced" if replaced else "",
        f"{dead_letters:,} dead letters" if dead_letters else "",
        f"{max(0, now_ms - last.newest_ms) / 1000:.1f} s behind, {last.lag:,} waiting",
    ]
    return ", ".join(part for part in parts if part)
