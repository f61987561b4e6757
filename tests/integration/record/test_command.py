"""``sitemon-recorder`` as a process: how it begins and how it ends."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.local.ports import free_port
from sitemon.record.dead_letter_limit import AT_LEAST
from sitemon.store.connect import Connection
from sitemon.stream.messenger import event_record, mark_record, result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.databases import rows
from tests.integration.record.conftest import wait_until
from tests.integration.record.reconcilers import ended, is_closed, reign, started
from tests.pipeline import own_code, script
from tests.results import a_result


class Process:
    """A recorder's process, and what it wrote to stderr so far."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._log = folder / "stderr"
        with self._log.open("w") as stderr:
            self._process = subprocess.Popen(
                [script("sitemon-recorder")], env=environ, cwd=folder, stdin=subprocess.DEVNULL, stderr=stderr
            )

    @property
    def stderr(self) -> str:
        return self._log.read_text()

    def wait(self, within_s: float) -> int:
        return self._process.wait(within_s)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its status, which has to come within 10 s."""
        self._process.send_signal(number)
        return self.wait(10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


Start = Callable[..., Process]


@pytest.fixture
def start(postgres_server: PostgresServer, owner: Credentials, tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def start_process(bootstrap_servers: str, topic: str = "t.results", **variables: str) -> Process:
        environ = {
            "PATH": os.environ["PATH"],
            **own_code(),
            "SITEMON_PG_HOST": postgres_server.host,
            "SITEMON_PG_PORT": str(postgres_server.port),
            "SITEMON_PG_SSLMODE": "disable",
            "SITEMON_DB_USER": owner.user,
            "SITEMON_DB_PASSWORD": owner.password,
            "SITEMON_DB_DATABASE": owner.database,
            "SITEMON_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "SITEMON_KAFKA_TOPIC": topic,
        }
        started.append(Process(environ | variables, tmp_path))
        return started[-1]

    yield start_process
    for process in started:
        process.kill()


def address(server: KafkaServer) -> str:
    return str(server.client["bootstrap_servers"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_records_until_it_is_told_to_end(
    start: Start, kafka_server: KafkaServer, conn: Connection, number: signal.Signals
) -> None:
    ensure_topics(kafka_server, retention_days=1)
    producer = KafkaProducer(kafka_server)
    assert producer.send(result_record(topics_of(kafka_server), a_result()), 10).wait(10)
    producer.close(5)
    process = start(address(kafka_server), kafka_server.topic)
    wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.results") == [(1,)], 30)
    assert process.end(number) == 0
    assert "Traceback" not in process.stderr


def test_beside_recording_it_closes_the_account(
    start: Start, kafka_server: KafkaServer, conn: Connection, first: datetime
) -> None:
    ensure_topics(kafka_server, retention_days=1)
    topics, producer = topics_of(kafka_server), KafkaProducer(kafka_server)
    said = [event_record(topics, started(first)), event_record(topics, ended(first, 3))]
    assert send_all(producer, [*said, mark_record(topics, reign(first))], 10.0)
    assert producer.send(result_record(topics, a_result(slot_at=first)), 10).wait(10)
    producer.close(5)
    process = start(address(kafka_server), kafka_server.topic)
    wait_until(lambda: is_closed(conn), 60)
    outcomes = "SELECT outcome, reason FROM sitemon.results ORDER BY slot_at"
    assert rows(conn, outcomes) == [("up", None), ("missed", "lost"), ("missed", "lost")]
    assert process.end() == 0
    assert "Traceback" not in process.stderr


def test_a_refused_password_ends_it_within_seconds_also_while_kafka_is_away(start: Start) -> None:
    process = start(f"127.0.0.1:{free_port()}", SITEMON_DB_PASSWORD="hush")
    assert process.wait(30) == 2
    assert process.stderr.count("\n") == 1
    assert "password authentication failed" in process.stderr


def test_servers_that_are_away_are_waited_for_and_a_stop_is_heard(start: Start) -> None:
    process = start(f"127.0.0.1:{free_port()}", SITEMON_PG_PORT=str(free_port()))
    wait_until(lambda: "kafka.waiting" in process.stderr)
    assert process.end() == 0
    assert process.stderr.count("\n") == 1


def test_a_database_that_is_away_is_said_once(start: Start, kafka_server: KafkaServer) -> None:
    process = start(address(kafka_server), kafka_server.topic, SITEMON_PG_PORT=str(free_port()))
    wait_until(lambda: "recorder.postgres_away" in process.stderr, 20)
    assert process.end() == 0
    assert process.stderr.count("recorder.postgres_away") == 1


def send(server: KafkaServer, *values: bytes) -> None:
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(server.topic, b"k", value) for value in values], 10.0)
    producer.close(5)


def dead_letters(server: KafkaServer) -> int:
    return len(list(read_all(server, topics_of(server).dead_letters)))


def test_a_topic_of_junk_ends_it_with_one_line_as_often_as_it_is_started(
    start: Start, kafka_server: KafkaServer
) -> None:
    ensure_topics(kafka_server, retention_days=1)
    send(kafka_server, *[b"junk"] * 500)
    for _ in range(2):
        process = start(address(kafka_server), kafka_server.topic)
        assert process.wait(30) == 2
        last = process.stderr.splitlines()[-1]
        assert last.startswith("recorder.too_many_dead_letters: 500 of the newest 500 messages cannot be recorded")
        assert "Traceback" not in process.stderr
    assert dead_letters(kafka_server) == 0
    told = start(address(kafka_server), kafka_server.topic, SITEMON_DEAD_LETTER_RATIO="1")
    wait_until(lambda: dead_letters(kafka_server) == 500, 30)
    assert told.end() == 0


def test_a_trickle_of_junk_is_not_diverted_in_slices_by_restarting_it(start: Start, kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=1)
    send(kafka_server, *[b"junk"] * (AT_LEAST - 1))
    first = start(address(kafka_server), kafka_server.topic)
    wait_until(lambda: dead_letters(kafka_server) == AT_LEAST - 1, 30)
    send(kafka_server, b"one more")
    assert first.wait(30) == 2
    for _ in range(2):
        assert start(address(kafka_server), kafka_server.topic).wait(30) == 2
    assert dead_letters(kafka_server) == AT_LEAST - 1
