"""Fixtures: a story over a database of its own, and a receiver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection
from tests.databases import conn, environment_of, owner, template
from tests.integration.alert.receiver import Receiver
from tests.scenarios.story import Story

__all__ = ["conn", "owner", "template"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes alerts, and answers as a test tells it to."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def database(postgres_server: PostgresServer, owner: Credentials) -> dict[str, str]:
    """What the environment of a process says of the story's database."""
    return environment_of(postgres_server, owner)


@pytest.fixture
def story(conn: Connection, receiver: Receiver, tmp_path: Path) -> Story:
    """A story at its beginning."""
    return Story(conn, receiver, tmp_path)
