"""The recorder's connection: opened when needed, again after it broke, ended when the server is frozen."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import PoisonError, RefusedError, UnreachableError
from sitemon.store import database as module
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.errors import MissingPartitionError, NotProvisionedError, RolledBackError, translated
from sitemon.store.migrate import migrations
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.write import Written
from tests.databases import WAITS_FOR_LOCKS, as_admin, execute, rows
from tests.pipeline import wait_for
from tests.results import a_result

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def nothing() -> None: ...


@pytest.fixture
def database(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Database]:
    with closing(
        Database(lambda: connect(postgres_server, owner, application_name="test"), DEFAULT_RETENTION)
    ) as database:
        yield database


@pytest.fixture
def end_sessions(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> Callable[[], None]:
    def end() -> None:
        with closing(as_admin(postgres_server, admin)) as conn:
            rows(conn, END_SESSIONS, (owner.database,))

    return end


def test_it_goes_on_after_its_session_was_ended(database: Database, end_sessions: Callable[[], None]) -> None:
    assert database.write([a_result()], {}, nothing) == Written(inserted=1, scheduled=1)
    end_sessions()
    with pytest.raises(UnreachableError, match=r"administrator command|closed the connection unexpectedly"):
        database.write([a_result(minute=1)], {}, nothing)
    assert database.write([a_result(minute=1)], {}, nothing) == Written(inserted=1, scheduled=1)


def test_numbers_of_names_are_not_taken_to_another_database(
    database: Database, conn: Connection, end_sessions: Callable[[], None]
) -> None:
    database.write([a_result("one"), a_result("two")], {}, nothing)
    execute(conn, "TRUNCATE sitemon.site RESTART IDENTITY CASCADE")
    execute(conn, "TRUNCATE sitemon.result")
    end_sessions()
    with pytest.raises(UnreachableError):
        database.write([a_result("two")], {}, nothing)
    database.write([a_result("two")], {}, nothing)
    with closing(database.open()) as own:
        assert rows(own, "SELECT site FROM sitemon.results") == [("two",)]


def test_an_old_schema_is_waited_for(database: Database, conn: Connection) -> None:
    last = migrations()[-1]
    execute(conn, "DELETE FROM sitemon.migration WHERE number = %s", (last.number,))
    with pytest.raises(NotProvisionedError, match=last.name):
        database.open()
    execute(conn, "INSERT INTO sitemon.migration (number, name) VALUES (%s, %s)", (last.number, last.name))
    database.open()


def test_a_schema_that_is_not_there_is_waited_for(database: Database, conn: Connection) -> None:
    execute(conn, "DROP SCHEMA sitemon CASCADE")
    with pytest.raises(NotProvisionedError, match="sitemon provision"):
        database.open()


def test_a_schema_dropped_in_the_middle_is_waited_for(database: Database, conn: Connection) -> None:
    database.open()
    execute(conn, "DROP SCHEMA sitemon CASCADE")
    with pytest.raises(NotProvisionedError):
        database.write([a_result()], {}, nothing)


def test_a_wait_can_be_ended_from_another_thread(database: Database, conn: Connection) -> None:
    database.write([a_result()], {}, nothing)
    raised: list[Exception] = []

    def write() -> None:
        try:
            database.write([a_result(minute=1)], {}, nothing)
        except UnreachableError as exc:
            raised.append(exc)

    with conn, conn.cursor() as cursor:
        # Holds it up as a frozen server would.
        cursor.execute("LOCK TABLE sitemon.result")
        thread = threading.Thread(target=write)
        thread.start()
        deadline_s = clock.monotonic_s() + 10
        while True:
            cursor.execute(WAITS_FOR_LOCKS)
            if cursor.fetchall() == [(1,)]:
                break
            assert clock.monotonic_s() < deadline_s
        database.abort()
        thread.join(timeout=5)
        assert not thread.is_alive()
    assert len(raised) == 1
    assert database.write([a_result(minute=1)], {}, nothing) == Written(inserted=1, scheduled=1)


def test_the_preparing_of_a_connection_can_be_ended_from_another_thread(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_preparing = threading.Event()

    def prepare(conn: Connection) -> None:
        is_preparing.set()
        # As long as a frozen server would take.
        with translated(), conn, conn.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    raised: list[Exception] = []

    def open_it() -> None:
        try:
            database.open()
        except UnreachableError as exc:
            raised.append(exc)

    with monkeypatch.context() as patched:
        patched.setattr(module, "prepare_session", prepare)
        thread = threading.Thread(target=open_it)
        thread.start()
        assert is_preparing.wait(10)
        deadline_s = clock.monotonic_s() + 10
        while thread.is_alive() and clock.monotonic_s() < deadline_s:
            database.abort()
            thread.join(timeout=0.1)
    assert len(raised) == 1
    assert database.write([a_result()], {}, nothing) == Written(inserted=1, scheduled=1)


def test_a_connection_whose_preparing_is_broken_off_is_closed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[Connection] = []

    def prepare(conn: Connection) -> None:
        prepared.append(conn)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "prepare_session", prepare)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            database.open()
    assert [conn.closed for conn in prepared] == [1, 1]


def test_ending_nothing_is_no_error(database: Database) -> None:
    database.abort()
    database.close()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error": "a\x00b"}, "refused_by_database"),
        ({"site": "a\x00b"}, "not_text"),
        ({"error": "\ud800"}, "not_text"),
        ({"site": "\ud800"}, "not_text"),
        ({"url": "x" * 10 + "\x00"}, "not_text"),
        ({"http_code": 70_000}, "out_of_range"),
        ({"body_bytes": 2**31}, "out_of_range"),
        ({"latency_s": 1e300}, "out_of_range"),
        ({"ip": "300.1.2.3"}, "not_a_result"),
    ],
)
def test_a_value_that_can_never_be_written_is_poison(
    database: Database, fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(PoisonError) as caught:
        database.write([a_result("good"), a_result(**fields)], {}, nothing)  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert database.write([a_result("good")], {}, nothing) == Written(inserted=1, scheduled=1)


def test_poison_and_missing_partitions_keep_the_connection(database: Database) -> None:
    before = database.open()
    with pytest.raises(PoisonError):
        database.write([a_result(http_code=70_000)], {}, nothing)
    with pytest.raises(MissingPartitionError):
        database.write([a_result(minute=60 * 24 * 5)], {}, nothing)
    assert database.open() is before


def test_missing_rights_are_a_refusal(database: Database, conn: Connection) -> None:
    database.open()
    execute(conn, "REVOKE INSERT ON sitemon.result FROM CURRENT_USER")
    with pytest.raises(RefusedError, match="permission denied"):
        database.write([a_result()], {}, nothing)


LOCK = "SELECT pg_advisory_xact_lock(%s)"
ARE_WAITING = """
SELECT count(*)
FROM pg_locks
JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND locktype = 'advisory' AND objid = %s AND NOT granted
"""


def test_of_two_that_wait_for_each_other_the_one_that_is_undone_does_it_again(
    database: Database, postgres_server: PostgresServer, owner: Credentials, conn: Connection
) -> None:
    tries = []

    def take_both(session: Connection) -> None:
        tries.append(session)
        with translated(), session, session.cursor() as cursor:
            cursor.execute(LOCK, (1,))
            cursor.execute(LOCK, (2,))

    with closing(connect(postgres_server, owner, application_name="test")) as other, other.cursor() as cursor:
        cursor.execute(LOCK, (2,))
        ours = threading.Thread(target=database.do, args=(take_both,))
        ours.start()
        wait_for(lambda: rows(conn, ARE_WAITING, (2,)) == [(1,)])
        cursor.execute(LOCK, (1,))
        other.rollback()
        ours.join()
    assert tries == [database.open()] * 2


def test_what_is_rolled_back_again_and_again_is_an_error(database: Database) -> None:
    def fail(_: Connection) -> None:
        raise RolledBackError("again")

    with pytest.raises(RolledBackError):
        database.do(fail)


def test_a_recorder_whose_clock_is_ahead_drops_no_results(database: Database, conn: Connection) -> None:
    kept = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass"
    before = rows(conn, kept)
    database.maintain(clock.utc_now() + timedelta(days=40), nothing)
    assert rows(conn, kept) == before
