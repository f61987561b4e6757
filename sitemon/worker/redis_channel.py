"""kombu's Redis channel, which has to end well when its connection is gone."""

from typing import Any

import redis
from kombu.transport import redis as redis_transport


class Channel(redis_transport.Channel):
    """Says that its connection is closed in a way that kombu and Celery know.

    When Redis goes away, Celery closes the connection and then its channel, which wants to give unacknowledged messages
    back, and late acknowledgements come to it too. By then the channel has no connection left, and kombu (5.7.0) fails
    with an AttributeError that nobody expects: the worker died of it. Messages that were not given back return by
    their visibility timeout.
    """

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection.client is None:
            raise redis.ConnectionError("the channel's connection is closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]  # kombu-stubs does not know it


def install() -> None:
    """Make kombu's Redis transport use this channel in this process."""
    redis_transport.Transport.Channel = Channel
