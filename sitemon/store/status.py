"""The states of sites as alerters decided them, and which of their changes nobody was told of yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.status import OpenIncident, SiteStatus, State
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("status.sql")


def is_any_untold(conn: Connection) -> bool:
    """Return whether there is something to tell.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    ((is_any,),) = rows_of(conn, _sql["is_any_untold"])
    return bool(is_any)


def note_changes(conn: Connection, most: int) -> int:
    """Find out which states were changed by time alone, and keep them to be told; return how many they are.

    None where another session is at it, or tells.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        if not _is_our_turn(cursor):
            return 0
        cursor.execute(_sql["take_changed"], {"most": most})
        site_ids = [site_id for (site_id,) in cursor.fetchall()]
        if site_ids:
            cursor.execute(_sql["note_changes"], {"site_ids": site_ids})
        return len(site_ids)


@contextmanager
def take_untold(conn: Connection, most: int) -> Iterator[Sequence[SiteStatus]]:
    """Give the oldest changes that nobody was told of, none while another has them; after the block they are told.

    An error in the block leaves them as they were.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        is_ours = _is_our_turn(cursor)
        if is_ours:
            cursor.execute(_sql["untold"], {"most": most})
        untold = [_status(*row) for row in cursor.fetchall()] if is_ours else []
        yield untold
        if untold:
            cursor.execute(_sql["told"], {"sequences": [status.sequence for status in untold]})


def tell_again(conn: Connection, sites: Sequence[str]) -> None:
    """Have these sites count as changed: what was told of them last may be older than what was told before.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["tell_again"], {"sites": list(sites)})


def _is_our_turn(cursor: Cursor) -> bool:
    cursor.execute(_sql["take_turn"])
    ((is_ours,),) = cursor.fetchall()
    return bool(is_ours)


def _status(sequence: int, site: str, state: State, *rest: Any) -> SiteStatus:
    since_at, regions, incident_id, started_at, *cause = rest
    incident = None
    if incident_id is not None:
        names = ("reason", "http_code", "error")
        incident = OpenIncident(id=incident_id, started_at=started_at, **dict(zip(names, cause, strict=True)))
    return SiteStatus(site=site, sequence=sequence, state=state, since_at=since_at, regions=regions, incident=incident)
