"""For how long messages are in hand is counted by Redis's clock, however wrong that of a worker's machine is."""

import uuid
from typing import Any

import kombu
import pytest
import redis

from sitemon import clock
from sitemon.worker import redis_channel

VISIBILITY_S = 30


def test_a_worker_whose_clock_is_ahead_takes_nothing_out_of_the_hands_of_another(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_channel.install(takes_compressed=False)
    queue, options = f"checks.{uuid.uuid4().hex}", {"visibility_timeout": VISIBILITY_S}
    right_s = clock.monotonic_s
    with (
        kombu.Connection(redis_url, transport_options=options) as one,
        kombu.Connection(redis_url, transport_options=options) as other,
        redis.Redis.from_url(redis_url) as broker,
    ):
        kombu.Producer(one, routing_key=queue).publish("slots", declare=[kombu.Queue(queue)])
        has: Any = one.channel()
        tag = has.basic_get(queue).delivery_tag
        began_s = broker.zscore("unacked_index", tag)
        assert began_s == pytest.approx(broker.time()[0], abs=5)
        wants: Any = other.channel()
        monkeypatch.setattr(clock, "monotonic_s", lambda: right_s() + 2 * VISIBILITY_S)
        wants.qos.restore_visible(interval=1)
        assert wants.basic_get(queue) is None
        broker.zadd("unacked_index", {tag: began_s - 2 * VISIBILITY_S})
        wants.qos.restore_visible(interval=1)
        taken = wants.basic_get(queue)
        assert taken.payload == "slots"
        taken.ack()
