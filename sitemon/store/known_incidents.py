"""Incidents as people read them, and that somebody knows of one."""

from datetime import datetime
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("known_incidents.sql")


class KnownIncident(NamedTuple):
    """An incident as people read it."""

    incident_id: int
    site: str
    started_at: datetime
    ended_at: datetime | None
    regions: list[str]
    reason: str | None
    http_code: int | None
    error: str | None
    acknowledged_by: str | None
    is_withdrawn: bool
    behind: str | None


def read_incidents(conn: Connection, since: datetime, *, open_only: bool) -> list[KnownIncident]:
    """Return the incidents that are open, or ended since a moment; newest first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["incidents"], {"since": since, "open_only": open_only})
        return [KnownIncident._make(row) for row in cursor.fetchall()]


def acknowledge(conn: Connection, incident_id: int, by: str) -> bool:
    """Say that somebody knows of an incident; return False when there is none, or somebody does already.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["acknowledge"], {"incident_id": incident_id, "by": by})
        return bool(cursor.rowcount)
