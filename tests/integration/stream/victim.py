"""A process that publishes and writes down what it was promised, until it dies at a place that the test chose.

Its Kafka is a file to which an acknowledged record is appended. Usage: victim.py FOLDER PLACE
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sitemon.model.errors import UnreachableError
from sitemon.stream.producer import Delivery, Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.spool import Spool
from sitemon.stream.spool_folder import open_spool
from sitemon.stream.topics import Topics

TOPICS = Topics("t.results", "t.schedule", "t.dead-letters", "t.marks", "t.status")


class FileKafka:
    """The log of a Kafka that is a file; it is away when there is a file ``away``."""

    def __init__(self, folder: Path) -> None:
        self._away = folder / "away"
        self._log = folder / "kafka"

    def take(self, record: Record) -> bool:
        if self._away.exists():
            return False
        with self._log.open("ab") as log:
            log.write((record.value or b"") + b"\n")
        return True


class FileProducer:
    """A producer whose process may die before or after a record is in the log."""

    def __init__(self, kafka: FileKafka, place: str = "") -> None:
        self._kafka = kafka
        self._place = place

    @property
    def cluster(self) -> str:
        return ""

    def send(self, record: Record, timeout_s: float) -> Delivery:
        die_at("send", self._place)
        return FileDelivery(self._kafka, record, self._place)

    def close(self, timeout_s: float) -> list[Record]:
        return []


class FileDelivery:
    def __init__(self, kafka: FileKafka, record: Record, place: str) -> None:
        self._kafka = kafka
        self._record = record
        self._place = place
        self._is_taken = False

    def wait(self, timeout_s: float) -> bool:
        self._is_taken = self._is_taken or self._kafka.take(self._record)
        if self._is_taken:
            die_at("acknowledged", self._place)
        return self._is_taken


def die_at(place: str, chosen: str) -> None:
    """Die as by SIGKILL: nothing is flushed, closed or handed over."""
    if place == chosen:
        os._exit(9)


class DyingSpool(Spool):
    """A spool whose process may die around each change of the disk."""

    place = ""

    def append(
        self, records: Sequence[Record], on_kept: Callable[[range], None] = lambda _: None, *, share: float = 1.0
    ) -> range:
        die_at("before append", self.place)
        ids = super().append(records, on_kept, share=share)
        die_at("after append", self.place)
        return ids

    def remove(self, up_to_id: int) -> None:
        die_at("before remove", self.place)
        super().remove(up_to_id)
        die_at("after remove", self.place)


def a_publisher(folder: Path, place: str = "") -> Publisher:
    spool = open_spool(folder / "spool", 1 << 30, "servers")
    spool.__class__ = DyingSpool
    DyingSpool.place = place
    kafka = FileKafka(folder)

    def connect() -> FileProducer:
        if (folder / "away").exists():
            raise UnreachableError("away")
        return FileProducer(kafka, place)

    return Publisher(connect, spool, TOPICS, ack_timeout_s=0.1)


def main(folder: Path, place: str) -> None:
    publisher = a_publisher(folder, place)
    for number in range(int((folder / "from").read_text()), 1_000_000):
        publisher.publish([Record(TOPICS.schedule, b"k", b"%d" % number)])
        with (folder / "promised").open("a") as promised:
            promised.write(f"{number}\n")
        if number % 10 == 9:
            # Ten records are published to each kind of Kafka in turn.
            away = folder / "away"
            away.unlink() if away.exists() else away.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
