"""Up to where topics were read is kept in the same transaction as what was made of them."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import PoisonError
from sitemon.model.topic_partition import TopicPartition
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.positions import GapError, Read, read_positions
from sitemon.store.schedule import write_notices
from sitemon.store.write import Written, write_batch
from tests.databases import rows
from tests.integration.store.events import started
from tests.results import a_result

P0, P1, SCHEDULE = ("s.results", 0), ("s.results", 1), ("s.schedule", 0)


@pytest.fixture
def database(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Database]:
    with closing(
        Database(lambda: connect(postgres_server, owner, application_name="test"), DEFAULT_RETENTION)
    ) as database:
        yield database


def positions(conn: Connection) -> dict[TopicPartition, int]:
    return read_positions(conn, ["s.results", "s.schedule", "s.marks"])


def results(conn: Connection) -> int:
    return int(rows(conn, "SELECT count(*) FROM sitemon.results")[0][0])


def nothing() -> None: ...


def test_what_was_read_is_noted_with_its_results(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()], {P0: Read(0, 9), P1: Read(0, 1)})
    assert positions(conn) == {P0: 9, P1: 1}
    write_batch(conn, names, [a_result(minute=1)], {P0: Read(9, 12)})
    assert positions(conn) == {P0: 12, P1: 1}


def test_messages_without_a_result_are_noted_too(conn: Connection, names: Names) -> None:
    assert write_batch(conn, names, [], {P0: Read(0, 3)}) == Written()
    assert positions(conn) == {P0: 3}


def test_of_other_topics_nothing_is_told(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [], {P0: Read(0, 3)})
    assert read_positions(conn, ["s.schedule"]) == {}


def test_what_is_read_again_moves_nothing_back(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [], {P0: Read(0, 9)})
    write_batch(conn, names, [], {P0: Read(2, 5)})
    assert positions(conn) == {P0: 9}
    write_batch(conn, names, [], {P0: Read(5, 12)})
    assert positions(conn) == {P0: 12}


def test_of_what_follows_a_gap_nothing_is_written(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [], {P0: Read(0, 3), P1: Read(0, 5)})
    with pytest.raises(GapError, match=r"s\.results 0$") as caught:
        write_batch(conn, names, [a_result()], {P0: Read(4, 6), P1: Read(5, 6)})
    assert caught.value.positions == {P0: 3}
    assert (results(conn), positions(conn)) == (0, {P0: 3, P1: 5})
    assert write_batch(conn, names, [a_result()], {P0: Read(3, 6)}) == Written(inserted=1, scheduled=1)


def test_of_a_batch_that_can_never_be_written_nothing_is_noted(conn: Connection, names: Names) -> None:
    with pytest.raises(PoisonError):
        write_batch(conn, names, [a_result(http_code=70_000)], {P0: Read(0, 3)})
    assert positions(conn) == {}


def test_of_what_was_said_it_is_noted_alike(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [started(0)], {SCHEDULE: Read(0, 1)})
    assert positions(conn) == {SCHEDULE: 1}
    with pytest.raises(GapError):
        write_notices(conn, names, [started(0, site="blog")], {SCHEDULE: Read(2, 3)})
    assert positions(conn) == {SCHEDULE: 1}
    assert rows(conn, "SELECT name FROM sitemon.site") == [("shop",)]


def test_a_gap_keeps_the_connection(database: Database) -> None:
    database.write([], {P0: Read(0, 3)}, nothing)
    before = database.open()
    with pytest.raises(GapError):
        database.write([a_result()], {P0: Read(5, 6)}, nothing)
    assert database.open() is before


def test_of_a_partition_without_a_place_nothing_is_written_until_it_has_one(
    database: Database, conn: Connection
) -> None:
    with pytest.raises(GapError) as caught:
        database.write([a_result()], {P0: Read(4, 6)}, nothing)
    assert caught.value.positions == {P0: None}
    assert (results(conn), positions(conn)) == (0, {})
    database.begin_positions({P0: 4, P1: 7})
    database.write([a_result()], {P0: Read(4, 6)}, nothing)
    assert (results(conn), positions(conn)) == (1, {P0: 6, P1: 7})


def test_where_others_of_its_topic_have_one_nothing_of_it_was_read(database: Database, conn: Connection) -> None:
    database.write([], {P0: Read(0, 3)}, nothing)
    assert database.compare_positions({P0: 8, P1: 4}) == {P0: 3}
    database.begin_positions({P0: 8, P1: 4})
    assert positions(conn) == {P0: 3, P1: 0}
    assert database.compare_positions({}) == {}
