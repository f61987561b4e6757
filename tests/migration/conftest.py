"""Fixtures: databases for these tests."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from tests.databases import as_admin, conn, names, owner, run, template

__all__ = ["conn", "names", "owner", "template"]


@pytest.fixture
def empty(postgres_server: PostgresServer, admin: Credentials) -> Iterator[Credentials]:
    """The administrator in a database with nothing in it."""
    name = f"empty-{uuid.uuid4().hex[:8]}"
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=name)
        yield Credentials(user=admin.user, password=admin.password, database=name)
        run(conn, "DROP DATABASE {name} WITH (FORCE)", name=name)


@pytest.fixture
def bare(postgres_server: PostgresServer, empty: Credentials) -> Iterator[Connection]:
    """A connection to that database."""
    with closing(connect(postgres_server, empty, application_name="test")) as conn:
        yield conn
