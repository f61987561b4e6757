"""Where a command finds PostgreSQL, and who it is there: read from the files that its command line names."""

import functools
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

from sitemon.cli import options
from sitemon.config.servers import Credentials, PostgresServer, database_credentials, postgres_server
from sitemon.store.connect import Connection, connect


class Postgres(NamedTuple):
    """A server, and our user and database there."""

    server: PostgresServer
    credentials: Credentials

    def connected(self, name: str) -> closing[Connection]:
        """Return a connection of the command of this name, which ends with the block; raises what `connect` does."""
        return closing(connect(self.server, self.credentials, application_name=f"sitemon-{name}"))


def with_postgres(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command line name both files, and give the command what they say as `postgres`."""

    @options.db_conn
    @options.database
    @functools.wraps(command)
    def reading(*, db_conn: str | None, database: str | None, **others: Any) -> Any:
        return command(postgres=Postgres(postgres_server(db_conn), database_credentials(database)), **others)

    return reading
