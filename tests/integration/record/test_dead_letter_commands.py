"""``sitemon dead-letters`` on Apache Kafka, with letters that a recorder wrote."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sitemon import clock
from sitemon.cli.dead_letters import command
from sitemon.config.servers import KafkaServer
from sitemon.local.ports import free_port
from sitemon.model.errors import UnreachableError
from sitemon.model.marks import Published, encode_mark
from sitemon.model.result import encode
from sitemon.model.schedule import Ended, encode_event
from sitemon.record.batch import Rejected
from sitemon.record.dead_letter_limit import DeadLetterLimit
from sitemon.record.dead_letters import DeadLetters
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.stream.consumer import KafkaConsumer, Message
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.databases import rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.results import a_result

GOOD = encode(a_result())
VALUES: list[bytes | None] = [b"\x00\xff junk", None, b'{"v":2}', b"x" * 70_000]

Run = Callable[..., Result]


@pytest.fixture
def topics(kafka_server: KafkaServer) -> Topics:
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server)


@pytest.fixture
def run(kafka_server: KafkaServer) -> Run:
    """Run the command on that Kafka, or on what is given."""

    def run_command(*words: str, server: str = str(kafka_server.client["bootstrap_servers"])) -> Result:
        environ = {"SITEMON_KAFKA_BOOTSTRAP_SERVERS": server, "SITEMON_KAFKA_TOPIC": kafka_server.topic}
        return CliRunner().invoke(command, words, env=environ, standalone_mode=False)

    return run_command


@pytest.fixture
def recorder(kafka_server: KafkaServer, topics: Topics, store: Database) -> Iterator[Running]:
    """A recorder at work."""
    with recorders() as started:
        consumer = KafkaConsumer(kafka_server, [topics.results], f"{topics.results}.recorder")
        running = Running(consumer, lambda: KafkaProducer(kafka_server), topics, store, DeadLetterLimit(1.0))
        started.append(running)
        yield running.start()


def send(server: KafkaServer, *records: Record) -> None:
    producer = KafkaProducer(server)
    assert send_all(producer, records, 10.0)
    producer.close(5.0)


def put_aside(server: KafkaServer, topics: Topics, *letters: tuple[str, bytes | None, str]) -> None:
    """Write dead letters, each of a topic, a value and a reason, as a recorder does."""
    box = DeadLetters(lambda: KafkaProducer(server), topics.dead_letters)
    rejected = [
        Rejected(Message(topic, 1, number, b"shop", value, 0), reason, "")
        for number, (topic, value, reason) in enumerate(letters)
    ]
    assert box.send(rejected, threading.Event())
    box.close()


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    done = run("list", "--json", *words)
    assert done.exception is None, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("recorder")
def test_what_a_recorder_put_aside_is_listed_and_shown(kafka_server: KafkaServer, topics: Topics, run: Run) -> None:
    send(kafka_server, *(Record(topics.results, b"shop\xff", value) for value in VALUES))
    wait_until(lambda: len(list(read_all(kafka_server, topics.dead_letters))) == len(VALUES), 60)
    found = listed(run)
    assert [one["reason"] for one in found] == ["not_a_result", "tombstone", "not_a_result", "too_large"]
    assert [one["value_bytes"] for one in found] == [len(value) if value is not None else None for value in VALUES]
    assert {(one["topic"], one["key"]) for one in found} == {(topics.results, None)}
    assert [one["offset"] for one in found] == sorted(one["offset"] for one in found)
    table = run("list").stdout
    assert [line.split()[0] for line in table.splitlines()] == ["number", *(one["number"] for one in found)]
    shown = run("show", found[0]["number"]).stdout
    assert "00000000  00 ff 20 6a 75 6e 6b" in shown
    assert f"came from  {topics.results} {found[0]['partition']}:{found[0]['offset']}" in shown
    assert json.loads(run("show", "--json", found[3]["number"]).stdout)["value"] == "x" * 70_000


def test_a_list_is_of_the_newest_and_of_the_reasons_that_are_asked_for(
    kafka_server: KafkaServer, topics: Topics, run: Run
) -> None:
    reasons = ["too_large", "tombstone", "not_a_result"]
    put_aside(kafka_server, topics, *((topics.results, b"%d" % n, reasons[n % 3]) for n in range(90)))
    assert [one["number"] for one in listed(run, "--limit", "2")] == ["0:88", "0:89"]
    assert [one["number"] for one in listed(run, "--reason", "tombstone", "--limit", "2")] == ["0:85", "0:88"]
    both = listed(run, "--reason", "tombstone", "--reason", "too_large", "--limit", "1000")
    assert len(both) == 60
    assert run("list", "--reason", "nothing").stdout == "no dead letters of reason nothing\n"


def test_without_dead_letters_it_says_so(topics: Topics, run: Run) -> None:
    assert (run("list").stdout, listed(run)) == ("no dead letters\n", [])
    nothing = run("retry", "--all")
    assert (nothing.return_value, nothing.stdout) == (0, "0 of 0 dead letters sent again\n")
    assert run("show", "0:5").return_value == 1


@pytest.mark.usefixtures("recorder")
def test_one_that_is_sent_again_is_recorded_once_however_often_it_is_sent(
    kafka_server: KafkaServer, topics: Topics, run: Run, conn: Connection
) -> None:
    put_aside(kafka_server, topics, (topics.results, GOOD, "unknown_version"))
    for _ in range(2):
        done = run("retry", "0:0")
        assert (done.return_value, done.stdout) == (0, "1 of 1 dead letters sent again\n")
    wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.results") == [(1,)], 60)
    send(kafka_server, Record(topics.results, b"shop", encode(a_result(minute=1))))
    wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.results") == [(2,)], 60)
    assert len(listed(run)) == 1


def test_one_that_is_bad_again_becomes_a_new_letter(
    kafka_server: KafkaServer, topics: Topics, run: Run, recorder: Running
) -> None:
    put_aside(kafka_server, topics, (topics.results, b"junk", "not_a_result"))
    assert run("retry", "--reason", "not_a_result").return_value == 0
    wait_until(lambda: len(listed(run)) == 2, 60)
    first, second = listed(run)
    assert (first["key"], first["value_bytes"]) == (second["key"], second["value_bytes"])
    assert second["topic"] == topics.results
    again = run("retry", "--all")
    assert again.stdout == "1 of 2 dead letters sent again, 1 copies of them left out\n"
    wait_until(lambda: len(listed(run)) == 3, 60)
    assert recorder.error is None


def test_what_cannot_be_sent_again_is_said_and_the_rest_is_sent(
    kafka_server: KafkaServer, topics: Topics, run: Run
) -> None:
    large = bytes(17 << 20)
    put_aside(
        kafka_server,
        topics,
        (topics.results, GOOD, "unknown_version"),
        (topics.results, None, "tombstone"),
        (topics.results, large, "too_large"),
        (topics.results, random.Random(1).randbytes(2 << 20), "too_large"),
    )
    done = run("retry", "--all")
    assert done.return_value == 1
    assert done.stdout == "1 of 4 dead letters sent again, 3 cannot be\n"
    lines = done.stderr.splitlines()
    assert lines[0] == "0:1 cannot be sent again: there is no value in it"
    assert "of its 17,825,792 bytes were kept" in lines[1]
    assert lines[2].startswith("0:3 cannot be sent again: too_large")
    # More than once, where one that Kafka never takes was sent beside it.
    assert {message.value for message in read_all(kafka_server, topics.results)} == {GOOD}


@pytest.mark.parametrize("words", [("--all",), ("--reason", "unknown_version")])
def test_an_event_of_the_schedule_or_a_mark_that_anybody_may_have_written_is_sent_only_by_its_number(
    kafka_server: KafkaServer, topics: Topics, run: Run, words: tuple[str, ...]
) -> None:
    forged = encode_event(Ended(site="shop", region="default", at_ms=1, token=2**62, sequence=1))
    mark = encode_mark(Published(publisher="host:1", up_to_ms=5, made=2))
    letters = [(topics.schedule, forged), (topics.results, GOOD), (topics.marks, mark)]
    put_aside(kafka_server, topics, *((topic, value, "unknown_version") for topic, value in letters))
    done = run("retry", *words)
    assert (done.return_value, done.stdout) == (1, "1 of 3 dead letters sent again\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"2 not sent, which say that they came from {topics.schedule} or {topics.marks}: ")
    assert line.endswith("sitemon dead-letters retry 0:0 0:2")
    assert [*read_all(kafka_server, topics.schedule), *read_all(kafka_server, topics.marks)] == []
    assert run("retry", "0:0", "0:2").stdout == "2 of 2 dead letters sent again\n"
    for topic, value in ((topics.schedule, forged), (topics.marks, mark)):
        assert [message.value for message in read_all(kafka_server, topic)] == [value]


def test_of_many_that_are_not_sent_a_few_are_named(kafka_server: KafkaServer, topics: Topics, run: Run) -> None:
    put_aside(kafka_server, topics, *((topics.schedule, b"%d" % number, "not_a_result") for number in range(30)))
    (line,) = run("retry", "--all").stderr.splitlines()
    assert line.startswith("30 not sent, ")
    assert line.endswith(" 0:18 0:19 …")


def test_numbers_that_are_not_there_are_said(kafka_server: KafkaServer, topics: Topics, run: Run) -> None:
    put_aside(kafka_server, topics, (topics.results, GOOD, "unknown_version"))
    done = run("retry", "0:0", "0:7", "3:1")
    assert (done.return_value, done.stdout) == (1, "1 of 1 dead letters sent again\n")
    assert done.stderr == "there are no dead letters 0:7, 3:1: sitemon dead-letters list\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("retry",), "say which: their numbers, or --reason, or --all"),
        (("retry", "0:1", "--all"), "say which: their numbers, or --reason, or --all"),
        (("retry", "1"), "'1' is no number of a dead letter, such as 0:41"),
        (("show", "a:b"), "'a:b' is no number of a dead letter, such as 0:41"),
    ],
)
def test_wrong_use_is_said_without_asking_kafka(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run(*words, server="127.0.0.1:1")
    assert str(getattr(done.exception, "message", "")) == said


@pytest.mark.parametrize("words", [("list",), ("show", "0:0"), ("retry", "--all"), ("retry", "0:0")])
def test_a_kafka_that_is_away_is_said_within_ten_seconds(run: Run, words: tuple[str, ...]) -> None:
    began_s = clock.monotonic_s()
    done = run(*words, server=f"127.0.0.1:{free_port()}")
    assert isinstance(done.exception, UnreachableError)
    assert clock.monotonic_s() - began_s < 10
