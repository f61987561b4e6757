"""Incidents, to say that somebody knows of one, and what is to say of it."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StrictBool, StringConstraints

from sitemon.model.note import LONGEST_CHARS
from sitemon.store.connect import Connection
from sitemon.store.history import Row
from sitemon.store.page_incidents import FullIncident, NewNote, read_incident, read_incidents
from sitemon.web.api.answers import as_json, cut, made_up_until, read, refusals
from sitemon.web.api.models import Incident, IncidentInFull, Page
from sitemon.web.api.parameters import IncidentsQuery, LongNumber, Number
from sitemon.web.asked import Asked
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem

_LARGEST: Final = 2**31 - 1


class NoteToWrite(Asked):
    """A note on an incident, of printable characters on one line."""

    note: Annotated[str, StringConstraints(pattern=rf"^[^\x00]{{1,{LONGEST_CHARS}}}$")] = Field(
        examples=["The disk is full: we are making room."]
    )
    is_published: StrictBool = Field(
        False, description="for everybody: on the public page and in its feed, without your name"
    )
    replaces: LongNumber | None = Field(None, description="the number of the note that is taken back for it")


def routes(web: Web) -> APIRouter:
    """Return ``incidents``, ``incidents/{incident_id}``, ``…/ack``, ``…/notes`` and ``…/notes/{note_id}``."""
    router = APIRouter(tags=["incidents"])

    @router.get("/incidents", response_model=Page[Incident], responses=refusals())
    async def list_incidents(request: Request, query: Annotated[IncidentsQuery, Query()]) -> Response:
        """List incidents by their numbers, the newest first."""
        web.guard.reader_of(request)
        before = int(query.cursor) if query.cursor else _LARGEST
        made_up_until_at = await made_up_until(web)

        def ask(conn: Connection) -> list[Row]:
            found = read_incidents(conn, query.limit + 1, site=query.site, state=query.state, before_number=before)
            return [one._asdict() for one in found]

        def write(found: list[Row]) -> bytes:
            rows, cursor = cut(found, query.limit, lambda row: str(row["incident_id"]))
            page = Page[Incident](items=[], next_cursor=cursor, made_up_until_at=made_up_until_at)
            return as_json(page, map(Incident.model_validate, rows))

        return await read(web, request, ask, write)

    @router.get("/incidents/{incident_id}", response_model=IncidentInFull, responses=refusals(404))
    async def get_incident(request: Request, incident_id: Number) -> Response:
        """Return an incident, and what was said of it: alerts, and notes of people."""
        web.guard.reader_of(request)
        made_up_until_at = await made_up_until(web)

        def write(found: FullIncident | None) -> bytes:
            if found is None:
                raise Problem(404, "there is no incident of this number")
            return _in_full(found, made_up_until_at).model_dump_json().encode()

        return await read(web, request, lambda conn: read_incident(conn, incident_id), write)

    @router.post("/incidents/{incident_id}/ack", responses=refusals(403, 404, 409))
    async def acknowledge_incident(request: Request, incident_id: Number) -> Incident:
        """Say that you know of an incident: nobody is reminded of it any more."""
        actor = web.guard.operator_of(request)
        incident = await web.act(lambda: web.acts.acknowledge(request, actor, incident_id))
        return Incident.model_validate(incident._asdict())

    @router.post("/incidents/{incident_id}/notes", status_code=201, responses=refusals(403, 404, 409, 413))
    async def note_incident(request: Request, incident_id: Number, note: NoteToWrite) -> IncidentInFull:
        """Write a note on an incident, or another instead of it: for those who may read it here, or for everybody."""
        actor = web.guard.operator_of(request)
        new = NewNote(note.note, note.is_published, note.replaces)
        found = await web.act(lambda: web.acts.note(request, actor, incident_id, new))
        return _in_full(found, await made_up_until(web))

    @router.delete("/incidents/{incident_id}/notes/{note_id}", status_code=204, responses=refusals(403, 409))
    async def withdraw_note(request: Request, incident_id: Number, note_id: LongNumber) -> Response:
        """Take a note back: the public page and its feed show it no longer."""
        actor = web.guard.operator_of(request)
        await web.act(lambda: web.acts.withdraw_note(request, actor, incident_id, note_id))
        return Response(status_code=204)

    return router


def _in_full(found: FullIncident, made_up_until_at: datetime | None) -> IncidentInFull:
    said = {"alerts": [one._asdict() for one in found.alerts], "notes": [one._asdict() for one in found.notes]}
    return IncidentInFull.model_validate(found.incident._asdict() | said | {"made_up_until_at": made_up_until_at})
