"""What the page and the API read of incidents: the public views only, so that a member of `sitemon_reader` may."""

from datetime import datetime
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.page import Incident
from sitemon.store.queries import load_queries

_sql: Final = load_queries("page_incidents.sql")
_LARGEST: Final = 2**31 - 1


class Alert(NamedTuple):
    """What was to be said of an incident on a channel: `state` is delivered, waiting or given up."""

    alert_id: int
    type: str
    channel: str
    state: str
    created_at: datetime
    delivered_at: datetime | None
    tries: int
    problem: str | None


class Before(NamedTuple):
    """The place of an incident among all, the newest first."""

    started_at: datetime
    incident_id: int


def read_incidents(
    conn: Connection, most: int, *, before: Before | None = None, open_only: bool = False, site: str | None = None
) -> list[Incident]:
    """Return the newest incidents, of all sites or of one, before the place of another one.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    started_at, number = before or (None, None)
    asked = {"before_at": started_at, "before_id": number, "open_only": open_only, "site": site, "most": most}
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["incidents"], asked)
        return list(map(Incident._make, cursor.fetchall()))


def read_incident(conn: Connection, incident_id: int) -> tuple[Incident, list[Alert]] | None:
    """Return an incident and what was to be said of it; None: there is none.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    if incident_id > _LARGEST:
        return None
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["incident"], {"incident_id": incident_id})
        found = [Incident._make(row) for row in cursor.fetchall()]
        cursor.execute(_sql["alerts_of"], {"incident_id": incident_id})
        alerts = [Alert._make(row) for row in cursor.fetchall()]
    return (found[0], alerts) if found else None
