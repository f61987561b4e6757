"""What the page and the API read of one site: the public views only, so that a member of `sitemon_reader` may."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.page import Incident
from sitemon.store.queries import load_queries

_sql: Final = load_queries("page_site.sql")

_LOOK_BACK: Final = tuple(timedelta(hours=hours) for hours in (2, 48, 24 * 30, 24 * 3650))
"""How far results are looked for, further and further: those of a month of a site would have to be sorted."""


class Source(StrEnum):
    """From what a stretch of time is counted: the results, or their sums."""

    RAW = "raw"
    HOUR = "hour"
    DAY = "day"


class Stretch(NamedTuple):
    """A stretch of time in equal parts, from `first` on."""

    source: Source
    first: datetime
    bin_s: int
    bins: int

    @property
    def until(self) -> datetime:
        """Its end, which may lie ahead."""
        return self.first + timedelta(seconds=self.bin_s * self.bins)


class Part(NamedTuple):
    """What was found in a part of a stretch. Latencies are None without one; `histogram` has checks by bucket."""

    counts: Counts
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    histogram: Mapping[int, int] = {}
    phases_s: tuple[float, ...] | None = None


class Newest(NamedTuple):
    """The newest result of a region at which somebody looked; `cert_expires_at` is of the newest that has one."""

    region: str
    slot_at: datetime
    outcome: str
    reason: str | None
    http_code: int | None
    latency_s: float | None
    ip: str | None
    http_version: str | None
    redirects: int
    body_bytes: int
    match: str | None
    is_match_found: bool | None
    error: str | None
    cert_expires_at: datetime | None


class Key(NamedTuple):
    """The place of a result among those of its site."""

    slot_at: datetime
    region: str
    kind: str


class Row(NamedTuple):
    """A result, by the names of the view `results`."""

    slot_at: datetime
    region: str
    kind: str
    checked_at: datetime
    outcome: str
    reason: str | None
    http_code: int | None
    latency_s: float | None
    dns_s: float | None
    connect_s: float | None
    tls_s: float | None
    first_byte_s: float | None
    download_s: float | None
    is_match_found: bool | None
    ip: str | None
    http_version: str | None
    redirects: int
    body_bytes: int
    cert_expires_at: datetime | None
    error: str | None
    url: str

    @property
    def key(self) -> Key:
        """Its place."""
        return Key(self.slot_at, self.region, self.kind)


def read_counts(conn: Connection, site: str, stretch: Stretch) -> list[Counts | None]:
    """Return how many checks found what in each part of a stretch; None: nothing was due.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        found = _all(cursor, f"{stretch.source}_counts", _asked(site, stretch))
    by_place = {place: Counts(*counts) for place, *counts in found}
    return [by_place.get(place) for place in range(stretch.bins)]


def read_parts(conn: Connection, site: str, stretch: Stretch, *, with_phases: bool) -> list[Part | None]:
    """Return what was found in each part of a stretch; None: nothing was due. Phases are of results that are kept.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    asked = _asked(site, stretch)
    counts = read_counts(conn, site, stretch)
    with translated(), conn.cursor() as cursor:
        latencies = {place: found for place, *found in _all(cursor, f"{stretch.source}_latencies", asked)}
        phases = _all(cursor, "phases", asked) if with_phases else []
    by_place = {place: tuple(found) for place, *found in phases if None not in found}
    return [
        _part(found, latencies.get(place), by_place.get(place)) if found else None for place, found in enumerate(counts)
    ]


def _asked(site: str, stretch: Stretch) -> dict[str, object]:
    return {"site": site, "first": stretch.first, "until": stretch.until, "bin_s": stretch.bin_s}


def _part(counts: Counts, found: list[Any] | None, phases_s: tuple[float, ...] | None) -> Part:
    if found is None:
        return Part(counts, phases_s=phases_s)
    buckets, checks, p50_s, p95_s, p99_s = found
    histogram: dict[int, int] = {}
    for bucket, count in zip(buckets, checks, strict=True):
        histogram[bucket] = histogram.get(bucket, 0) + count
    return Part(counts, p50_s, p95_s, p99_s, histogram, phases_s)


def read_newest(conn: Connection, site: str, since: datetime) -> list[Newest]:
    """Return of each region of a site the newest result since a moment.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        return list(map(Newest._make, _all(cursor, "newest", {"site": site, "since": since})))


def read_incidents_of(conn: Connection, site: str, since: datetime, until: datetime, most: int) -> list[Incident]:
    """Return the incidents of a site that are not withdrawn and touch a stretch of time, newest first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    asked = {"site": site, "since": since, "until": until, "most": most}
    with translated(), conn.cursor() as cursor:
        return list(map(Incident._make, _all(cursor, "incidents_of", asked)))


def read_results(conn: Connection, site: str, before: Key, since: datetime, most: int) -> list[Row]:
    """Return the results of a site before a key, since a moment, newest first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        rows: list[Any] = []
        for begin in (max(since, before.slot_at - far) for far in _LOOK_BACK):
            rows = _all(cursor, "results", {"site": site, "since": begin, "most": most} | before._asdict())
            if len(rows) == most or begin == since:
                break
        return list(map(Row._make, rows))


def all_results(conn: Connection, site: str, before: Key, since: datetime, at_once: int) -> Iterator[Row]:
    """Give the results of a site before a key, since a moment, newest first, `at_once` from a query.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    while rows := read_results(conn, site, before, since, at_once):
        yield from rows
        before = rows[-1].key


def _all(cursor: Cursor, name: str, values: Mapping[str, object]) -> list[Any]:
    cursor.execute(_sql[name], values)
    return cursor.fetchall()
