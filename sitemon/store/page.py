"""What the page and the API read: the public views only, so that a member of `sitemon_reader` may."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.page_incidents import Incident, read_incidents
from sitemon.store.prepared import load_prepared

_sql: Final = load_prepared("page.sql")
_PIECE: Final = 500
_MOST_OF_OTHERS: Final = 1_000
"""Open incidents of sites that were taken out: alerters end them ten minutes later; who edits sites may make more."""

_LONG_AT_ONCE: Final = 4_000
"""Each of these texts has some kilobytes at most, and to look for any of them takes as long as for all."""
_OF_ALL: Final = "enable_nestloop = off"
"""For queries of all sites: nested loops save nothing there, and a planner with old statistics would choose them."""


class Watch(NamedTuple):
    """A site in a region: how it is and since when, and its newest result. `seen_at`: None when nobody looked.

    Of `url` 2,048 characters are there. `is_region_offline`: the region could not reach it, and is offline.
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


class _Digests(NamedTuple):
    """Of what is long of a watch, and is read by itself."""

    url: str | None
    labels: str | None


class Present(NamedTuple):
    """How everything is now. Up to `closed_at` it is decided what was missed.

    What lies before `made_up_until_at` never was: None but in the demo.
    """

    closed_at: datetime
    watches: list[Watch]
    open_incidents: list[Incident]
    made_up_until_at: datetime | None = None


class PresentReader:
    """Reads how everything is, again and again. What did not change since the last time is the same object.

    Texts are not kept to tell that: their digests are. Equal names, long URLs and long labels are one object.
    """

    def __init__(self) -> None:
        self._watches: dict[bytes, Watch] = {}
        self._names: dict[str, str] = {}
        self._long: dict[str, Any] = {}

    def read(self, conn: Connection) -> Present:
        """Return all sites that are still watched, and the incidents that are not over.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        before, watches = self._watches, dict[bytes, Watch]()
        long_of: dict[bytes, _Digests] = {}
        digests: dict[str | None, str | None] = {}
        with translated(), conn.cursor() as cursor:
            _sql["freshness"].execute(cursor)
            ((closed_at, made_up_until_at),) = cursor.fetchall()
            _sql["watches"].execute(cursor, setting=_OF_ALL)
            # In pieces: psycopg2 lets no other thread run while it makes rows of what it fetched.
            for rows in iter(lambda: cursor.fetchmany(_PIECE), []):
                for text, url, labels in rows:
                    key = hashlib.blake2b(f"{text}{url}{labels}".encode(), digest_size=16).digest()
                    watches[key] = before.get(key) or self._decoded(text)
                    if url or labels:
                        long_of[key] = _Digests(digests.setdefault(url, url), digests.setdefault(labels, labels))
            self._read_long(cursor, {digest for digest in digests if digest})
        for key in long_of.keys() - before.keys():
            watches[key] = self._completed(watches[key], long_of[key])
        present = Present(closed_at, list(watches.values()), _open_incidents(conn, watches.values()), made_up_until_at)
        # What was another a moment later is to be looked for again.
        for key in [key for key, of_it in long_of.items() if not self._long.keys() >= {*of_it} - {None}]:
            del watches[key]
        self._watches = watches
        if len(self._names) > 2 * len(watches):
            self._names = {name: name for watch in watches.values() for name in (watch.site, watch.region)}
        return present

    def _decoded(self, text: str) -> Watch:
        watch = _decode_watch(text)
        site, region = (self._names.setdefault(name, name) for name in (watch.site, watch.region))
        return watch._replace(site=site, region=region)

    def _read_long(self, cursor: Cursor, digests: set[str]) -> None:
        self._long = {digest: said for digest, said in self._long.items() if digest in digests}
        lacking = list(digests - self._long.keys())
        for begin in range(0, len(lacking), _LONG_AT_ONCE):
            wanted = {"digests": lacking[begin : begin + _LONG_AT_ONCE]}
            _sql["long_texts"].execute(cursor, wanted, setting=_OF_ALL)
            for rows in iter(lambda: cursor.fetchmany(_PIECE), []):
                self._long |= {digest: msgspec.json.decode(said) for digest, said in rows}

    def _completed(self, watch: Watch, digests: _Digests) -> Watch:
        url, labels = (digest and self._long.get(digest) for digest in digests)
        return watch._replace(url=url or watch.url, labels=labels or watch.labels)


def _open_incidents(conn: Connection, watches: Collection[Watch]) -> list[Incident]:
    """Return the open incidents: of sites that are watched, and if they are few, of those that just were.

    A site has one at a time, two at most: where there are more, others are of sites that were taken out.
    """
    sites = {watch.site for watch in watches}
    most = 2 * len(sites) + _MOST_OF_OTHERS
    found = read_incidents(conn, most + 1, state="open")
    return found if len(found) <= most else read_incidents(conn, most, sites=sorted(sites), state="open")


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
