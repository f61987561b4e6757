"""While PostgreSQL is away, refuses, or is frozen: nothing is lost, it is said once, and it goes on by itself."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.ports import free_port
from sitemon.model.errors import RefusedError
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.provision import provision
from sitemon.stream.in_memory import MemoryBroker
from tests.databases import WAITS_FOR_LOCKS, as_admin, rows, run
from tests.integration.record.conftest import GROUP, StartRecorder, wait_until
from tests.integration.record.test_recording import COUNT, is_all_committed, send
from tests.results import a_result


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message.split(":")[0] for record in caplog.records if record.levelno >= logging.WARNING]


END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'recorder'
"""


class Administrator:
    """What an administrator can do to the recorder."""

    def __init__(self, conn: Connection, database: str) -> None:
        self._conn = conn
        self._database = database

    def end_sessions(self) -> None:
        rows(self._conn, END_SESSIONS, (self._database,))

    def close_database(self) -> None:
        run(self._conn, "ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=self._database)
        self.end_sessions()

    def open_database(self) -> None:
        run(self._conn, "ALTER DATABASE {name} ALLOW_CONNECTIONS true", name=self._database)

    def set_read_only(self, role: str) -> None:
        statement = "ALTER ROLE {role} IN DATABASE {name} SET default_transaction_read_only = on"
        run(self._conn, statement, role=role, name=self._database)

    def set_writable(self, role: str) -> None:
        statement = "ALTER ROLE {role} IN DATABASE {name} RESET default_transaction_read_only"
        run(self._conn, statement, role=role, name=self._database)


@pytest.fixture
def administrator(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> Iterator[Administrator]:
    with closing(as_admin(postgres_server, admin)) as conn:
        yield Administrator(conn, owner.database)


@pytest.fixture
def later(owner: Credentials) -> Credentials:
    """A database that does not exist yet."""
    return Credentials(user=owner.user, password=owner.password, database=f"{owner.database}-later")


@pytest.fixture
def make_later(postgres_server: PostgresServer, admin: Credentials, later: Credentials) -> Iterator[Callable[[], None]]:
    yield lambda: provision(postgres_server, admin, later)
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=later.database)


def test_it_goes_on_after_its_sessions_were_ended(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    administrator: Administrator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start_recorder()
    for minute in range(3):
        send(broker, [a_result(minute=minute)])
        wait_until(lambda: is_all_committed(broker))
        administrator.end_sessions()
    send(broker, [a_result(minute=3)])
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(4,)]
    assert events(caplog) == ["recorder.postgres_away", "recorder.postgres_back"] * 3


def test_while_the_database_takes_no_connections_it_waits_and_says_so_once(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    administrator: Administrator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = start_recorder()
    send(broker, [a_result(minute=1)])
    wait_until(lambda: is_all_committed(broker))
    tries = count_calls(running.store, "open")
    administrator.close_database()
    send(broker, [a_result(minute=2)])
    wait_until(lambda: len(tries) >= 5)
    assert events(caplog) == ["recorder.postgres_away"]
    administrator.open_database()
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(2,)]
    assert events(caplog) == ["recorder.postgres_away", "recorder.postgres_back"]


def count_calls(thing: object, method: str) -> list[str]:
    """Return a list that gets an item with each call of a method."""
    calls: list[str] = []
    real = getattr(thing, method)

    def counting(*args: object) -> object:
        calls.append(method)
        return real(*args)

    setattr(thing, method, counting)
    return calls


def test_a_read_only_server_is_waited_for(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    owner: Credentials,
    administrator: Administrator,
) -> None:
    administrator.set_read_only(owner.user)
    send(broker, [a_result()])
    running = start_recorder()
    tries = count_calls(running.store, "open")
    wait_until(lambda: len(tries) >= 3)
    assert rows(conn, COUNT) == [(0,)]
    administrator.set_writable(owner.user)
    administrator.end_sessions()
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(1,)]


def test_a_database_that_is_not_there_is_waited_for_and_recorded_in_once_it_is(
    start_recorder: StartRecorder,
    postgres_server: PostgresServer,
    later: Credentials,
    make_later: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Database(lambda: connect(postgres_server, later, application_name="recorder"), DEFAULT_RETENTION)
    running = start_recorder(store)
    send(running.broker, [a_result()])
    wait_until(lambda: events(caplog) == ["recorder.not_provisioned"])
    make_later()
    wait_until(lambda: is_all_committed(running.broker))
    with closing(connect(postgres_server, later, application_name="test")) as own:
        assert rows(own, COUNT) == [(1,)]
    assert events(caplog) == ["recorder.not_provisioned"]


def test_a_refused_password_ends_it_at_the_start(
    start_recorder: StartRecorder, postgres_server: PostgresServer, owner: Credentials
) -> None:
    wrong = Credentials(user=owner.user, password="wrong", database=owner.database)
    running = start_recorder(Database(lambda: connect(postgres_server, wrong, application_name="r"), DEFAULT_RETENTION))
    wait_until(lambda: not running.is_running)
    assert isinstance(running.error, RefusedError)


def test_an_unreachable_server_is_waited_for_and_a_stop_is_heard(
    start_recorder: StartRecorder, owner: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = PostgresServer(host="127.0.0.1", port=free_port())
    running = start_recorder(Database(lambda: connect(nowhere, owner, application_name="r"), DEFAULT_RETENTION))
    wait_until(lambda: events(caplog) == ["recorder.postgres_away"])
    running.end()
    assert running.error is None
    assert events(caplog) == ["recorder.postgres_away"]


def test_a_stop_while_the_server_is_frozen_ends_in_time_and_commits_nothing(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    running = start_recorder()
    send(broker, [a_result(minute=1)])
    wait_until(lambda: is_all_committed(broker))
    committed = dict(broker.committed)
    with conn, conn.cursor() as cursor:
        cursor.execute("LOCK TABLE sitemon.result")
        send(broker, [a_result(minute=2)])

        def is_waiting() -> bool:
            cursor.execute(WAITS_FOR_LOCKS)
            return cursor.fetchall() == [(1,)]

        wait_until(is_waiting)
        running.end(within_s=10)
    assert broker.committed == committed
    assert rows(conn, COUNT) == [(1,)]


def test_a_recorder_that_waits_keeps_its_place_in_the_group(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    running = start_recorder()
    with conn, conn.cursor() as cursor:
        cursor.execute("LOCK TABLE sitemon.result")
        send(broker, [a_result(minute=1)])
        polls = count_calls(running.consumer, "poll")
        wait_until(lambda: len(polls) >= 4)
        assert broker.committed.get((GROUP, ("s.results", 0)), 0) == 0
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(1,)]
