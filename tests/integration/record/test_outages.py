"""While PostgreSQL is away, refuses, or is frozen: nothing is lost, it is said once, and it goes on by itself."""

import logging
from collections.abc import Callable
from contextlib import closing

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.ports import free_port
from sitemon.model.errors import RefusedError
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.provision import provision
from sitemon.stream.memory import MemoryBroker
from tests.databases import as_admin, execute, rows, run
from tests.integration.record.conftest import GROUP, StartRecorder, wait_until
from tests.integration.record.test_recording import COUNT, is_all_committed, send
from tests.results import a_result


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message.split(":")[0] for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def end_sessions(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> Callable[[], None]:
    def end() -> None:
        with closing(as_admin(postgres_server, admin)) as conn:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'recorder'"
            rows(conn, query, (owner.database,))

    return end


def test_it_goes_on_after_its_sessions_were_ended(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    end_sessions: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    start_recorder()
    for minute in range(3):
        send(broker, [a_result(minute=minute)])
        wait_until(lambda: is_all_committed(broker))
        end_sessions()
    send(broker, [a_result(minute=3)])
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(4,)]
    assert events(caplog) == ["recorder.postgres_away", "recorder.postgres_back"] * 3


def test_while_the_database_takes_no_connections_it_waits_and_says_so_once(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    postgres_server: PostgresServer,
    admin: Credentials,
    owner: Credentials,
    end_sessions: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    start_recorder()
    send(broker, [a_result(minute=1)])
    wait_until(lambda: is_all_committed(broker))
    with closing(as_admin(postgres_server, admin)) as administrator:
        run(administrator, "ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=owner.database)
        end_sessions()
        send(broker, [a_result(minute=2)])
        wait_until(lambda: events(caplog) == ["recorder.postgres_away"])
        clock.sleep(2.0)  # long enough for several tries, which are to say nothing
        assert events(caplog) == ["recorder.postgres_away"]
        run(administrator, "ALTER DATABASE {name} ALLOW_CONNECTIONS true", name=owner.database)
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(2,)]
    assert events(caplog) == ["recorder.postgres_away", "recorder.postgres_back"]


def test_a_read_only_server_is_waited_for(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection, owner: Credentials, end_sessions: Callable[[], None]
) -> None:
    name = owner.database.replace('"', '""')
    execute(conn, f'ALTER ROLE "{owner.user}" IN DATABASE "{name}" SET default_transaction_read_only = on')
    with conn, conn.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
    send(broker, [a_result()])
    running = start_recorder()
    clock.sleep(1.0)
    assert running.reports == []
    execute(conn, f'ALTER ROLE "{owner.user}" IN DATABASE "{name}" RESET default_transaction_read_only')
    end_sessions()
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(1,)]


def test_a_database_that_is_not_there_is_waited_for_and_recorded_in_once_it_is(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    postgres_server: PostgresServer,
    admin: Credentials,
    owner: Credentials,
    caplog: pytest.LogCaptureFixture,
) -> None:
    later = Credentials(user=owner.user, password=owner.password, database=f"{owner.database}-later")
    send(broker, [a_result()])
    start_recorder(Database(lambda: connect(postgres_server, later, application_name="recorder"), DEFAULT_RETENTION))
    wait_until(lambda: events(caplog) == ["recorder.not_provisioned"])
    provision(postgres_server, admin, later)
    wait_until(lambda: is_all_committed(broker))
    with closing(connect(postgres_server, later, application_name="test")) as own:
        assert rows(own, COUNT) == [(1,)]
    assert events(caplog) == ["recorder.not_provisioned"]


def test_a_refused_password_ends_it_at_the_start(
    broker: MemoryBroker, start_recorder: StartRecorder, postgres_server: PostgresServer, owner: Credentials
) -> None:
    wrong = Credentials(user=owner.user, password="wrong", database=owner.database)
    running = start_recorder(Database(lambda: connect(postgres_server, wrong, application_name="r"), DEFAULT_RETENTION))
    wait_until(lambda: not running.is_running)
    assert isinstance(running.error, RefusedError)


def test_an_unreachable_server_is_waited_for_and_a_stop_is_heard(
    broker: MemoryBroker, start_recorder: StartRecorder, owner: Credentials, caplog: pytest.LogCaptureFixture
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
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sitemon.result'::regclass"

        def is_waiting() -> bool:
            cursor.execute(waiting)
            return cursor.fetchall() == [(1,)]

        wait_until(is_waiting)
        running.end(within_s=10)
    assert broker.committed == committed
    assert rows(conn, COUNT) == [(1,)]


def test_a_recorder_that_waits_keeps_its_place_in_the_group(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    running = start_recorder()
    polls = 0
    real = running.consumer.poll

    def counting(timeout_s: float, max_records: int) -> object:
        nonlocal polls
        polls += 1
        return real(timeout_s, max_records)

    with conn, conn.cursor() as cursor:
        cursor.execute("LOCK TABLE sitemon.result")
        send(broker, [a_result(minute=1)])
        running.consumer.poll = counting  # type: ignore[method-assign, assignment]
        wait_until(lambda: polls >= 4)
        assert broker.committed.get((GROUP, ("s.results", 0)), 0) == 0
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(1,)]
