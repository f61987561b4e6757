"""What somebody else puts into Redis, as kombu reads it. By a worker: tests/acceptance/test_foreign_messages.py."""

import json
import logging
import zlib
from collections.abc import Iterator
from typing import Any

import kombu
import pytest
import redis
from kombu.transport import redis as redis_transport

from sitemon import clock
from sitemon.worker import redis_channel
from tests.celery_messages import SHOP, a_decimal, a_message

QUEUE = "checks.default"


@pytest.fixture(autouse=True)
def _channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_transport.Transport, "Channel", redis_channel.Channel)
    monkeypatch.setattr(redis_channel.Channel, "takes_compressed", False)
    redis_channel.install(takes_compressed=False)


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def taken(url: str) -> list[Any]:
    """Take what waits, up to the good message that is behind it."""
    found: list[Any] = []

    def note(body: Any, message: Any) -> None:
        found.append(body)
        message.ack()

    with kombu.Connection(url) as connection, connection.Consumer(kombu.Queue(QUEUE), callbacks=[note]):
        while SHOP not in found:
            connection.drain_events(timeout=5)
    return found


@pytest.mark.parametrize(
    "bad",
    [
        *("garbage", "{}", "[]", "null", "[" * 100_000, '{"a":', "\udcff"),
        *(json.dumps({"body": "x", "headers": {}}), json.dumps({"body": 5, "properties": {}, "headers": None})),
        *(a_message(properties={"delivery_tag": tag}) for tag in (None, ["x"], "\ud800")),
        *(a_message(properties={"delivery_info": info}) for info in (None, 5, {"exchange": ""})),
        *(a_message(properties={"body_encoding": how}) for how in ("nope", ["x"])),
        a_message(headers={"any": {"__type__": "nope", "__value__": 1}}),
        a_message(headers={"any": a_decimal("1E+1000000")}),
        a_message(zlib.compress(json.dumps(SHOP).encode()), headers={"compression": "application/x-gzip"}),
    ],
    ids=lambda message: message[:40],
)
def test_what_is_no_message_is_dropped_and_the_next_one_is_taken(
    broker: redis.Redis, redis_url: str, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker.lpush(QUEUE, bad.encode(errors="surrogateescape"))
    broker.lpush(QUEUE, a_message())
    assert taken(redis_url) == [SHOP]
    assert broker.keys("*") == []
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said.startswith("worker.message_dropped: ")
    assert len(said) < 300


def test_a_consumer_that_fails_has_the_message_no_more(broker: redis.Redis, redis_url: str) -> None:
    def fail(body: Any, _: Any) -> None:
        raise KeyError(body)

    broker.lpush(QUEUE, a_message())
    with kombu.Connection(redis_url) as connection, connection.Consumer(kombu.Queue(QUEUE), callbacks=[fail]):
        connection.drain_events(timeout=5)
        assert broker.hlen("unacked") == 0
    assert broker.llen(QUEUE) == 0


def test_a_lost_connection_is_no_fault_of_the_message(broker: redis.Redis, redis_url: str) -> None:
    def lose(*_: Any) -> None:
        raise redis.ConnectionError("it is away")

    broker.lpush(QUEUE, a_message())
    with kombu.Connection(redis_url) as connection, connection.Consumer(kombu.Queue(QUEUE), callbacks=[lose]):
        with pytest.raises(redis.ConnectionError):
            connection.drain_events(timeout=5)
        assert broker.hlen("unacked") == 1


def test_where_messages_are_sent_compressed_they_are_taken(
    broker: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel.Channel, "takes_compressed", True)
    packed = zlib.compress(json.dumps(SHOP).encode())
    broker.lpush(QUEUE, a_message(packed, headers={"compression": "application/x-gzip"}))
    assert taken(redis_url) == [SHOP]


def test_what_a_dead_worker_had_in_hand_comes_back_though_other_things_are_among_it(
    broker: redis.Redis, redis_url: str
) -> None:
    good = json.dumps([json.loads(a_message()), "", QUEUE])
    for number, entry in enumerate(["garbage", "[]", "5", *["{}"] * 20, good]):
        broker.hset("unacked", str(number), entry)
        broker.zadd("unacked_index", {str(number): clock.now_ms() / 1_000 - 7_200 - number})
    with kombu.Connection(redis_url) as connection:
        channel: Any = connection.default_channel
        for _ in range(3):
            channel.qos.restore_visible(interval=1)
    assert broker.llen(QUEUE) == 1
    assert broker.keys("unacked*") == []
