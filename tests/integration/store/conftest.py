"""Fixtures: databases for these tests."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.account import light
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.schedule import Notice, write_notices
from sitemon.store.write import prepare_session
from tests.databases import conn, names, owner, template

__all__ = ["conn", "names", "owner", "template"]

WriteNotices = Callable[..., None]
HOUR_MS = 3_600_000


@pytest.fixture
def write(conn: Connection, names: Names) -> WriteNotices:
    """Write what leaders and publishers said, in one batch, and make rows of what is no longer dark."""

    def write_it(*notices: Notice) -> None:
        write_notices(conn, names, notices)
        while light(conn, HOUR_MS):
            pass

    return write_it


@pytest.fixture
def another(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Connection]:
    """A second connection of the recorder's role."""
    with closing(connect(postgres_server, owner, application_name="test")) as conn:
        prepare_session(conn)
        yield conn
