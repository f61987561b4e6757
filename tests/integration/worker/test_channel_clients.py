"""By which client a worker's channel asks Redis: to make one for each question took as long as to ask."""

from typing import Any

import kombu
import pytest
from kombu.transport import redis as redis_transport

from sitemon.worker import redis_channel


def test_it_is_one_until_its_connections_are_closed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_transport.Transport, "Channel", redis_channel.Channel)
    with kombu.Connection(redis_url) as connection:
        channel: Any = connection.channel()
        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert first is second
        channel._disconnect_pools()  # as kombu does where a connection is lost
        with channel.conn_or_acquire() as third:
            assert third is not first
            assert third.ping()
