"""Windows of maintenance: to declare one, and to end it."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from sitemon import clock
from sitemon.store.maintenance_windows import Declaration
from sitemon.web.api.answers import refusals
from sitemon.web.api.models import Maintenance
from sitemon.web.api.parameters import LongNumber, Moment, Name
from sitemon.web.asked import Asked, at_most
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem

_LONGEST: Final = timedelta(days=30)
_MOST: Final = 1_000
_MOST_LABELS: Final = 20

_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,1000}$")]
_Labels = Annotated[dict[str, str], Field(max_length=_MOST_LABELS), at_most(_MOST_LABELS)]


class _Window(Asked):
    from_at: Moment | None = Field(None, description="by default now; it may have been before")
    until_at: Moment = Field(examples=["2026-11-24T09:00:00Z"])
    reason: _Text | None = Field(None, examples=["the database is moved"])


class WindowOfSites(_Window):
    """A window of these sites, and of those that have all of the labels, if any are given."""

    sites: Annotated[list[Name], Field(min_length=1, max_length=_MOST, examples=[["shop"]])]
    labels: _Labels = Field({})


class WindowOfLabels(_Window):
    """A window of the sites that have all of these labels."""

    labels: Annotated[_Labels, Field(min_length=1, examples=[{"team": "web"}])]


def routes(web: Web) -> APIRouter:
    """Return ``maintenance`` and ``maintenance/{maintenance_id}``."""
    router = APIRouter(tags=["maintenance"])

    @router.post("/maintenance", status_code=201, responses=refusals(403, 409, 413))
    async def declare_maintenance(request: Request, window: WindowOfSites | WindowOfLabels) -> Maintenance:
        """Declare a window in which failures of sites make no incident. It may have begun."""
        actor = web.guard.operator_of(request)
        from_at = window.from_at or clock.utc_now()
        _refuse_length(from_at, window.until_at)
        if any("\0" in word for label in window.labels.items() for word in label):
            raise Problem(409, "no site has a label with a NUL in it")
        sites = tuple(window.sites) if isinstance(window, WindowOfSites) else ()
        said = Declaration(from_at, window.until_at, sites, window.labels, window.reason, actor.name)
        declared = await web.act(lambda: web.acts.declare_maintenance(request, actor, said))
        return Maintenance(
            maintenance_id=declared.maintenance_id,
            sites=declared.sites,
            from_at=from_at,
            until_at=window.until_at,
            reason=window.reason,
            declared_by=actor.name,
        )

    @router.delete("/maintenance/{maintenance_id}", status_code=204, responses=refusals(403, 409))
    async def end_maintenance(
        request: Request,
        maintenance_id: LongNumber,
        withdraw: Annotated[bool, Query(description="as if it had never been: what failed in it counts again")] = False,
    ) -> Response:
        """End a window now; one that has not begun never begins."""
        actor = web.guard.operator_of(request)
        await web.act(lambda: web.acts.end_maintenance(request, actor, maintenance_id, withdraw=withdraw))
        return Response(status_code=204)

    return router


def _refuse_length(from_at: datetime, until_at: datetime) -> None:
    if until_at <= from_at:
        raise Problem(409, "it would end before it begins")
    if until_at - from_at > _LONGEST:
        raise Problem(409, "it would last longer than 30 days: a site that rests for longer is not enabled")
