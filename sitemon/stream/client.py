"""How every client of Kafka is made: what the configuration says, our defaults, and quiet loggers."""

import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from sitemon.config.servers import KafkaServer
from sitemon.stream.errors import kafka_errors

_DEFAULTS: Final[dict[str, Any]] = {
    "client_id": "sitemon",
    "bootstrap_timeout_ms": 10_000,
    # Kafka is back within seconds of a restart; the library's 30 s would leave the spool to grow meanwhile.
    "reconnect_backoff_max_ms": 2_000,
}

_DISCREET: Final = ("kafka.cluster", "kafka.coordinator", "kafka.net.manager")
"""Loggers that may speak at DEBUG. Others write the whole configuration there, or each request, SASL's among them."""


def arguments(server: KafkaServer, **ours: object) -> dict[str, Any]:
    """Return kafka-python's arguments: our defaults, then the configuration, then what the caller must have."""
    return {**_DEFAULTS, **server.client, **ours}


@contextlib.contextmanager
def client_of(kind: Any, server: KafkaServer, *topics: str, **ours: object) -> Iterator[Any]:
    """Make a client for the length of the block; a consumer is made of its topics.

    Raises UnreachableError when no server answers, and whatever else `kafka_errors` makes of the block's errors.
    """
    quiet_kafka_loggers()
    with kafka_errors(), closing(kind(*topics, **arguments(server, **ours))) as client:
        yield client


def quiet_kafka_loggers() -> None:
    """Turn kafka-python's loggers down, unless SITEMON_LOG_LEVEL is DEBUG.

    It logs an error for each try to reach a server that is away, several a second and for each connection. What
    a person needs of it, that Kafka is away, why, and that it is back, we say once a change.
    """
    is_wanted = os.environ.get("SITEMON_LOG_LEVEL", "").upper() == "DEBUG"
    logging.getLogger("kafka").setLevel(logging.INFO if is_wanted else logging.CRITICAL)
    for name in _DISCREET:
        logging.getLogger(name).setLevel(logging.DEBUG if is_wanted else logging.NOTSET)
