"""What operators do by pages: each asks first, since pages that only show are the same for everybody."""

import re
from typing import Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from sitemon import clock
from sitemon.model.note import LONGEST_CHARS
from sitemon.model.result import Result
from sitemon.report.plain import plain_report
from sitemon.store.page_incidents import NewNote, Note, read_notes
from sitemon.web.api.answers import site_of
from sitemon.web.api.parameters import LongNumber, Number
from sitemon.web.auth import not_signed_in
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem
from sitemon.web.sign_in import SECRET, form_fields
from sitemon.web.templating import render

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}")


def routes(web: Web) -> APIRouter:
    """Return `/incidents/<id>/acknowledge`, `/incidents/<id>/note` and `/sites/<name>/check`."""
    router = APIRouter()

    @router.get("/incidents/{number}/acknowledge")
    async def ask_to_acknowledge(request: Request, number: Number) -> Response:
        asked = f"Do you know of incident {number}?", "Nobody is reminded of it any more.", "I do"
        return _question(web, request, asked, back=f"/incidents/{number}")

    @router.post("/incidents/{number}/acknowledge")
    async def acknowledge(request: Request, number: Number) -> Response:
        actor = web.guard.operator_of(request, await _token_in(request))
        await web.act(lambda: web.acts.acknowledge(request, actor, number))
        return _back_to(number)

    @router.get("/incidents/{number}/note")
    async def ask_for_note(request: Request, number: Number, replaces: LongNumber | None = None) -> Response:
        _sign_in_first(web, request)
        replaced = None
        if replaces:
            async with web.turns.one(web.guard.client_of(request)):
                replaced = await run_in_threadpool(_note_of, web, number, replaces)
        return _form(web, request, "note.html", number=number, longest=LONGEST_CHARS, replaced=replaced)

    @router.post("/incidents/{number}/note")
    async def note(request: Request, number: Number) -> Response:
        fields = await form_fields(request)
        actor = web.guard.operator_of(request, fields.get("csrf_token", ""))
        replaces = _number_in(fields.get("replaces", ""))
        if replaces and "withdraw" in fields:
            await web.act(lambda: web.acts.withdraw_note(request, actor, number, replaces))
        else:
            new = NewNote(fields.get("note", ""), "is_published" in fields, replaces)
            await web.act(lambda: web.acts.note(request, actor, number, new))
        return _back_to(number)

    @router.get("/sites/{name:path}/check")
    async def ask_to_check(request: Request, name: str) -> Response:
        site = site_of(await web.snapshot(), name)
        words = "A worker visits it at once. That counts neither for its uptime nor for incidents."
        asked = f"Check {site.name} now?", words, "Check it"
        return _question(web, request, asked, back=f"/sites/{quote(site.name)}")

    @router.post("/sites/{name:path}/check")
    async def check(request: Request, name: str) -> Response:
        actor = web.guard.operator_of(request, await _token_in(request))
        site = site_of(await web.snapshot(), name)
        found = await run_in_threadpool(web.acts.check, request, actor, site, None)
        report = plain_report(msgspec.convert(found, Result, strict=False), clock.utc_now())
        page = render("checked.html", snapshot=None, here="", site=site, report=report)
        return Response(page, headers=SECRET, media_type="text/html")

    return router


def _back_to(number: int) -> Response:
    return RedirectResponse(f"/incidents/{number}", 303, SECRET)


async def _token_in(request: Request) -> str:
    return (await form_fields(request)).get("csrf_token", "")


def _note_of(web: Web, incident_id: int, note_id: int) -> Note:
    """Return a note that can be taken back.

    Raises:
        Problem: 404, there is none of this number on the incident, or it was taken back already.

    """
    with web.pool.connection() as conn:
        notes = read_notes(conn, incident_id)
    for note in notes:
        if note.note_id == note_id and note.withdrawn_at is None:
            return note
    raise Problem(404, "there is no such note, or it was taken back already")


def _number_in(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _question(web: Web, request: Request, asked: tuple[str, str, str], back: str) -> Response:
    """Return a page that asks whether somebody means it: the question, what it means, and yes."""
    question, words, yes = asked
    return _form(web, request, "question.html", question=question, words=words, yes=yes, back=back)


def _form(web: Web, request: Request, template: str, **values: object) -> Response:
    """Return a page that asks for what an operator does.

    Raises:
        Problem: as `_sign_in_first` says.

    """
    _sign_in_first(web, request)
    token = web.guard.csrf_token(request)
    page = render(template, snapshot=None, here="", csrf_token=token, **values)
    return Response(page, headers=SECRET, media_type="text/html")


def _sign_in_first(web: Web, request: Request) -> None:
    """Go on if somebody is signed in.

    Raises:
        Problem: 401, nobody is; 429.

    """
    if web.guard.actor_of(request) is None:
        raise not_signed_in("sign in to do this")
