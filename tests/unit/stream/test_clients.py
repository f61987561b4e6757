"""What every client of Kafka is made of."""

import logging
from collections.abc import Iterator

import pytest

from sitemon.config.servers import KafkaServer
from sitemon.stream.client import arguments, quiet_kafka_loggers


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    names = ("kafka", "kafka.cluster", "kafka.coordinator", "kafka.net.manager")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_the_configuration_overrides_our_defaults_and_nothing_overrides_what_must_be() -> None:
    server = KafkaServer(client={"bootstrap_servers": "kafka:9092", "client_id": "theirs", "acks": 0})
    made = arguments(server, acks="all")
    assert (made["bootstrap_servers"], made["client_id"], made["acks"]) == ("kafka:9092", "theirs", "all")
    assert arguments(KafkaServer(client={}))["client_id"] == "sitemon"


def test_kafkas_own_loggers_are_quiet() -> None:
    quiet_kafka_loggers()
    assert not logging.getLogger("kafka.net.manager").isEnabledFor(logging.ERROR)


def test_they_speak_when_debugging_but_not_of_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEMON_LOG_LEVEL", "debug")
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logging.getLogger()._cache.clear()  # type: ignore[attr-defined] # what setLevel does, which monkeypatch does not
    quiet_kafka_loggers()
    assert logging.getLogger("kafka.net.manager").isEnabledFor(logging.DEBUG)
    for other in ("admin.client", "net.connection", "net.sasl.scram", "protocol.parser", "whatever.comes.next"):
        assert not logging.getLogger(f"kafka.{other}").isEnabledFor(logging.DEBUG)
