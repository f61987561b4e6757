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

_sql: Final = load_queries("degraded.sql")


class Degradation(NamedTuple):
    """A site that is degraded, or was until `ended_at`; `channels` were told, None: nobody yet.

    Rows of slots from `undecided_from` on are not decided on yet; None: all are. `is_scheduled`: the schedule has it,
    or had; `is_ended`: it has it no more.
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


class Degradations(Behind):
    """Sites of which it is to be told that they are degraded, or are no more; they are ours meanwhile."""

    def __init__(self, cursor: Cursor, after: int, most: int) -> None:
        super().__init__(cursor)
        cursor.execute(_sql["to_tell"], {"after": after, "most": most})
        self.sites = [
            Degradation(site_id, site, url, since_at, ended_at, channels, regions, Cause(*rest[3:]), *rest[:3])
            for site_id, site, url, since_at, ended_at, channels, regions, *rest in cursor
        ]

    def degraded_of(self, names: Iterable[str]) -> set[str]:
        """Return which of these sites are degraded."""
        self._cursor.execute(_sql["degraded_of"], {"names": list(names)})
        return {name for (name,) in self._cursor.fetchall()}

    def labels_of_degraded(self, sites: Sequence[Degradation]) -> dict[str, Mapping[str, str]]:
        """Return with which labels it was told last that these sites are degraded, by their names."""
        if not sites:
            return {}
        since = min(one.since_at for one in sites)
        self._cursor.execute(_sql["said_labels"], {"since": since, "names": [one.site for one in sites]})
        return dict(self._cursor.fetchall())

    def tell(self, told: Mapping[int, Sequence[str]]) -> None:
        """Note which channels are told of sites, none where nobody wants to hear of it."""
        rows = [{"site_id": site_id, "channels": channels} for site_id, channels in told.items()]
        self._cursor.execute(_sql["tell"], {"told": msgspec.json.encode(rows).decode()})

    def forget(self, site_ids: Sequence[int]) -> None:
        """Forget what is over, and told."""
        self._cursor.execute(_sql["forget"], {"site_ids": list(site_ids)})


@contextmanager
def take_degraded(conn: Connection, after: int, most: int) -> Iterator[Degradations]:
    """Take the first sites after a number of which something is to be told, for one transaction.

    Those that another alerter has are passed over.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Degradations(cursor, after, most)
