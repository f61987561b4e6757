"""What the page and the API read: the public views only, so that a member of `sitemon_reader` may."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

import msgspec

from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.page_incidents import Incident, read_incidents
from sitemon.store.prepared import load_prepared

_sql: Final = load_prepared("page.sql")
_PIECE: Final = 500


class Watch(NamedTuple):
    """A site in a region: how it is and since when, and its newest result. `seen_at`: None when nobody looked.

    `is_region_offline`: the region could not reach it, and is offline.
    """

    site: str
    region: str
    url: str
    state: str
    state_since: datetime
    seen_at: datetime | None
    reason: str | None
    http_code: int | None
    latency_s: float | None
    interval_s: float | None
    labels: Mapping[str, str]
    is_region_offline: bool = False


_decode_watch: Final = msgspec.json.Decoder(Watch).decode


class Present(NamedTuple):
    """How everything is now. Up to `closed_at` it is decided what was missed.

    What lies before `made_up_until_at` never was: None but in the demo.
    """

    closed_at: datetime
    watches: list[Watch]
    open_incidents: list[Incident]
    made_up_until_at: datetime | None = None


class PresentReader:
    """Reads how everything is, again and again. What did not change since the last time is the same object."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def read(self, conn: Connection) -> Present:
        """Return all sites that are still watched, and the incidents that are not over.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        with translated(), conn.cursor() as cursor:
            _sql["freshness"].execute(cursor)
            ((closed_at, made_up_until_at),) = cursor.fetchall()
            _sql["watches"].execute(cursor)
            # In pieces: psycopg2 lets no other thread run while it makes rows of what it fetched.
            texts = [text for rows in iter(lambda: cursor.fetchmany(_PIECE), []) for (text,) in rows]
        before = self._watches
        self._watches = {text: before.get(text) or _decode_watch(text) for text in texts}
        return Present(closed_at, list(self._watches.values()), read_incidents(conn, state="open"), made_up_until_at)


def read_days(conn: Connection, sites: Sequence[str], first: date, days: int) -> dict[str, list[Counts | None]]:
    """Return of each of these sites what was found on each day, from `first` on; None: nothing was due.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        _sql["days"].execute(cursor, {"sites": list(sites), "first": first, "days": days})
        found: dict[str, list[Counts | None]] = {site: [None] * days for site in sites}
        for site, places, *columns in cursor.fetchall():
            for place, *counts in zip(places, *columns, strict=True):
                found[site][place] = Counts(*counts)
        return found


def read_trends(conn: Connection, sites: Sequence[str], first: datetime, hours: int) -> dict[str, list[float | None]]:
    """Return of each of these sites the mean bucket of its latencies in each hour from `first` on.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        _sql["trends"].execute(cursor, {"sites": list(sites), "first": first, "hours": hours})
        found: dict[str, list[float | None]] = {site: [None] * hours for site in sites}
        for site, places, means in cursor.fetchall():
            for place, mean in zip(places, means, strict=True):
                found[site][place] = mean
        return found
