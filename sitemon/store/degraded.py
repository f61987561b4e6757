"""Sites that are degraded, and who was told so. That they are is noted by `sitemon.store.states`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.rows import Cause
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.held import Behind
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("degraded.sql")


class Degradation(NamedTuple):
    """A site that is degraded, or was until `ended_at`; `channels` were told, None: nobody yet.

    Rows of slots from `undecided_from` on are not decided on yet; None: all are. `is_scheduled`: the schedule has it,
    or had; `is_ended`: it has it no more. `labels` are those with which they were told.
    """

    site_id: int
    site: str
    url: str | None
    since_at: datetime
    ended_at: datetime | None
    channels: Sequence[str] | None
    regions: Mapping[str, Literal["up", "degraded", "down"]]
    cause: Cause
    undecided_from: datetime | None = None
    is_scheduled: bool = False
    is_ended: bool = False
    labels: Mapping[str, str] | None = None


class Degradations(Behind):
    """Sites of which it is to be told that they are degraded, or are no more; they are ours meanwhile."""

    def __init__(self, cursor: Cursor, site_ids: Sequence[int]) -> None:
        super().__init__(cursor)
        cursor.execute(_sql["to_tell"], {"site_ids": list(site_ids)})
        self.sites = [
            Degradation(site_id, site, url, since_at, ended_at, channels, regions, Cause(*rest[4:]), *rest[:4])
            for site_id, site, url, since_at, ended_at, channels, regions, *rest in cursor
        ]

    def degraded_of(self, names: Iterable[str]) -> set[str]:
        """Return which of these sites are degraded."""
        self._cursor.execute(_sql["degraded_of"], {"names": list(names)})
        return {name for (name,) in self._cursor.fetchall()}

    def tell(self, told: Mapping[int, tuple[Sequence[str], Mapping[str, str]]]) -> None:
        """Note which channels are told of sites, none where nobody wants to hear of it, and with which labels."""
        rows = [{"site_id": n, "channels": channels, "labels": labels} for n, (channels, labels) in told.items()]
        self._cursor.execute(_sql["tell"], {"told": msgspec.json.encode(rows).decode()})

    def forget(self, site_ids: Sequence[int]) -> None:
        """Forget what is over, and told."""
        self._cursor.execute(_sql["forget"], {"site_ids": list(site_ids)})


def degraded_numbers(conn: Connection, after: int, most: int) -> list[int]:
    """Return the first sites after a number of which something may have to be told.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [site_id for (site_id,) in rows_of(conn, _sql["numbers"], after=after, most=most)]


@contextmanager
def take_degraded(conn: Connection, site_ids: Sequence[int]) -> Iterator[Degradations]:
    """Take those of these sites of which something is to be told, for one transaction.

    Those that another alerter has are passed over.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Degradations(cursor, site_ids)
