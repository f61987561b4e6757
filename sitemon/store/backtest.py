"""Recorded rows for a backtest, as a stream: what is held at a time is one site's rows of a day."""

import operator
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from sitemon.incident.connectivity import Outage, Outages
from sitemon.incident.rows import Cause, Row
from sitemon.model.outcome import Outcome
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("backtest.sql")

_AT_ONCE: Final = timedelta(days=1)
"""Rows lie on disk nearly in the order of their slots, and are sorted by their sites for so long a stretch."""

_FETCHED: Final = 10_000


class Recorded(NamedTuple):
    """Of which sites something is recorded, since when rows are kept, and when regions were offline."""

    sites: frozenset[str]
    since: datetime
    outages: Outages


def read_recorded(conn: Connection) -> Recorded:
    """Return what there is to fold.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["recorded_sites"])
        sites = frozenset(name for (name,) in cursor.fetchall())
        cursor.execute(_sql["first_raw"])
        ((since,),) = cursor.fetchall()
        cursor.execute(_sql["outages"], {"since": since})
        return Recorded(sites, since, Outages(map(Outage._make, cursor.fetchall())))


def stream_rows(
    conn: Connection, from_at: datetime, until_at: datetime, *, good_rows: int
) -> Iterator[tuple[str, list[Row]]]:
    """Give the rows from which incidents follow, of all kinds but ``adhoc``, a day of all sites after the other.

    A site's rows are in order, and no slot of it comes twice. Good rows beyond the first `good_rows` of a region after
    the last that was not good are left out: where that many heal every region, the others change nothing.
    Causes have no `error`.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    while from_at < until_at:
        next_at = min(from_at + _AT_ONCE, until_at)
        with translated(), conn, conn.cursor() as setting, conn.cursor("backtest") as cursor:
            setting.execute(_sql["take_time"])
            cursor.itersize = _FETCHED
            cursor.execute(_sql["telling_rows"], {"from_at": from_at, "until_at": next_at, "good_rows": good_rows})
            for site, of_site in groupby(cursor, operator.itemgetter(0)):
                rows = [
                    Row(slot_at, region, kind, Outcome(outcome), Cause(*cause), is_maintained=is_maintained)
                    for _, slot_at, region, kind, outcome, is_maintained, *cause in of_site
                ]
                yield site, rows
        from_at = next_at
