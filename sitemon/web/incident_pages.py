"""The list of incidents, and a page for each."""

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from sitemon.model.moment import format_utc
from sitemon.model.outcome import REASONS
from sitemon.store.connect import Connection
from sitemon.store.history import END_OF_TIME, ResultsAfter, Row, SiteStretch, read_results
from sitemon.store.page_incidents import (
    MOST_ALERTS,
    Alert,
    Before,
    Incident,
    Note,
    State,
    read_incident,
    read_incidents,
)
from sitemon.web.dependencies import Web
from sitemon.web.kept import Kept, Read
from sitemon.web.pages import no_data, not_found
from sitemon.web.ranges import view_of
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render
from sitemon.web.timeline import timeline

_MOST: Final = 50
_ROWS: Final = 30
_LONGEST_SITE: Final = 1_000
"""No name is so long."""
_AROUND: Final = timedelta(minutes=15)
_COLUMNS: Final = ("slot_at", "region", "kind", "outcome", "reason", "http_code", "latency_s", "error")
"""Those that the page shows: others may be long."""
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class _Asked(NamedTuple):
    open_only: bool
    site: str | None
    before: Before | None

    def read(self, conn: Connection) -> list[Incident]:
        """Return one more than a page shows."""
        state: State = "open" if self.open_only else "any"
        return read_incidents(conn, _MOST + 1, site=self.site or None, state=state, before=self.before)


class _NoPageError(Exception):
    """There is nothing to show; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class _One(NamedTuple):
    incident: Incident
    alerts: list[Alert]
    notes: list[Note]
    rows: list[Row]


def routes(web: Web) -> APIRouter:
    """Return `/incidents` and `/incidents/<id>`."""
    router = APIRouter()
    lists: Kept[list[Incident]] = Kept()
    each: Kept[_One | None] = Kept()

    @router.get("/incidents")
    async def incidents(request: Request) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data()
        query = request.query_params
        asked = _Asked(
            query.get("open") == "1", query.get("site", "")[:_LONGEST_SITE] or None, _before(query.get("before", ""))
        )

        def read() -> list[Incident]:
            with web.pool.connection() as conn:
                return asked.read(conn)

        def page() -> str:
            return _list(web, snapshot, asked, lists.of(asked, snapshot.at, read, is_away=bool(snapshot.problem)))

        return await web.shared.answer(request, snapshot.version, page)

    @router.get("/incidents/{number}")
    async def incident(request: Request, number: str) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data()

        def page() -> str:
            read, is_away = partial(_read, web, number), bool(snapshot.problem)
            found = each.of(number, snapshot.at, read, is_away=is_away, evidence=snapshot.version)
            return _page(web, snapshot, number, found)

        try:
            return await web.shared.answer(request, snapshot.version, page)
        except _NoPageError as exc:
            return exc.answer

    return router


def _read(web: Web, number: str) -> _One | None:
    if not _NUMBER.fullmatch(number):
        return None
    with web.pool.connection() as conn:
        found = read_incident(conn, int(number))
        if found is None:
            return None
        one, alerts, notes = found
        moments = sorted({one.started_at, one.ended_at or one.withdrawn_at or one.started_at}, reverse=True)
        around = [row for at in moments for row in _results_around(conn, one.site, at)]
        # Those around its end first, of which some are around its beginning too.
        rows = {(row["slot_at"], row["region"], row["kind"]): row for row in around}
        return _One(one, alerts, notes, list(rows.values()))


def _results_around(conn: Connection, site: str, at: datetime) -> list[Row]:
    stretch = SiteStretch(site, at - _AROUND, at + _AROUND)
    rows = read_results(conn, stretch, ResultsAfter(END_OF_TIME), _ROWS, now=at + _AROUND)
    return [{name: row[name] for name in _COLUMNS} for row in rows]


def _list(web: Web, snapshot: Snapshot, asked: _Asked, found: Read[list[Incident]] | None) -> str:
    incidents = found.data if found else []
    more = incidents[_MOST - 1] if len(incidents) > _MOST else None
    return render(
        "incidents.html",
        here="/incidents",
        snapshot=snapshot,
        incidents=incidents[:_MOST],
        is_read=found is not None,
        old_since=found.old_since(snapshot.at) if found else None,
        asked=asked,
        can_act=web.guard.can_sign_in,
        older=f"{format_utc(more.started_at)}~{more.incident_id}" if more else None,
    )


def _page(web: Web, snapshot: Snapshot, number: str, found: Read[_One | None] | None) -> str:
    if found is None:
        raise _NoPageError(no_data())
    one, now = found.data, snapshot.at
    if one is None:
        raise _NoPageError(not_found(snapshot, f"There is no incident {number}."))
    incident = one.incident
    meanings = {str(reason): meaning for reason, (_, meaning) in REASONS.items()}
    return render(
        "incident.html",
        here="/incidents",
        snapshot=snapshot,
        incident=incident,
        old_since=found.old_since(now),
        meaning=meanings.get(incident.reason or ""),
        steps=timeline(incident, one.alerts, one.notes),
        charts=view_of(incident.started_at, incident.ended_at or now, now).address(incident.site),
        alerts=one.alerts,
        most_alerts=MOST_ALERTS,
        can_act=web.guard.can_sign_in,
        rows=one.rows,
    )


def _before(text: str) -> Before | None:
    moment, _, number = text.partition("~")
    try:
        started_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return Before(started_at, int(number)) if started_at.tzinfo and _NUMBER.fullmatch(number) else None
