"""What a chart of one site is drawn from, by the public views."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("plot.sql")

_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FROM_RESULTS: Final = timedelta(days=2)
"""Longer stretches are drawn from hours."""


class Bin(NamedTuple):
    """A part of the time: percentiles of its latencies, None without any, and its checks, missed ones included."""

    p50_s: float | None = None
    p95_s: float | None = None
    missed: int = 0
    total: int = 0


class SitePlot(NamedTuple):
    """A site from `from_at` on and before `until_at`, in bins of the same length; incidents may reach beyond.

    `view` is what the bins were read from.
    """

    site: str
    regions: list[str]
    from_at: datetime
    until_at: datetime
    bins: list[Bin]
    incidents: list[tuple[datetime, datetime | None]]
    view: str


def read_plot(
    conn: Connection, site: str, region: str | None, now: datetime, *, span: timedelta, most_bins: int
) -> SitePlot | None:
    """Read a site's last `span` in so many bins at most, of one region or of all; None: nothing is known of it.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["seen_regions"], {"site": site})
        watched = [found for found in cursor.fetchall() if region in {None, found[0]}]
        if not watched:
            return None
        regions, intervals_s = zip(*watched, strict=True)
        is_raw = span <= FROM_RESULTS
        bin_ = max(span / most_bins, timedelta(seconds=max(filter(None, intervals_s), default=1)))
        if not is_raw:
            bin_ = -(-bin_ // _HOUR) * _HOUR
        until_at = now if is_raw else _EPOCH + -(-(now - _EPOCH) // _HOUR) * _HOUR
        from_at = until_at - -(-span // bin_) * bin_
        values = {"site": site, "regions": list(regions), "from_at": from_at, "until_at": until_at, "bin": bin_}
        cursor.execute(_sql["bins_of_results" if is_raw else "bins_of_hours"], values)
        found = {(bin_at - from_at) // bin_: Bin(*numbers) for bin_at, *numbers in cursor.fetchall()}
        cursor.execute(_sql["incidents_of_site"], values)
        incidents = cursor.fetchall()
    bins = [found.get(place, Bin()) for place in range((until_at - from_at) // bin_)]
    view = "sitemon.results" if is_raw else "sitemon.latency_hourly, sitemon.uptime_hourly"
    return SitePlot(site, list(regions), from_at, until_at, bins, incidents, view)


def known_sites(conn: Connection) -> Sequence[str]:
    """Return the names of all sites of which anything is known.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [name for (name,) in rows_of(conn, _sql["known_sites"])]
