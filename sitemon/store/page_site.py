"""What the page and the API read of one site: the public views only, so that a member of `sitemon_reader` may."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.page_incidents import Incident
from sitemon.store.prepared import load_prepared

_sql: Final = load_prepared("page_site.sql")


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


class SentCertificate(NamedTuple):
    """A certificate that a server sent."""

    subject: str
    issuer: str
    begins_at: datetime
    expires_at: datetime


class Chain(NamedTuple):
    """The certificates that a server sent to a region, its own first, from one moment to another."""

    region: str
    first_at: datetime
    last_at: datetime
    certificates: list[SentCertificate]


def read_counts(conn: Connection, site: str, stretch: Stretch) -> list[Counts | None]:
    """Return how many checks found what in each part of a stretch, by its sums; None: nothing was due.

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
    with translated(), conn.cursor() as cursor:
        if stretch.source is Source.RAW:
            found = {place: _raw_part(columns) for place, *columns in _all(cursor, "raw_parts", asked)}
            return [found.get(place) for place in range(stretch.bins)]
        latencies = {place: found for place, *found in _all(cursor, f"{stretch.source}_latencies", asked)}
        phases = _all(cursor, "phases", asked) if with_phases else []
    by_place = {place: tuple(found) for place, *found in phases if None not in found}
    return [
        _part(counts, latencies.get(place), by_place.get(place)) if counts else None
        for place, counts in enumerate(read_counts(conn, site, stretch))
    ]


def is_anything_before(conn: Connection, site: str, stretch: Stretch) -> bool:
    """Tell whether what a stretch is counted from has anything of the site that was due before it.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        return bool(_all(cursor, f"{stretch.source}_before", {"site": site, "first": stretch.first}))


def _asked(site: str, stretch: Stretch) -> dict[str, object]:
    return {"site": site, "first": stretch.first, "until": stretch.until, "bin_s": stretch.bin_s}


def _raw_part(columns: Sequence[Any]) -> Part:
    *counts, buckets, percentiles_s, dns_s, connect_s, tls_s, first_byte_s, download_s = columns
    phases_s = (dns_s, connect_s, tls_s, first_byte_s, download_s)
    p50_s, p95_s, p99_s = percentiles_s or (None, None, None)
    return Part(Counts(*counts), p50_s, p95_s, p99_s, Counter(buckets), None if None in phases_s else phases_s)


def _part(counts: Counts, found: list[Any] | None, phases_s: tuple[float, ...] | None) -> Part:
    if found is None:
        return Part(counts, phases_s=phases_s)
    buckets, checks, p50_s, p95_s, p99_s = found
    histogram: dict[int, int] = {}
    for bucket, count in zip(buckets, checks, strict=True):
        histogram[bucket] = histogram.get(bucket, 0) + count
    return Part(counts, p50_s, p95_s, p99_s, histogram, phases_s)


def read_incidents_of(conn: Connection, site: str, most: int) -> list[Incident]:
    """Return the newest incidents of a site, by their beginnings, but for those that were withdrawn.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        return list(map(Incident._make, _all(cursor, "incidents", {"site": site, "most": most})))


def read_newest(conn: Connection, site: str, since: datetime) -> list[Newest]:
    """Return of each region of a site the newest result since a moment.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        return list(map(Newest._make, _all(cursor, "newest", {"site": site, "since": since})))


def read_chains(conn: Connection, site: str, most: int) -> list[Chain]:
    """Return so many chains of a site at most of each region, the newest first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        return [
            Chain(region, first_at, last_at, list(map(SentCertificate._make, zip(*columns, strict=True))))
            for region, first_at, last_at, *columns in _all(cursor, "chains", {"site": site, "most": most})
        ]


def _all(cursor: Cursor, name: str, values: Mapping[str, object]) -> list[Any]:
    _sql[name].execute(cursor, values)
    return cursor.fetchall()
