"""What one Kafka's workers keep on a disk goes to that Kafka, whoever else keeps something in the same folder."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.stream.in_memory import MemoryBroker
from sitemon.stream.spool_folder import open_spool
from tests.unit.stream.conftest import SERVERS, TOPICS, Rig, event, eventually


@pytest.fixture
def other(rig: Rig) -> Iterator[Rig]:
    """Another Kafka, under the same address and with the same topics, of the same user."""
    other = Rig(rig.folder)
    other.broker = MemoryBroker(TOPICS, cluster="other")
    yield other
    other.broker.start()
    other.close()


def leave_behind(rig: Rig, number: int, *, was_reached: bool) -> Path:
    """Let a process die with a record in the spool; return the file."""
    before = set(rig.folder.glob("*.db"))
    if not was_reached:
        rig.connect_errors += [UnreachableError("away")] * 10
    publisher = rig.publisher()
    if was_reached:
        publisher.publish([event()])
        eventually(lambda: "cluster" in publisher._spool.destination)
        rig.broker.stop()
    publisher.publish([event(number=number)])
    publisher.close(0.1)
    (file,) = set(rig.folder.glob("*.db")) - before
    return file


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that look at a file in the same moment, one sees that it is held, and looks again later."""
    monkeypatch.setattr("sitemon.stream.drain._ABANDONED_EVERY_S", 0.05)


def test_what_is_left_for_one_cluster_waits_for_it_and_that_is_said_once(
    rig: Rig, other: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    file = leave_behind(rig, 77, was_reached=True)
    publisher = other.publisher()
    publisher.publish([event(number=1)])
    eventually(lambda: "drain.of_others" in caplog.text)
    looked_at_s = publisher._drain._looked_at_s
    eventually(lambda: publisher._drain._looked_at_s > looked_at_s)
    assert other.values() == [b"1"]
    assert f"{file}: 1 records wait for cluster memory, not cluster other" in caplog.text
    assert caplog.text.count("drain.of_others") == 1
    rig.broker.start()
    rig.publisher()
    eventually(lambda: rig.values()[-1:] == [b"77"])
    eventually(lambda: not file.exists())


def test_a_process_that_begins_while_its_kafka_is_away_does_not_take_over_what_may_be_anothers(
    rig: Rig, other: Rig
) -> None:
    leave_behind(rig, 77, was_reached=True)
    other.connect_errors.append(UnreachableError("away"))
    publisher = other.publisher()
    publisher.publish([event(number=1)])
    eventually(lambda: other.values() == [b"1"])
    rig.broker.start()
    rig.publisher()
    eventually(lambda: rig.values()[-1:] == [b"77"])
    assert other.values() == [b"1"]


def test_what_was_left_before_kafka_was_ever_reached_goes_to_who_has_the_same_servers(rig: Rig) -> None:
    leave_behind(rig, 77, was_reached=False)
    strange = open_spool(rig.folder, 1 << 20, "servers elsewhere:9092")
    assert strange.waiting == 0
    strange.close()
    rig.connect_errors.clear()
    rig.publisher()
    eventually(lambda: rig.values() == [b"77"])


def test_what_is_left_of_a_version_that_said_no_destination_is_published(rig: Rig) -> None:
    file = leave_behind(rig, 77, was_reached=True)
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TABLE destination")
    rig.broker.start()
    rig.publisher()
    eventually(lambda: rig.values()[-1:] == [b"77"])


def test_who_begins_again_and_again_while_kafka_is_away_keeps_one_file(rig: Rig) -> None:
    rig.connect_errors += [UnreachableError("away")] * 10
    for number in range(3):
        publisher = rig.publisher()
        publisher.publish([event(number=number)])
        publisher.close(0.1)
    assert [file.name for file in rig.folder.glob("*.db")] == ["spool-0.db"]
    with closing(open_spool(rig.folder, 1 << 20, SERVERS)) as spool:
        assert [item.record.value for item in spool.read(10)] == [b"0", b"1", b"2"]
