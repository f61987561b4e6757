"""A server that refuses us is told from one that is away, in its own words, and soon."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.stream.client import quiet_kafka_loggers
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.follower import Follower
from sitemon.stream.ping import ping_kafka, wait_for_kafka
from sitemon.stream.process_publisher import publisher
from sitemon.stream.producer import KafkaProducer, Record
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.secure_kafka import RIGHT, SecureKafka, login

TAKEN: dict[str, Callable[[SecureKafka], KafkaServer]] = {
    "plain": lambda k: k.server("PLAINTEXT"),
    "tls with a client certificate": lambda k: k.server("SSL", **k.tls),
    "sasl plain": lambda k: k.server("SASL_PLAINTEXT", **login()),
    "sasl scram over tls": lambda k: k.server(
        "SASL_SSL", ssl_cafile=str(k.authority), **login(mechanism="SCRAM-SHA-256")
    ),
}

REFUSED: dict[str, tuple[Callable[[SecureKafka], KafkaServer], str]] = {
    "wrong password": (
        lambda k: k.server("SASL_PLAINTEXT", **login("wrong")),
        "Authentication failed: Invalid username or password",
    ),
    "wrong scram password": (
        lambda k: k.server("SASL_SSL", ssl_cafile=str(k.authority), **login("wrong", mechanism="SCRAM-SHA-256")),
        "invalid credentials with SASL mechanism SCRAM-SHA-256",
    ),
    "unknown mechanism": (
        lambda k: k.server("SASL_PLAINTEXT", **login(mechanism="SCRAM-SHA-512")),
        "does not support the requested SASL mechanism",
    ),
    "no client certificate": (lambda k: k.server("SSL", ssl_cafile=str(k.authority)), "certificate"),
    "another authority's client certificate": (
        lambda k: k.server("SSL", **k.tls | dict.fromkeys(("ssl_certfile", "ssl_keyfile"), str(k.other_client_keys))),
        "alert certificate unknown",
    ),
    "another authority's server": (
        lambda k: k.server("SSL", **k.tls | {"ssl_cafile": str(k.other_authority)}),
        "certificate verify failed",
    ),
    "a ca file that is not there": (
        lambda k: k.server("SSL", **k.tls | {"ssl_cafile": "/nowhere/ca.pem"}),
        "a TLS file cannot be read: No such file or directory",
    ),
    "plain to tls": (lambda k: k.server("PLAINTEXT", "SSL"), "speaks TLS, security_protocol is PLAINTEXT"),
    "tls to plain": (lambda k: k.server("SSL", "PLAINTEXT", **k.tls), "does not speak TLS, security_protocol is SSL"),
    "plain to sasl": (lambda k: k.server("PLAINTEXT", "SASL_PLAINTEXT"), "it may want SASL"),
    "sasl to plain": (
        lambda k: k.server("SASL_PLAINTEXT", "PLAINTEXT", **login()),
        "not valid given the current SASL state",
    ),
    "sasl to sasl over tls": (
        lambda k: k.server("SASL_PLAINTEXT", "SASL_SSL", **login()),
        "speaks TLS, security_protocol is SASL_PLAINTEXT",
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_server_that_takes_us_is_found(secure: SecureKafka, case: str) -> None:
    assert wait_for_kafka(TAKEN[case](secure))


@pytest.mark.parametrize("case", TAKEN)
def test_and_takes_records_the_same_way(secure: SecureKafka, case: str) -> None:
    server = TAKEN[case](secure)
    ensure_topics(server, retention_days=1)
    producer = KafkaProducer(server)
    assert producer.send(Record(topics_of(server).marks, b"k", b"v"), 5.0).wait(10.0)
    producer.close(5.0)


@pytest.mark.parametrize("case", ["sasl plain", "sasl scram over tls"])
def test_no_client_writes_the_password_to_a_log_at_debug(
    secure: SecureKafka, case: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEMON_LOG_LEVEL", "DEBUG")
    caplog.set_level(logging.DEBUG)
    server = TAKEN[case](secure)
    topics = topics_of(server)
    try:
        ensure_topics(server, retention_days=1)
        with closing(KafkaConsumer(server, [topics.results], "debugging")) as consumer:
            consumer.poll(1.0, 10)
        with closing(Follower(server, [topics.marks], {})) as follower:
            follower.poll(1.0, 10)
        KafkaProducer(server).close(5.0)
    finally:
        monkeypatch.delenv("SITEMON_LOG_LEVEL")
        quiet_kafka_loggers()
    assert "kafka.coordinator" in {record.name for record in caplog.records if record.levelno == logging.DEBUG}
    assert RIGHT not in caplog.text


@pytest.mark.parametrize("case", REFUSED)
def test_a_server_that_refuses_us_says_why_in_one_line(secure: SecureKafka, case: str) -> None:
    describe, why = REFUSED[case]
    began_s = clock.monotonic_s()
    with pytest.raises(RefusedError) as caught:
        wait_for_kafka(describe(secure))
    assert clock.monotonic_s() - began_s < 10
    said = str(caught.value)
    assert why in said
    assert said.startswith("127.0.0.1:")
    assert "\n" not in said
    assert "wrong" not in said


def test_missing_topics_that_we_may_not_create_are_named(secure: SecureKafka) -> None:
    described = secure.server("SASL_PLAINTEXT", **login(user="guest"))
    server = KafkaServer(client=described.client, topic="guest.results")
    with pytest.raises(RefusedError, match="cannot be created") as caught:
        ensure_topics(server, retention_days=1)
    assert all(topic in str(caught.value) for topic in topics_of(server))


def test_a_publisher_that_is_refused_keeps_records_and_says_the_servers_words(
    secure: SecureKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = publisher(secure.server("SASL_PLAINTEXT", **login("wrong")), Settings(spool_dir=tmp_path))
    refused.publish([Record("sitemon.marks", b"k", b"v")])
    refused.close(2.0)
    (entry,) = (entry for entry in caplog.records if entry.name.startswith("sitemon"))
    assert entry.message.startswith("kafka.away: ")
    assert "Invalid username or password" in entry.message


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_port_where_nobody_listens_is_away(protocol: str) -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        ping_kafka(KafkaServer(client={"bootstrap_servers": "127.0.0.1:1", "security_protocol": protocol}))


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_proxy_that_closes_every_connection_is_away(protocol: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        thread = threading.Thread(target=_close_whoever_comes, args=[proxy])
        thread.start()
        server = KafkaServer(
            client={"bootstrap_servers": f"127.0.0.1:{proxy.getsockname()[1]}", "security_protocol": protocol}
        )
        with pytest.raises(UnreachableError):
            ping_kafka(server)
        proxy.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_one_of_several_servers_is_enough(kafka_server: KafkaServer) -> None:
    there = kafka_server.client["bootstrap_servers"]
    ping_kafka(KafkaServer(client={"bootstrap_servers": ["127.0.0.1:1", there]}))


def test_a_server_that_is_away_is_waited_for_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    timer = threading.Timer(2.5, stop.set)
    timer.start()
    assert not wait_for_kafka(KafkaServer(client={"bootstrap_servers": "127.0.0.1:1"}), stop)
    timer.join()
    said = [entry.message for entry in caplog.records]
    assert said == ["kafka.waiting: no server answers yet: 127.0.0.1:1: [Errno 111] Connection refused"]


def _close_whoever_comes(proxy: socket.socket) -> None:
    while True:
        try:
            connection, _ = proxy.accept()
        except OSError:
            return
        connection.close()
