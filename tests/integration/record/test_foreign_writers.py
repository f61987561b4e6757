"""What others write to our topics ends no recorder and no command, and holds up nothing that lies behind it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import kafka
import pytest
from click.testing import CliRunner
from kafka.record.default_records import DefaultRecordBatchBuilder

from sitemon.cli.dead_letters import command
from sitemon.cli.recorder import _newest_letters
from sitemon.config.servers import KafkaServer
from sitemon.model.result import encode
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.stream.client import arguments
from sitemon.stream.consumer import KafkaConsumer, Message
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.follower import Follower
from sitemon.stream.producer import KafkaProducer
from sitemon.stream.reading import read_all
from sitemon.stream.records import Unreadable
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.databases import rows
from tests.foreign import Header, Latin, as_zstd
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.results import a_result

NOT_UTF8: tuple[Header, ...] = ((Latin("n\xe4me"), None),)
APPEND = DefaultRecordBatchBuilder.append
COUNT = "SELECT count(*) FROM sitemon.results"


@pytest.fixture
def topics(kafka_server: KafkaServer) -> Topics:
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server)


class Foreigner:
    """Writes what no producer of ours does, one batch a record."""

    def __init__(self, server: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._server = server
        self._monkeypatch = monkeypatch

    def write(
        self, topic: str, value: bytes | None, headers: Sequence[Header] = (), timestamp_ms: int | None = None
    ) -> None:
        """Write it, with headers that kafka-python's producer would refuse, too."""

        def append(builder: Any, offset: int, moment_ms: int, key: bytes, of_it: bytes, _: object) -> object:
            return APPEND(builder, offset, moment_ms, key, of_it, list(headers))

        with (
            self._monkeypatch.context() as patched,
            closing(kafka.KafkaProducer(**arguments(self._server))) as producer,
        ):
            patched.setattr(DefaultRecordBatchBuilder, "append", append)
            producer.send(topic, value, b"shop", timestamp_ms=timestamp_ms).get(10)

    def write_out_of_place(self, topic: str, value: bytes, behind: int) -> None:
        """Write a record that says of itself that it is so far behind the place that it gets."""

        def append(builder: Any, offset: int, *record: Any) -> object:
            done = APPEND(builder, offset + behind, *record)
            builder._last_offset = offset
            return done

        with self._monkeypatch.context() as patched, self._producer() as producer:
            patched.setattr(DefaultRecordBatchBuilder, "append", append)
            producer.send(topic, value, b"shop").get(10)

    def _producer(self) -> Any:
        return closing(kafka.KafkaProducer(**arguments(self._server)))

    def write_as_zstd(self, topic: str, value: bytes) -> None:
        with self._monkeypatch.context() as patched:
            patched.setattr(DefaultRecordBatchBuilder, "_maybe_compress", as_zstd)
            self.write(topic, value)


