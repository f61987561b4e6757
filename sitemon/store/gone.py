"""Sites that are in no schedule any more, though an incident of theirs lasts, or that they are degraded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.gone import GRACE
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("gone.sql")

_ON_THE_WAY: Final = timedelta(minutes=1)
"""Results of slots up to so much later may be of before."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_WHY: Final = "The site was taken out of the configuration: that ended this incident. Nobody has seen the site up."


class Lasting(NamedTuple):
    """A site of which something lasts."""

    site_id: int
    name: str


def lasting_sites(conn: Connection, after: int, most: int) -> list[Lasting]:
    """Return the first sites after a number of which something lasts.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [Lasting(*row) for row in rows_of(conn, _sql["lasting"], after=after, most=most)]


def have_decided(conn: Connection, site_ids: Sequence[int]) -> None:
    """Let it be decided on those of these sites that surely have left the schedule, as where rows changed.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        left = {site_id: left_at for site_id, left_at in scheduled(cursor, site_ids).items() if left_at}
        if left:
            cursor.execute(_sql["mark"], {"site_ids": list(left), "left_at": list(left.values())})


def scheduled(cursor: Cursor, site_ids: Sequence[int]) -> dict[int, datetime | None]:
    """Return which of these sites are in the schedule, or were, and since when they surely are no more."""
    if not site_ids:
        return {}
    times = {"grace_ms": GRACE // _MILLISECOND, "on_the_way_ms": _ON_THE_WAY // _MILLISECOND}
    cursor.execute(_sql["scheduled"], {"site_ids": list(site_ids), **times})
    return dict(cursor.fetchall())


def say_why(cursor: Cursor, incident_ids: Sequence[int]) -> None:
    """Write at these incidents that they ended since their sites were taken out."""
    if incident_ids:
        cursor.execute(_sql["say_why"], {"incident_ids": list(incident_ids), "note": _WHY})


def let_go(cursor: Cursor, site_ids: Sequence[int]) -> None:
    """Hold nothing of these sites any longer: nobody will be told of it."""
    if site_ids:
        cursor.execute(_sql["let_go"], {"site_ids": list(site_ids)})
