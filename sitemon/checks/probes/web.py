"""One check of a web site: from the site to the observation, redirects followed by hand."""

from datetime import datetime
from typing import Final

import msgspec

from sitemon.checks.errors import CheckError, OwnError
from sitemon.checks.findings import Hop, Observation, first_to_expire, untraced
from sitemon.checks.http.cookies import CookieJar
from sitemon.checks.http.fetch import fetch
from sitemon.checks.http.page import Page
from sitemon.checks.http.prepare import Prepared, first_request, prepare, prepare_first
from sitemon.checks.http.redirects import SEVERAL_LOCATIONS, UNUSABLE_LOCATION, Request, is_followed, origin, redirected
from sitemon.checks.http.route import Route
from sitemon.checks.judge.apart import judged
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.masked import masked_url
from sitemon.checks.judge.observed import broken_off, observed
from sitemon.checks.judge.question import Question, verdict_at_once
from sitemon.checks.net.addresses import Reach, reach_of
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.net.room import ROOM, Share
from sitemon.checks.net.tls import earliest_expiry
from sitemon.checks.net.tls_contexts import warm_up, without_server_name
from sitemon.checks.place import place_of
from sitemon.checks.waiting import Move, Waits
from sitemon.clock import monotonic_s, utc_now
from sitemon.model.outcome import Reason
from sitemon.model.site import Site, Tls, public_url

_TIMES_HELD: Final = 3
"""So often a request's texts are in memory: by themselves, in its head, and in what is yet to be sent."""


async def visit_web(site: Site, dialer: Dialer, waits: Waits, move: Move, *, is_traced: bool) -> Observation:
    """Check the site and return what was found, within its timeout; raises nothing."""
    if site.url.startswith("https:"):
        await warm_up(site, waits)
    checked_at = utc_now()
    trip = _Trip(site, dialer, waits, move, is_traced=is_traced)
    try:
        page = await trip.last_page()
        question = Question(site, page, trip.measured(checked_at))
        verdict = verdict_at_once(question)
        if verdict is None:
            await move(trip, waits, 0.0)  # to a place of its own: the host is free meanwhile
            verdict = await judged(question, waits)
    except Exception as exc:  # noqa: BLE001 - whatever a server provokes is a finding about that server
        verdict = broken_off(exc, trip.exchange.watch.phase, site, proxy=trip.exchange.proxy)
    finally:
        trip.share.give_back()
    return observed(
        checked_at,
        trip.latency_s,
        trip.hops,
        verdict,
        lag_s=waits.lag_s,
        http_version=trip.exchange.http_version,
    )


