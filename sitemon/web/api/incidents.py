"""Incidents, and to say that somebody knows of one."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from sitemon.store.connect import Connection
from sitemon.store.history import Row, read_incidents
from sitemon.store.page_incidents import read_incident
from sitemon.web.api.answers import cut, read, refusals
from sitemon.web.api.models import Incident, IncidentWithAlerts, Page
from sitemon.web.api.parameters import IncidentsQuery, Number
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem

_LARGEST: Final = 2**31 - 1


def routes(web: Web) -> APIRouter:
    """Return ``incidents``, ``incidents/{incident_id}`` and ``…/ack``."""
    router = APIRouter(tags=["incidents"])

    @router.get("/incidents", responses=refusals())
    async def list_incidents(request: Request, query: Annotated[IncidentsQuery, Query()]) -> Page[Incident]:
        """List incidents by their numbers, the newest first."""
        web.guard.reader_of(request)
        before = int(query.cursor) if query.cursor else _LARGEST

        def ask(conn: Connection) -> list[Row]:
            return read_incidents(conn, before, query.limit + 1, site=query.site, state=query.state)

        rows = await run_in_threadpool(read, web, ask)
        items, cursor = cut(rows, query.limit, lambda row: str(row["incident_id"]))
        return Page[Incident].model_validate({"items": items, "next_cursor": cursor})

    @router.get("/incidents/{incident_id}", responses=refusals(404))
    async def get_incident(request: Request, incident_id: Number) -> IncidentWithAlerts:
        """Return an incident, and what was said of it."""
        web.guard.reader_of(request)
        found = await run_in_threadpool(read, web, lambda conn: read_incident(conn, incident_id))
        if found is None:
            raise Problem(404, "there is no incident of this number")
        incident, alerts = found
        return IncidentWithAlerts.model_validate(incident._asdict() | {"alerts": [one._asdict() for one in alerts]})

    @router.post("/incidents/{incident_id}/ack", responses=refusals(403, 404, 409))
    async def acknowledge_incident(request: Request, incident_id: Number) -> Incident:
        """Say that you know of an incident: nobody is reminded of it any more."""
        actor = web.guard.operator_of(request)
        incident = await run_in_threadpool(web.acts.acknowledge, request, actor, incident_id)
        return Incident.model_validate(incident._asdict())

    return router
