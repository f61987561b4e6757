"""A lost connection is one line in the log, and everything else keeps its traceback."""

import logging

import pytest
import redis

from sitemon.worker.lost_connections import InOneLine


def written(name: str, exc: Exception) -> str:
    """Return what is in the log of an exception that a logger of this name tells of."""
    record = logging.LogRecord(name, logging.ERROR, "", 0, "Couldn't ack %r", (7,), (type(exc), exc, None))
    assert InOneLine().filter(record)
    return logging.Formatter().format(record)


@pytest.mark.parametrize("name", ["kombu.message", "celery.worker.consumer.consumer"])
@pytest.mark.parametrize("lost", [redis.ConnectionError, redis.TimeoutError, ConnectionResetError])
def test_a_lost_connection_is_one_line(name: str, lost: type[Exception]) -> None:
    assert written(name, lost("Error 111\nrefused")) == f"Couldn't ack 7: {lost.__name__}: Error 111 refused"


def test_so_is_what_celery_stumbles_over_because_of_one() -> None:
    stumbled = AttributeError("'NoneType' object has no attribute 'connection_errors'")
    stumbled.__context__ = redis.ConnectionError("refused")
    assert written("celery.worker.consumer.consumer", stumbled) == "Couldn't ack 7: ConnectionError: refused"


@pytest.mark.parametrize(
    ("name", "exc"),
    [
        ("kombu.message", ValueError("a bug")),
        ("celery.app.trace", ConnectionResetError("a task's own")),
        ("ours.tasks", ConnectionResetError("a task's own")),
    ],
)
def test_all_else_keeps_its_traceback(name: str, exc: Exception) -> None:
    assert written(name, exc) == f"Couldn't ack 7\n{type(exc).__name__}: {exc}"