class _Trip:
    """The way of one check. `hops` are those that ended, `exchange` is the one that is or was under way last."""

    def __init__(self, site: Site, dialer: Dialer, waits: Waits, move: Move, *, is_traced: bool) -> None:
        self._started_s = self._ended_s = waits.now_s()
        self._end_s = monotonic_s() + 2 * site.timeout_s
        self.hops: list[Hop] = []
        self._site = site
        self._dialer = dialer
        self._waits = waits
        self._move = move
        self._is_traced = is_traced
        self._was_public = False
        self._last_host = ""
        self._tls = site.tls
        self._cookies = CookieJar()
        self._seen: set[int] = set()
        self.share = Share(ROOM, site.file, waits.end_by)

    @property
    def latency_s(self) -> float:
        """What the hops that ended took together."""
        return self._ended_s - self._started_s

    def measured(self, checked_at: datetime) -> Measured:
        """Return what is judged beside the page."""
        hop = first_to_expire(self.hops)
        if hop is None:
            return Measured(checked_at, self.latency_s, None)
        return Measured(checked_at, self.latency_s, hop.cert_expires_at, hop.url if len(self.hops) > 1 else None)

    async def last_page(self) -> Page:
        """Make one request after the other and return the response to judge; at least one hop stands then.

        Raises:
            Exception: any that the libraries know; `explain` says what it means.

        """
        request = first_request(self._site)
        prepared: Prepared | None = None
        while True:
            page = await self._hop(request, prepared)
            if not is_followed(self._site, page.http_code):
                return page
            request, prepared = self._next(request, page)
            del page  # it may be long, and the next server may take its time

    def _next(self, request: Request, page: Page) -> tuple[Request, Prepared]:
        self._seen.add(self._asked(request))
        self._cookies.take(page.set_cookies, request.url, utc_now())
        if len(page.locations) > 1:
            raise CheckError(Reason.REDIRECT_ERROR, SEVERAL_LOCATIONS)
        following = redirected(request, page.http_code, next(iter(page.locations), None))
        if self._asked(following) in self._seen:
            raise CheckError(Reason.REDIRECT_ERROR, f"the redirects run in a loop at {self._shown(following)}")
        if len(self.hops) > self._site.max_redirects:
            raise CheckError(Reason.REDIRECT_ERROR, f"more than {self._site.max_redirects} redirects")
        try:
            prepared = prepare(self._cookies.added_to(following), self._site.proxy)
        except CheckError as exc:
            raise CheckError(Reason.REDIRECT_ERROR, UNUSABLE_LOCATION) from exc
        self.share.keep(self._cookies.held_bytes + _TIMES_HELD * len(prepared.head))
        if origin(following.url) != origin(request.url):
            self._tls = msgspec.structs.replace(self._tls, cert_file=None, key_file=None)
        return following, prepared

    def _asked(self, request: Request) -> int:
        """Return a hash of what makes a request another one: who has got a cookie meanwhile may be let in."""
        return hash((request.method, request.url, self._cookies.sent_to(request.url)))

    async def _hop(self, request: Request, prepared: Prepared | None) -> Page:
        self.exchange = Exchange(
            started_s=self._ended_s,
            deadline_s=self._started_s + self._site.timeout_s,
            end_s=self._end_s,
            max_body_bytes=self._site.max_body_bytes,
            waits=self._waits,
            file=self._site.file,
            site=self._site.name,
        )
        try:
            return await self._ask(request, prepared or prepare_first(request, self._site.proxy))
        finally:
            self._end_hop(request)

    async def _ask(self, request: Request, prepared: Prepared) -> Page:
        await self._wait_for_turn(prepared)
        route = Route(
            self._dialer,
            self.exchange,
            self.share,
            prepared.host,
            prepared.port,
            tls=self._tls_for(request) if prepared.is_tls else None,
            came_from_public=await self._came_from_public(),
            is_redirect=bool(self.hops),
            ip_version=self._site.ip_version,
            proxy=self._site.proxy,
        )
        return await fetch(route, prepared, self._site)

    def _tls_for(self, request: Request) -> Tls:
        tls = self._tls
        if tls.server_name is None or origin(request.url)[1] == origin(self._site.url)[1]:
            return tls
        return without_server_name(tls)

    async def _wait_for_turn(self, prepared: Prepared) -> None:
        """Go on to where the request leads; meanwhile no time of the check passes."""
        place = place_of(self._site, prepared.host, prepared.port)
        began_s = self._waits.now_s()
        try:
            await self._move(place, self._waits, self.exchange.patience_s())
        except TimeoutError as exc:
            words = "this process had too many other checks at the redirect's host (connect)"
            raise OwnError(Reason.TIMEOUT, words) from exc
        finally:
            self._waits.leave_out(self._waits.now_s() - began_s)

    def _end_hop(self, request: Request) -> None:
        exchange = self.exchange
        phases_s = exchange.watch.stop()
        self._ended_s = exchange.watch.counted_up_to_s
        self.hops.append(
            Hop(
                url=self._shown(request),
                addresses=exchange.addresses,
                ip=exchange.ip,
                http_code=exchange.http_code,
                phases_s=phases_s,
                chain=exchange.chain,
                cert_expires_at=earliest_expiry(exchange.chain),
            )
        )
        if not self._is_traced:
            self.hops = untraced(self.hops)
        if self._site.proxy is not None:
            self._last_host = origin(request.url)[1]
        elif exchange.ip is not None:
            self._was_public |= reach_of(exchange.ip) is Reach.PUBLIC

    def _shown(self, request: Request) -> str:
        """Return the public form of a URL; that of a redirect may have secrets of ours in its path, or as its host."""
        return masked_url(self._site, request.url) if self.hops else public_url(request.url)

    async def _came_from_public(self) -> bool:
        """Tell whether an earlier hop was outside. Behind a proxy, that is looked up when it matters."""
        if self._site.proxy is not None and self.hops and not self._was_public:
            self._was_public = await self._dialer.leads_outside(self.exchange, self._last_host)
        return self._was_public
