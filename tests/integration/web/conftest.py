"""Fixtures: a database for the page, and a login that may read the views alone."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from psycopg2 import sql

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import READER
from tests.databases import as_admin, conn, names, owner, template

__all__ = ["conn", "names", "owner", "template"]

Connect = Callable[[], Connection]


@pytest.fixture
def reader(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> Iterator[Connect]:
    """Connections of a login that is a member of `sitemon_reader` and nothing else."""
    login = Credentials(user=f"reader-{owner.database}", password="look", database=owner.database)
    statements = ("CREATE ROLE {login} LOGIN PASSWORD 'look'", "GRANT {reader} TO {login}")
    names = {"login": sql.Identifier(login.user), "reader": sql.Identifier(READER)}
    with closing(as_admin(postgres_server, admin)) as conn, conn.cursor() as cursor:
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(**names))
        yield lambda: connect(postgres_server, login, application_name="test")
        cursor.execute(sql.SQL("DROP ROLE {login}").format(**names))
