"""Fixtures: databases for these tests."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from sitemon.store.write import prepare_session
from tests.databases import conn, names, owner, template

__all__ = ["conn", "names", "owner", "template"]


@pytest.fixture
def another(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Connection]:
    """A second connection of the recorder's role."""
    with closing(connect(postgres_server, owner, application_name="test")) as conn:
        prepare_session(conn)
        yield conn
