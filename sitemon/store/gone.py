"""Sites that are in no schedule any more, though an incident of theirs lasts, or that they are degraded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.gone import GRACE
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("gone.sql")

_ON_THE_WAY: Final = timedelta(minutes=1)
"""Results of slots up to so much later may be of before."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_WHY: Final = "The site was taken out of the configuration: that ended this incident. Nobody has seen the site up."


class Scheduled(NamedTuple):
    """A site that is in the schedule, or was until `left_at`; None: it is, or it is not certain."""

    site_id: int
    name: str
    left_at: datetime | None


class Lasting(NamedTuple):
    """Those of some sites that are in the schedule or were, and the last number that was looked at; None: of all."""

    sites: Sequence[Scheduled]
    last: int | None


def look_at_lasting(conn: Connection, after: int, most: int) -> Lasting:
    """Return the first sites after a number of which something lasts.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["lasting"], {"after": after, "most": most})
        site_ids = [site_id for (site_id,) in cursor.fetchall()]
        return Lasting(scheduled_of(cursor, site_ids), site_ids[-1] if len(site_ids) == most else None)


def scheduled_of(cursor: Cursor, site_ids: Sequence[int]) -> list[Scheduled]:
    """Return those of these sites that are in the schedule, or were."""
    if not site_ids:
        return []
    times = {"grace_ms": GRACE // _MILLISECOND, "on_the_way_ms": _ON_THE_WAY // _MILLISECOND}
    cursor.execute(_sql["left_schedule"], {"site_ids": list(site_ids), **times})
    return [Scheduled(*row) for row in cursor.fetchall()]


def have_decided(conn: Connection, left: Sequence[Scheduled]) -> None:
    """Let it be decided on sites that have left the schedule, as where rows changed.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    if left:
        columns = {"site_ids": [one.site_id for one in left], "left_at": [one.left_at for one in left]}
        with translated(), conn, conn.cursor() as cursor:
            cursor.execute(_sql["mark"], columns)


def say_why(cursor: Cursor, incident_ids: Sequence[int]) -> None:
    """Write at these incidents that they ended since their sites were taken out."""
    if incident_ids:
        cursor.execute(_sql["say_why"], {"incident_ids": list(incident_ids), "note": _WHY})


def let_go(cursor: Cursor, site_ids: Sequence[int]) -> None:
    """Hold nothing of these sites any longer: nobody will be told of it."""
    if site_ids:
        cursor.execute(_sql["let_go"], {"site_ids": list(site_ids)})
