"""The publisher that a process has: made of its configuration, and closed when the interpreter exits."""

import atexit
import functools
import os
from typing import Final

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.per_process import once_per_process
from sitemon.stream.ping import ping_kafka, servers_of
from sitemon.stream.producer import KafkaProducer, Producer
from sitemon.stream.publisher import ACK_TIMEOUT_S, Publisher
from sitemon.stream.spool_folder import at_servers, open_spool
from sitemon.stream.topics import topics_of

_AT_EXIT_S: Final = 8.0


@once_per_process
def publisher_of_this_process(
    server: KafkaServer, settings: Settings, *, ack_timeout_s: float = ACK_TIMEOUT_S
) -> Publisher:
    """Return this process's publisher. It is closed when the interpreter exits, after the threads of all pools ended.

    Raises ConfigurationError when the spool's folder cannot be used.
    """
    ours = publisher(server, settings, ack_timeout_s=ack_timeout_s)
    atexit.register(_close_at_exit, os.getpid(), ours)
    return ours


def publisher(server: KafkaServer, settings: Settings, *, ack_timeout_s: float = ACK_TIMEOUT_S) -> Publisher:
    """Make a publisher for Kafka. Raises ConfigurationError when the spool's folder cannot be used."""
    # A folder for each topic: another installation's records must not wait here for a topic that is not there.
    folder, destination = settings.spool_dir / server.topic, at_servers(servers_of(server))
    spool = open_spool(folder, settings.spool_max_bytes, destination)
    return Publisher(functools.partial(_connect, server), spool, topics_of(server), ack_timeout_s=ack_timeout_s)


def _connect(server: KafkaServer) -> Producer:
    ping_kafka(server)  # it knows why, where the producer only knows that it could not
    return KafkaProducer(server)


def _close_at_exit(pid: int, ours: Publisher) -> None:
    """Close the publisher, unless a forked child that inherited it is what exits."""
    if pid == os.getpid():
        ours.close(_AT_EXIT_S)
