"""Publishing processes that are killed, that fork, that end: what they were promised arrives."""

import subprocess
import sys
from pathlib import Path

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.local.kafka import Kafka
from sitemon.model.marks import Published, decode_mark
from sitemon.stream.process_publisher import publisher
from sitemon.stream.reading import read_all
from sitemon.stream.topics import topics_of
from tests.integration.stream.conftest import eventually, everything_in, frozen, is_spool_empty

ROOT = Path(__file__).parents[3]


def start(server: KafkaServer, choices: Settings, mode: str) -> subprocess.Popen[str]:
    """Start tests/integration/stream/worker.py."""
    place = [server.client["bootstrap_servers"], server.topic, str(choices.spool_dir)]
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "tests.integration.stream.worker", *place, mode]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def promises(output: str) -> set[tuple[str, int]]:
    """Return what a worker says it was promised; a line that was cut by its death is none."""
    lines = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {(key, int(number)) for key, number in lines}


def arrived(server: KafkaServer, count: int) -> set[tuple[str, int]]:
    found = everything_in(server, topics_of(server).schedule, count)
    return {((message.key or b"").decode(), int(message.value or b"-1")) for message in found}


def test_a_process_killed_during_an_outage_leaves_its_records_to_the_next(
    own_kafka: Kafka, server: KafkaServer, choices: Settings
) -> None:
    with start(server, choices, "endless") as worker:
        assert worker.stdout is not None
        said = "".join(worker.stdout.readline() for _ in range(100))
        with frozen(own_kafka):
            eventually(lambda: not is_spool_empty(choices))
            said += "".join(worker.stdout.readline() for _ in range(300))
            worker.kill()
            said += worker.communicate()[0]
    assert not is_spool_empty(choices)
    successor = publisher(server, choices)
    eventually(lambda: is_spool_empty(choices))
    successor.close(5.0)
    promised = promises(said)
    assert len(promised) >= 400
    assert promised <= arrived(server, len(promised))


def test_a_process_killed_at_any_moment_has_promised_nothing_that_is_missing(
    server: KafkaServer, choices: Settings
) -> None:
    with start(server, choices, "endless") as worker:
        assert worker.stdout is not None
        said = "".join(worker.stdout.readline() for _ in range(200))
        worker.kill()
        said += worker.communicate()[0]
    successor = publisher(server, choices)
    eventually(lambda: is_spool_empty(choices))
    successor.close(5.0)
    promised = promises(said)
    assert promised <= arrived(server, len(promised))


def test_parent_and_forked_child_publish_each_for_itself_and_end_quietly(
    server: KafkaServer, choices: Settings
) -> None:
    worker = start(server, choices, "fork")
    said, complaints = worker.communicate(timeout=60)
    assert (worker.returncode, complaints) == (0, "")
    wanted = {("parent", n) for n in range(51)} | {("child", n) for n in range(50)}
    assert promises(said) == wanted
    assert arrived(server, len(wanted)) == wanted


def test_parent_and_forked_child_tell_marks_each_for_itself_and_a_last_one(
    server: KafkaServer, choices: Settings
) -> None:
    worker = start(server, choices, "marks")
    complaints = worker.communicate(timeout=60)[1]
    assert (worker.returncode, complaints) == (0, "")
    told: dict[str, list[tuple[int, bool]]] = {}
    for message in read_all(server, topics_of(server).marks):
        mark = decode_mark(message.value or b"")
        assert isinstance(mark, Published)
        told.setdefault(mark.publisher, []).append((mark.made, mark.is_last))
    assert sorted(marks[-1] for marks in told.values()) == [(1, True), (3, True)]
    assert all(not is_last for marks in told.values() for _, is_last in marks[:-1])
    assert all(len(marks) > 1 for marks in told.values())
