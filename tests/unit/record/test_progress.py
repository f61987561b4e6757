"""One line now and then says how many results at what rate, and how far behind."""

import logging

import pytest

from sitemon.record.progress import ProgressLog, summary
from sitemon.record.recorder import Report


def a_report(inserted: int = 100, *, replaced: int = 0, dead_letters: int = 0, lag: int = 0) -> Report:
    return Report(inserted + replaced + dead_letters, inserted, replaced, dead_letters, newest_ms=9_500, lag=lag)


def test_a_plain_line() -> None:
    assert summary([a_report(), a_report(lag=7)], 10.0, now_ms=10_000) == (
        "200 results in 10 s (20.0/s), 0.5 s behind, 7 waiting"
    )


def test_what_is_unusual_is_said() -> None:
    line = summary([a_report(replaced=2, dead_letters=1)], 10.0, now_ms=10_000)
    assert line == "100 results in 10 s (10.0/s), 2 missed ones replaced, 1 dead letters, 0.5 s behind, 0 waiting"


def test_it_logs_at_most_one_line_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seconds = iter([0.0, 1.0, 5.0, 11.0, 11.0, 12.0])
    progress = ProgressLog(every_s=10.0, now_s=lambda: next(seconds))
    for _ in range(4):
        progress(a_report())
    assert len(caplog.records) == 1
    assert "300 results in 11 s" in caplog.records[0].message
