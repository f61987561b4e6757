"""Fixtures for every tier: a clean environment, and one local stack for the run, its parts started when asked for.

A test that kills a part takes a `Stack` of its own: these are shared.
"""

import itertools
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
import redis
from kafka.net.inet import KafkaNetSocket

from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.local.kafka import Kafka, KafkaProtocolPart
from sitemon.local.kafka_files import find_jars
from sitemon.local.part import MissingToolError, Part
from sitemon.local.postgres import Postgres
from sitemon.local.stack import Stack
from sitemon.local.valkey import Valkey

PartT = TypeVar("PartT", bound=Part)


class KafkaPythonSocket(socket.socket):
    """A socket of kafka-python, which leaves those of an aborted connect to the garbage collector.

    pyproject.toml lets pass a leaked one by this name, and nobody else's.
    """


def _kafka_python_socket(_: KafkaNetSocket, *args: int) -> socket.socket:
    return KafkaPythonSocket(*args)


KafkaNetSocket.socket = _kafka_python_socket
_redis_databases = itertools.cycle(range(1, Valkey.databases))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no configuration but its own."""
    ours = [name for name in os.environ if name.startswith("SITEMON_")]
    for name in (*ours, "CONF_DIR", "CELERY_CONFIG_MODULE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The local stack of this run, of which no part is started yet. It ends with pytest, also after SIGKILL."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.down()


@pytest.fixture(scope="session")
def postgres(stack: Stack) -> Postgres:
    """PostgreSQL, started. The tests of the store make their databases in it."""
    return started(stack.postgres)


@pytest.fixture(scope="session")
def postgres_server(postgres: Postgres) -> PostgresServer:
    """Where the started PostgreSQL is."""
    return postgres.server


@pytest.fixture(scope="session")
def admin(postgres: Postgres) -> Credentials:
    """The superuser of the started PostgreSQL."""
    return postgres.admin


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The jars of Apache Kafka: what runs with them is never Tansu, which keeps nothing."""
    try:
        return find_jars()
    except MissingToolError as exc:
        lack(exc)


@pytest.fixture(scope="session")
def kafka(stack: Stack, kafka_jars: Path) -> KafkaProtocolPart:
    """Apache Kafka, started."""
    assert isinstance(stack.kafka, Kafka)
    return started(stack.kafka)


@pytest.fixture
def kafka_server(kafka: KafkaProtocolPart) -> KafkaServer:
    """The started Apache Kafka with topic names that no other test has."""
    address = f"127.0.0.1:{kafka.port}"
    return KafkaServer(client={"bootstrap_servers": address}, topic=f"t{uuid.uuid4().hex}.results", partitions=3)


@pytest.fixture(scope="session")
def valkey(stack: Stack) -> Valkey:
    """Redis (Valkey), started."""
    return started(stack.redis)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty Redis database that no other test uses at this time."""
    url = valkey.url(next(_redis_databases))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    """A folder for a stack of the test's own."""
    return tmp_path / "stack"


def started(part: PartT) -> PartT:
    """Start a part, or skip the test with what to install."""
    try:
        part.start()
    except MissingToolError as exc:
        lack(exc)
    return part


def lack(exc: MissingToolError) -> NoReturn:
    """Skip a test for what this machine lacks; in CI that is an error."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(exc), pytrace=False)
    pytest.skip(str(exc))
