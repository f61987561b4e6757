"""Incidents as people read them: from the public views only, so that a member of `sitemon_reader` may.

To say that somebody knows of one, or to write a note, needs a right more: docs/api.md says which.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("page_incidents.sql")
_LARGEST: Final = 2**31 - 1
_MOST_NOTES: Final = 200
MOST_ALERTS: Final = 200
"""Of an incident, of which people may be reminded for months."""
_PIECE: Final = 100
"""Each brings texts of its own of the same regions."""

State = Literal["any", "open", "ended", "withdrawn"]


class Incident(NamedTuple):
    """A stretch in which a site was down. `decided_at` is when we knew; of one `withdrawn_at`, that it never was."""

    incident_id: int
    site: str
    started_at: datetime
    ended_at: datetime | None
    regions: list[str]
    reason: str | None
    http_code: int | None
    error: str | None
    decided_at: datetime
    withdrawn_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    behind: str | None


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


class Note(NamedTuple):
    """What somebody wrote of an incident, for everybody when it is published.

    One that was taken back has `withdrawn_at`; `was_published` says that it was for everybody until then.
    """

    note_id: int
    incident_id: int
    written_at: datetime
    written_by: str
    note: str
    is_published: bool
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    was_published: bool


class Published(NamedTuple):
    """What everybody may read on an incident: the newest notes, in the order in which they were written.

    `withdrawn_at` is when one that everybody could read was taken back last.
    """

    notes: Sequence[tuple[datetime, str]]
    withdrawn_at: datetime | None


class NewNote(NamedTuple):
    """A note to be written; `replaces` is the number of the one that is taken back for it."""

    note: str
    is_published: bool
    replaces: int | None = None


class FullIncident(NamedTuple):
    """An incident, and what was said of it last, by us and by people."""

    incident: Incident
    alerts: list[Alert]
    notes: list[Note]


class Before(NamedTuple):
    """The place of an incident among all, the newest first."""

    started_at: datetime
    incident_id: int


def read_incidents(
    conn: Connection,
    most: int | None = None,
    *,
    incident_id: int | None = None,
    site: str | None = None,
    sites: Sequence[str] | None = None,
    state: State | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Before | None = None,
    before_number: int | None = None,
) -> list[Incident]:
    """Return the newest incidents, by their beginnings, or by their numbers before one of these.

    Without a state they are those that were not withdrawn; `since` and `until` bound a stretch of time that they touch.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    before_at, before_id = before or (None, None)
    asked = {
        "most": most,
        "incident_id": incident_id,
        "site": site,
        "sites": None if sites is None else list(sites),
        "state": state,
        "since": since,
        "until": until,
        "before_at": before_at,
        "before_id": before_id,
        "before_number": before_number,
    }
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["incidents"], asked)
        found: list[Incident] = []
        names: dict[str, str] = {}
        for rows in iter(lambda: cursor.fetchmany(_PIECE), []):
            found += [
                one._replace(regions=[names.setdefault(name, name) for name in one.regions])
                for one in map(Incident._make, rows)
            ]
        return found


def read_incidents_in_turns(conn: Connection, owners: Mapping[str, str], since: datetime, most: int) -> list[Incident]:
    """Return incidents of sites, by whose each is, the newest first: those that last or ended since a moment.

    Where there are more than `most`, each owner has one of them before any has a second one, and each of its sites too.
    It takes as long as there are sites, however many incidents there were.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    asked = {"sites": [*owners], "owners": [*owners.values()], "since": since, "most": most}
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["incidents_in_turns"], asked)
        return [Incident._make(row) for row in cursor.fetchall()]


def read_incident(conn: Connection, incident_id: int) -> FullIncident | None:
    """Return an incident and what was said of it, the newest alerts and notes; None: there is none.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    if incident_id > _LARGEST:
        return None
    found = read_incidents(conn, incident_id=incident_id, state="any")
    if not found:
        return None
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["alerts_of"], {"incident_id": incident_id, "most": MOST_ALERTS})
        alerts = [Alert._make(row) for row in cursor.fetchall()]
    return FullIncident(found[0], alerts, read_notes(conn, incident_id))


def read_notes(conn: Connection, incident_id: int) -> list[Note]:
    """Return the newest notes on an incident, in the order in which they were written.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["notes_of"], {"incident_id": incident_id, "most": _MOST_NOTES})
        return [Note._make(row) for row in cursor.fetchall()]


def read_published(conn: Connection, incident_ids: Sequence[int], most: int) -> dict[int, Published]:
    """Return what everybody may read on each of these incidents, so many notes at most, by its number.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["published"], {"incident_ids": list(incident_ids), "most": most})
        return {
            incident_id: Published(list(zip(written_at, notes, strict=True)), withdrawn_at)
            for incident_id, withdrawn_at, written_at, notes in cursor.fetchall()
        }


def acknowledge(conn: Connection, incident_id: int, by: str) -> bool:
    """Say that somebody knows of an incident; return False when there is none, or somebody does already.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["acknowledge"], {"incident_id": incident_id, "by": by})
        return bool(cursor.rowcount)


def add_note(conn: Connection, incident_id: int, by: str, new: NewNote) -> bool:
    """Write a note on an incident; return False, having done nothing, when there is none, or not what it replaces.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    asked = {"incident_id": incident_id, "by": by, "note": new.note, "is_published": new.is_published}
    with translated(), conn, conn.cursor() as cursor:
        if new.replaces is not None:
            cursor.execute(_sql["withdraw_note"], asked | {"note_id": new.replaces})
            if not cursor.rowcount:
                return False
        cursor.execute(_sql["add_note"], asked)
        return bool(cursor.rowcount)


def withdraw_note(conn: Connection, incident_id: int, by: str, note_id: int) -> bool:
    """Take a note back; return False when there is none of this number on the incident, or it was taken back already.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["withdraw_note"], {"incident_id": incident_id, "by": by, "note_id": note_id})
        return bool(cursor.rowcount)
