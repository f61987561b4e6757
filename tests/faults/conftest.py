"""One stack for the run, whose servers the scenarios break and heal."""

import itertools
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.local.kafka_files import find_jars
from sitemon.local.part import MissingToolError
from sitemon.local.sample import SampleServer
from sitemon.local.stack import Stack
from sitemon.local.valkey import Valkey
from tests.conftest import lack, started
from tests.faults.scene import Scene

_redis_databases = itertools.cycle(range(1, Valkey.databases))


@pytest.fixture(scope="session")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a site that is well."""
    server = SampleServer(tmp_path_factory.mktemp("sample"))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        find_jars()
    except MissingToolError as exc:
        lack(exc)
    stack = Stack(tmp_path_factory.mktemp("faults"))
    yield stack
    stack.down()


@pytest.fixture
def servers(_servers: Stack) -> Stack:
    """A stack that a scenario may break. A part that one left down is the next one's to start."""
    for part in _servers.parts:
        if part.is_alive:
            os.kill(part.pid, signal.SIGCONT)
        started(part)
    return _servers


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path, servers: Stack, page_url: str) -> Iterator[Scene]:
    """A scenario's stage: a database, topics and a Redis database of its own, and no process of ours yet."""
    scene = Scene(request.node.name, tmp_path, servers, page_url)
    # The short form does not wait until the account is closed.
    scene.is_audited = request.node.get_closest_marker("faults") is not None
    name = f"faults_{uuid.uuid4().hex}"
    scene.extra |= {
        "SITEMON_DB_USER": name,
        "SITEMON_DB_DATABASE": name,
        "SITEMON_KAFKA_TOPIC": f"{name}.results",
        "SITEMON_KAFKA_PARTITIONS": "4",
        "SITEMON_REDIS_URL": servers.redis.url(next(_redis_databases)),
    }
    yield scene
    scene.pipeline.down()
