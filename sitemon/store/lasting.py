"""What lasts of which a channel was told, for receivers that forget what they do not hear again."""

from typing import Any, Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("lasting.sql")


class Lasting(NamedTuple):
    """Some events, and the number of the last of them."""

    events: list[dict[str, Any]]
    last: int


def read_lasting(conn: Connection, channel: str, after: int, most: int) -> Lasting:
    """Return the first events after a number by which a channel knows of what lasts: the newest of each thing.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    found = rows_of(conn, _sql["lasting"], channel=channel, after=after, most=most)
    return Lasting([event for _, event in found], found[-1][0] if found else after)