@pytest.fixture
def foreigner(kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> Foreigner:
    return Foreigner(kafka_server, monkeypatch)


@pytest.fixture
def recorder(kafka_server: KafkaServer, topics: Topics, store: Database) -> Iterator[Running]:
    """A recorder at work."""
    with recorders() as started:
        consumer = KafkaConsumer(kafka_server, [topics.results], f"{topics.results}.recorder")
        started.append(Running(consumer, lambda: KafkaProducer(kafka_server), topics, store))
        yield started[0].start()


@pytest.fixture
def kafka_environ(kafka_server: KafkaServer) -> dict[str, str]:
    return {
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS": str(kafka_server.client["bootstrap_servers"]),
        "SITEMON_KAFKA_TOPIC": kafka_server.topic,
    }


@pytest.fixture
def list_letters(kafka_environ: dict[str, str]) -> Callable[[], list[dict[str, Any]]]:
    def run() -> list[dict[str, Any]]:
        table = CliRunner().invoke(command, ["list"], env=kafka_environ, standalone_mode=False)
        assert table.exception is None
        done = CliRunner().invoke(command, ["list", "--json"], env=kafka_environ, standalone_mode=False)
        assert done.exception is None
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return run


def test_a_result_whose_header_has_a_name_that_is_not_utf8_is_recorded_and_so_is_what_follows(
    topics: Topics, foreigner: Foreigner, recorder: Running, conn: Connection
) -> None:
    foreigner.write(topics.results, encode(a_result()), NOT_UTF8)
    foreigner.write(topics.results, encode(a_result(minute=1)))
    wait_until(lambda: rows(conn, COUNT) == [(2,)])
    assert recorder.error is None


def test_a_batch_of_another_codec_is_put_aside_and_what_follows_is_recorded(
    topics: Topics,
    foreigner: Foreigner,
    recorder: Running,
    conn: Connection,
    kafka_server: KafkaServer,
    list_letters: Callable[[], list[dict[str, Any]]],
) -> None:
    foreigner.write_as_zstd(topics.results, encode(a_result()))
    foreigner.write(topics.results, encode(a_result(minute=1)))
    wait_until(lambda: rows(conn, COUNT) == [(1,)])
    wait_until(lambda: len(list(read_all(kafka_server, topics.dead_letters))) == 1)
    (letter,) = list_letters()
    assert (letter["reason"], letter["topic"], letter["offset"]) == ("unreadable", topics.results, 0)
    assert recorder.error is None


@pytest.mark.parametrize("behind", [1_000_000, -1])
def test_no_record_leads_away_from_what_follows(
    topics: Topics, foreigner: Foreigner, recorder: Running, conn: Connection, behind: int
) -> None:
    foreigner.write(topics.results, encode(a_result()))
    wait_until(lambda: rows(conn, COUNT) == [(1,)])
    foreigner.write_out_of_place(topics.results, encode(a_result(minute=1)), behind)
    foreigner.write(topics.results, encode(a_result(minute=2)))
    wait_until(lambda: rows(conn, "SELECT max(next_offset) FROM sitemon.stream_position") == [(3,)])
    assert rows(conn, COUNT) == [(2,)]
    assert recorder.error is None


@pytest.mark.parametrize("kind", ["follower", "reading"])
def test_whoever_reads_reads_on(kind: str, topics: Topics, foreigner: Foreigner, kafka_server: KafkaServer) -> None:
    foreigner.write(topics.schedule, b"one", NOT_UTF8)
    foreigner.write_as_zstd(topics.schedule, b"two")
    foreigner.write(topics.schedule, b"three")
    found: list[Message] = []
    if kind == "reading":
        found += read_all(kafka_server, topics.schedule)
    else:
        with closing(Follower(kafka_server, [topics.schedule], {})) as follower:
            while len(found) < 3:
                found += follower.poll(5.0, 100)
    assert [(message.offset, isinstance(message.value, Unreadable)) for message in found] == [
        (0, False),
        (1, True),
        (2, False),
    ]
    assert found[0].headers == (("n\ufffdme", None),)


def test_dead_letters_of_others_are_listed_and_keep_no_recorder_from_its_start(
    topics: Topics,
    foreigner: Foreigner,
    kafka_server: KafkaServer,
    list_letters: Callable[[], list[dict[str, Any]]],
) -> None:
    foreigner.write(topics.dead_letters, b"null", [("reason", None), ("partition", None)])
    foreigner.write(topics.dead_letters, b"digits", [("offset", b"9" * 5_000), ("partition", b"9" * 5_000)])
    foreigner.write(topics.dead_letters, b"long ago", timestamp_ms=-(2**62))
    foreigner.write(topics.dead_letters, b"cut", [("truncated", b"9" * 5_000 + b" x"), ("reason", b"r" * 100_000)])
    foreigner.write(topics.dead_letters, b"name", NOT_UTF8)
    foreigner.write_as_zstd(topics.dead_letters, b"codec")
    found = sorted(list_letters(), key=lambda one: int(one["number"].partition(":")[2]))
    assert [one["offset"] for one in found] == [-1] * 6
    assert found[0]["kept_at"] <= found[2]["kept_at"] <= found[5]["kept_at"]  # the broker's, whatever they say
    assert len(found[3]["reason"]) == 249
    counted = _newest_letters(kafka_server, topics.dead_letters)
    assert [(letter.key, letter.value) for letter in counted] == [(None, None)] * 6
    assert parse_dead_letter(next(read_all(kafka_server, topics.dead_letters))).reason == ""


@pytest.mark.parametrize("words", ["list", "show 0:0", "retry --all"])
def test_a_mistake_of_ours_about_a_letter_ends_the_command(
    words: str, topics: Topics, foreigner: Foreigner, kafka_environ: dict[str, str]
) -> None:
    foreigner.write(topics.dead_letters, b"one")
    code = f"""
import sys
from sitemon.cli import dead_letters, main

def kept(message):
    raise ArithmeticError

dead_letters.kept = kept
sys.argv[1:] = {words.split()}
main.run(dead_letters.command)
"""
    environ = {**os.environ, **kafka_environ}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=40, check=False)
    assert done.returncode == 1
    assert b"ArithmeticError" in done.stderr
