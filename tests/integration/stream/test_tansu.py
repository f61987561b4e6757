"""Tansu, which stands in for Kafka where that cannot be had, takes the same producer, topics and consumer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.local.tansu import Tansu
from sitemon.stream.ping import wait_for_kafka
from sitemon.stream.process_publisher import publisher
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.conftest import started
from tests.integration.stream.conftest import event, everything_in


@pytest.fixture
def tansu(tmp_path: Path) -> Iterator[KafkaServer]:
    broker = started(Tansu(tmp_path))
    yield KafkaServer(client={"bootstrap_servers": f"127.0.0.1:{broker.port}"}, partitions=2)
    broker.kill()


def test_records_go_through_it_as_through_kafka(tansu: KafkaServer, tmp_path: Path) -> None:
    assert wait_for_kafka(tansu)
    ensure_topics(tansu, retention_days=1)
    ensure_topics(tansu, retention_days=1)
    sender = publisher(tansu, Settings(spool_dir=tmp_path / "spool"))
    sender.publish([event(tansu, f"k{number % 3}", number) for number in range(30)])
    sender.close(5.0)
    schedule = topics_of(tansu).schedule
    # It answers each joining of a group after 8 s, and may let a member join ten times.
    found = everything_in(tansu, schedule, 30, within_s=240.0)
    assert [message.value for message in found] == [b"%d" % n for n in range(30)]
    assert [message.value for message in read_all(tansu, schedule)] == [b"%d" % n for n in range(30)]
