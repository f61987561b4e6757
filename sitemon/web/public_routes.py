"""What everybody may ask for: the public page, its feed, and badges."""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.web import badges, feed
from sitemon.web.api.answers import present
from sitemon.web.badges import BadgeKind
from sitemon.web.dependencies import Web
from sitemon.web.made import make, respond
from sitemon.web.problems import Problem
from sitemon.web.public import Public, worst_state
from sitemon.web.shared import Shared
from sitemon.web.sites import SiteView
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render

PATHS: Final = frozenset({"/public", "/feed.atom"})
_FEEDS: Final = 8
"""One for each name by which it is asked for: any that is said in Host. They take no place, nor room, of pages."""
_BADGE_UPTIME: Final = timedelta(days=30)
_EVERYWHERE: Final = "cross-origin"
"""A badge stands on other sites' pages."""


def routes(web: Web, *, is_all: bool) -> APIRouter:
    """Return `/public`, `/feed.atom` and `/badge/…`; `is_all`: there is nothing else here for anybody to read."""
    router = APIRouter()
    public = Public(web)
    feeds = Shared(web.guard.client_of, _FEEDS, at_once=1)

    @router.get("/public")
    async def page(request: Request) -> Response:
        await public.read_incidents(await present(web))
        snapshot = await present(web)
        make_it = partial(_page, snapshot)
        return await web.shared.answer(request, snapshot.version, make_it, key="public", is_query_read=False)

    def _page(snapshot: Snapshot) -> str:
        groups = public.groups(snapshot)
        incidents = public.incidents(snapshot)
        return render(
            "public.html",
            settings=web.guard.settings,
            groups=groups,
            incidents=incidents,
            worst="unknown" if snapshot.is_old_at(clock.utc_now()) else worst_state(groups),
            old_since=public.old_since(groups),
            snapshot=snapshot,
        )

    @router.get("/feed.atom")
    async def atom(request: Request) -> Response:
        await public.read_incidents(await present(web))
        snapshot = await present(web)
        settings = web.guard.settings
        base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        make_it = partial(_feed, public, snapshot, settings.public_title, base)
        return await feeds.answer(
            request, snapshot.version, make_it, key=base, is_query_read=False, media_type=feed.MEDIA_TYPE
        )

    @router.get("/badge/{name:path}/{kind}.svg")
    async def badge(request: Request, name: str, kind: BadgeKind) -> Response:
        snapshot = await present(web)
        site = snapshot.by_name.get(name)
        if site is None or not (public.shows(site) or _may_read_all(request)):
            raise Problem(404, "there is no badge of this site")
        async with _turn(web, request, is_at_hand=kind != "uptime"):
            body = await run_in_threadpool(_badge, snapshot, site, kind)
        response = respond(request, make(body, badges.MEDIA_TYPE))
        response.headers["Cross-Origin-Resource-Policy"] = _EVERYWHERE
        return response

    def _may_read_all(request: Request) -> bool:
        return not is_all and (not web.guard.settings.sign_in_to_read or web.guard.actor_of(request) is not None)

    def _badge(snapshot: Snapshot, site: SiteView, kind: BadgeKind) -> str:
        is_known = not snapshot.is_old_at(clock.utc_now())
        if kind == "state":
            return badges.state_badge(site.name, site.state if is_known else "unknown")
        if kind == "uptime":
            made_up_until_at = snapshot.made_up_until_at
            is_made_up = made_up_until_at is not None and snapshot.at - made_up_until_at < _BADGE_UPTIME
            uptime = public.uptime(snapshot, site.name, _BADGE_UPTIME.days)
            return badges.uptime_badge(site.name, uptime, is_made_up=is_made_up)
        return badges.latency_badge(site.name, site.evidence.latency_s if is_known else None)

    return router


def _feed(public: Public, snapshot: Snapshot, title: str, base: str) -> bytes:
    incidents = public.incidents(snapshot)
    return feed.feed_of(
        title,
        f"{base}/public",
        f"{base}/feed.atom",
        incidents,
        made_up_until_at=snapshot.made_up_until_at,
        old_since=public.old_since(),
    )


def _turn(web: Web, request: Request, *, is_at_hand: bool) -> AbstractAsyncContextManager[None]:
    return nullcontext() if is_at_hand else web.turns.one(web.guard.client_of(request))
