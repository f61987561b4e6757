"""Nobody whose text is in a log can write a line of their own there, nor to the terminal that shows it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest

from sitemon.log_records import keep_plain

FORGED = "a\n2026-11-24T07:00:00Z ERROR spool.full: \x1b[2Jforged \u202e100%s"


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@contextmanager
def logger(name: str, log: StringIO) -> Iterator[logging.Logger]:
    made = logging.getLogger(name)
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    made.addHandler(handler)
    keep_plain(made)
    try:
        yield made
    finally:
        made.removeHandler(handler)


def test_a_record_of_ours_is_one_line(log: StringIO) -> None:
    with logger("sitemon.worker", log) as ours:
        ours.warning("monitor.outcome: %s is up", FORGED)
    assert log.getvalue() == (
        "WARNING monitor.outcome: a\\n2026-11-24T07:00:00Z ERROR spool.full: \\x1b[2Jforged \\u202e100%s is up\n"
    )


def test_lines_of_others_and_of_tracebacks_are_told_from_records(log: StringIO) -> None:
    with logger("kombu.mixins", log) as foreign:
        foreign.error("cannot read %s", FORGED)
        foreign.error("failed", exc_info=ValueError(FORGED))
    lines = log.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    ")] == ["ERROR cannot read a", "ERROR failed"]
    assert all(line.isprintable() for line in lines)
    assert lines[-2:] == ["    ValueError: a", lines[1]]


def test_a_record_that_goes_to_two_places_is_the_same_in_both(log: StringIO) -> None:
    second = StringIO()
    with logger("celery.worker", log) as foreign, logger("celery", second):
        foreign.error("a\nb\n    c\n\n")
    assert log.getvalue() == second.getvalue() == "ERROR a\n    b\n    c\n    \n"


def test_what_is_plain_keeps_its_arguments(log: StringIO) -> None:
    seen: list[object] = []
    with logger("sitemon.stream", log) as ours:
        ours.handlers[0].addFilter(lambda record: not seen.append(record.args))  # type: ignore[func-returns-value]
        ours.warning("kafka.connected: %s wait", 5)
    assert seen == [(5,)]
    assert log.getvalue() == "WARNING kafka.connected: 5 wait\n"
