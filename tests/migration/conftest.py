"""Fixtures: databases for these tests."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from tests.databases import as_admin, conn, names, owner, run, template
from tests.migration.old_rows import fill_0004, migrate_to

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


@pytest.fixture
def start(bare: Connection, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The first slot of all sites, in a database as it was before 0005."""
    migrate_to(bare, 4, monkeypatch)
    return fill_0004(bare)
