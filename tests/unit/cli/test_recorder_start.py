"""The recorder's command while Kafka answers, but cannot do what is asked of it yet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from sitemon.cli import recorder
from sitemon.model.errors import UnreachableError
from sitemon.store.database import Database
from tests.unit.record.test_writer import Waits

ENVIRON = {
    "SITEMON_PG_HOST": "127.0.0.1",
    "SITEMON_PG_PORT": "1",
    "SITEMON_DB_USER": "u",
    "SITEMON_DB_PASSWORD": "p",
    "SITEMON_DB_DATABASE": "d",
    "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
}


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """The event that ends the command, which it waits for without waiting; set after three times."""
    stop = Waits(stop_after=3)

    @contextmanager
    def stopped() -> Iterator[threading.Event]:
        yield stop

    monkeypatch.setattr(recorder, "stop_on_signals", stopped)
    monkeypatch.setattr(recorder, "wait_for_kafka", lambda _server, stop: not stop.is_set())
    return stop


def test_it_waits_between_its_tries_and_says_once_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stop: Waits
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UnreachableError("brokers are fenced")

    monkeypatch.setattr(recorder, "ensure_topics", fail)
    outcome = CliRunner().invoke(recorder.command, env=ENVIRON, catch_exceptions=False)
    assert outcome.exit_code == 0
    assert stop.waits_s == [1.0] * 3
    assert [record.message.split(":")[0] for record in caplog.records] == ["recorder.kafka_away"]


def test_a_stop_is_heard_while_the_database_is_frozen(monkeypatch: pytest.MonkeyPatch, stop: Waits) -> None:
    is_aborted = threading.Event()

    def freeze(_: Database) -> None:
        assert is_aborted.wait(20)
        raise UnreachableError("the connection was closed")

    monkeypatch.setattr(Database, "open", freeze)
    monkeypatch.setattr(Database, "abort", lambda _: is_aborted.set())
    stop.set()
    assert CliRunner().invoke(recorder.command, env=ENVIRON, catch_exceptions=False).exit_code == 0
    assert is_aborted.is_set()
