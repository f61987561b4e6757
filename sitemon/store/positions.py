"""Up to where the topics were read, kept with what was made of them.

So a database that was restored from a copy knows what it lacks, whatever the recorders' group has committed since.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import RetryableError
from sitemon.model.topic_partition import TopicPartition
from sitemon.store.connect import Connection
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("positions.sql")


class Read(NamedTuple):
    """What was read of a partition: the offsets from `first` up to, but not including, `following`.

    `beside` is how many of these messages hold no result that is written with them: copies, and what never can be.
    """

    first: int
    following: int
    beside: int = 0


class GapError(RetryableError):
    """The database lacks what lies before a batch: it has to be read first, from `positions` on.

    Of those that are None it is not known from where on: `begin_positions` says that.
    """

    def __init__(self, positions: Mapping[TopicPartition, int | None]) -> None:
        super().__init__(f"the database lacks messages of {', '.join(f'{t} {p}' for t, p in positions)}")
        self.positions = positions


def move_positions(cursor: Cursor, read: Mapping[TopicPartition, Read]) -> None:
    """Note in this transaction that a batch was read.

    Raises:
        GapError: the database has not what lies before it.

    """
    if not read:
        return
    values = {
        "topics": [topic for topic, _ in read],
        "partitions": [number for _, number in read],
        "firsts": [one.first for one in read.values()],
        "followings": [one.following for one in read.values()],
    }
    cursor.execute(_sql["move_positions"], values)
    gaps = {(topic, number): position for topic, number, position in cursor.fetchall()}
    if gaps:
        raise GapError(gaps)


def read_positions(conn: Connection, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """Return the next offset to read of each partition of the topics that was read before."""
    found = rows_of(conn, _sql["positions"], topics=list(topics))
    return {(topic, number): position for topic, number, position in found}


def begin_positions(conn: Connection, committed: Mapping[TopicPartition, int]) -> None:
    """Let partitions that are not known begin: all of a topic's, with what the group committed (0: nothing).

    Of a database that knows other partitions of the topic, one that it does not know was never read.
    """
    rows_of(conn, _sql["begin_positions"], **_columns(committed))


def set_positions(conn: Connection, positions: Mapping[TopicPartition, int]) -> None:
    """Let partitions count as read up to these offsets, whatever was noted before."""
    rows_of(conn, _sql["set_positions"], **_columns(positions))


def _columns(offsets: Mapping[TopicPartition, int]) -> dict[str, list[str] | list[int]]:
    return {
        "topics": [topic for topic, _ in offsets],
        "partitions": [number for _, number in offsets],
        "offsets": list(offsets.values()),
    }
