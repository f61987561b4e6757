"""Fixtures: a database with what alerts need, and a receiver of alerts."""

from collections.abc import Iterator

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from tests.databases import conn, names, owner, template
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.running import Connect
from tests.integration.alert.scene import Scene

__all__ = ["conn", "names", "owner", "template"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes alerts, and answers as a test tells it to."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def scene(conn: Connection, receiver: Receiver) -> Scene:
    """A site whose rows a test writes, and an alerter that tells the receiver."""
    return Scene(conn, receiver)


@pytest.fixture
def connect_it(postgres_server: PostgresServer, owner: Credentials) -> Connect:
    """How an alerter of a test connects."""
    return lambda: connect(postgres_server, owner, application_name="test")
