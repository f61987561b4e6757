"""A reader may fill the queue of notices, which all databases of a server share: that keeps nobody from writing."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psycopg2
import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import connect
from sitemon.store.names import Names
from sitemon.store.notify import CHANNEL, listen, wait_for_notice
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session, write_batch
from tests.databases import owner, reading_role, rows, template
from tests.results import a_down
from tests.servers import UnsafePostgres
from tests.threads import beside

__all__ = ["owner", "template"]


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


def test_who_listens_looks_now_and_then_however_often_a_reader_notifies(
    postgres_server: PostgresServer, admin: Credentials, owner: Credentials
) -> None:
    with (
        reading_role(postgres_server, admin, owner.database) as (_, reader),
        closing(connect(postgres_server, reader, application_name="test")) as notifier,
        closing(connect(postgres_server, owner, application_name="test")) as listener,
    ):
        listen(listener)
        stop = threading.Event()

        def notify() -> None:
            while not stop.is_set():
                rows(notifier, f"SELECT pg_notify('{CHANNEL}', '')")

        with beside(notify, stop, within_s=10):
            wait_for_notice(listener, 10)
            began_s = clock.monotonic_s()
            for _ in range(10):
                wait_for_notice(listener, 10)
            assert clock.monotonic_s() - began_s >= 10 * 0.05
