"""A reader may fill the queue of notices, which all databases of a server share: that keeps nobody from writing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psycopg2
import pytest

from sitemon.config.servers import Credentials
from sitemon.store.connect import connect
from sitemon.store.names import Names
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session, write_batch
from tests.databases import reading_role, rows
from tests.results import a_down
from tests.servers import UnsafePostgres


class SmallQueue(UnsafePostgres):
    """One whose queue is full after half a megabyte; usually that is 8 GB."""

    settings: ClassVar[dict[str, str]] = {**UnsafePostgres.settings, "max_notify_queue_pages": "64"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallQueue]:
    server = SmallQueue(tmp_path)
    server.start()
    yield server
    server.stop()


def notify_without_end(conn: psycopg2.extensions.connection) -> None:
    while True:
        rows(conn, "SELECT pg_notify('x', gen_random_uuid() || repeat('x', 7900))")


def test_who_records_goes_on_while_it_is_full(server: SmallQueue) -> None:
    provision(server.server, server.admin, server.owner)

    def session(credentials: Credentials) -> "closing[psycopg2.extensions.connection]":
        return closing(connect(server.server, credentials, application_name="test"))

    with (
        reading_role(server.server, server.admin, server.owner.database) as (_, reader),
        session(reader) as listener,
        session(reader) as notifier,
        session(server.owner) as conn,
    ):
        rows(listener, "LISTEN x; SELECT 1")
        listener.cursor().execute("SELECT 1")  # and stays in this transaction
        with pytest.raises(psycopg2.errors.ProgramLimitExceeded):
            notify_without_end(notifier)
        prepare_session(conn)
        assert write_batch(conn, Names(), [a_down()]).inserted == 1
