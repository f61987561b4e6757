"""What operators do by pages: each asks first, since pages that only show are the same for everybody."""

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from sitemon import clock
from sitemon.model.note import LONGEST_CHARS
from sitemon.model.result import Result
from sitemon.report.plain import plain_report
from sitemon.web.api.answers import site_of
from sitemon.web.api.parameters import Number
from sitemon.web.auth import not_signed_in
from sitemon.web.dependencies import Web
from sitemon.web.sign_in import SECRET, form_fields
from sitemon.web.templating import render


def routes(web: Web) -> APIRouter:
    """Return `/incidents/<id>/acknowledge`, `/incidents/<id>/note` and `/sites/<name>/check`."""
    router = APIRouter()

    @router.get("/incidents/{number}/acknowledge")
    async def ask_to_acknowledge(request: Request, number: Number) -> Response:
        words = "Nobody is reminded of it any more."
        return _question(web, request, f"Do you know of incident {number}?", words, "I do")

    @router.post("/incidents/{number}/acknowledge")
    async def acknowledge(request: Request, number: Number) -> Response:
        actor = web.guard.operator_of(request, await _token_in(request))
        await run_in_threadpool(web.acts.acknowledge, request, actor, number)
        return await _back_to(number)

    @router.get("/incidents/{number}/note")
    async def ask_for_note(request: Request, number: Number) -> Response:
        return _form(web, request, "note.html", number=number, longest=LONGEST_CHARS)

    @router.post("/incidents/{number}/note")
    async def note(request: Request, number: Number) -> Response:
        fields = await form_fields(request)
        actor = web.guard.operator_of(request, fields.get("csrf_token", ""))
        text, is_published = fields.get("note", ""), "is_published" in fields
        await run_in_threadpool(web.acts.note, request, actor, number, text, is_published=is_published)
        return await _back_to(number)

    async def _back_to(number: int) -> Response:
        # The next snapshot tells of it; of the pages before it who has acted is to see none.
        await run_in_threadpool(web.snapshots.wait_for_fresh)
        web.shared.forget()
        return RedirectResponse(f"/incidents/{number}", 303, SECRET)

    @router.get("/sites/{name:path}/check")
    async def ask_to_check(request: Request, name: str) -> Response:
        site = site_of(await web.snapshot(), name)
        words = "A worker visits it at once. That counts neither for its uptime nor for incidents."
        return _question(web, request, f"Check {site.name} now?", words, "Check it")

    @router.post("/sites/{name:path}/check")
    async def check(request: Request, name: str) -> Response:
        actor = web.guard.operator_of(request, await _token_in(request))
        site = site_of(await web.snapshot(), name)
        found = await run_in_threadpool(web.acts.check, request, actor, site, None)
        report = plain_report(msgspec.convert(found, Result, strict=False), clock.utc_now())
        page = render("checked.html", snapshot=None, here="", site=site, report=report)
        return Response(page, headers=SECRET, media_type="text/html")

    return router


async def _token_in(request: Request) -> str:
    return (await form_fields(request)).get("csrf_token", "")


def _question(web: Web, request: Request, question: str, words: str, yes: str) -> Response:
    """Return a page that asks whether somebody means it."""
    return _form(web, request, "question.html", question=question, words=words, yes=yes)


def _form(web: Web, request: Request, template: str, **values: object) -> Response:
    """Return a page that asks for what an operator does.

    Raises:
        Problem: 401, nobody is signed in; 429.

    """
    if web.guard.actor_of(request) is None:
        raise not_signed_in("sign in to do this")
    token = web.guard.csrf_token(request)
    page = render(template, snapshot=None, here="", csrf_token=token, **values)
    return Response(page, headers=SECRET, media_type="text/html")
