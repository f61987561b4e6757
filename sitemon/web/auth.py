"""Who asks, and whether they may: programs by a token, browsers by a session or by the word of a trusted proxy.

To read needs no sign-in unless web.json says so; to act always does, and from a browser the token of a form of ours
beside it, since a browser sends cookies whoever made it ask.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from sitemon import clock
from sitemon.config.web import WebSettings
from sitemon.web.client_address import client_address, is_over_tls, is_trusted, limited_as
from sitemon.web.limits import Limit
from sitemon.web.problems import Problem
from sitemon.web.sessions import SESSION_LASTS, Sessions

log = logging.getLogger(__name__)

CSRF_HEADER: Final = "X-CSRF-Token"
COOKIE: Final = "sitemon_session"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""With this prefix a browser takes it over TLS only, and from no other host."""

FAILURES: Final = 10
FAILURES_WINDOW_S: Final = 300.0
_LONGEST_NAME: Final = 100
_BEARER: Final = "Bearer"


class Actor(NamedTuple):
    """Who asks, and how we know."""

    name: str
    via: Literal["token", "session", "proxy"]


class Guard:
    """Knows who asks. Thread-safe."""

    def __init__(
        self,
        settings: Callable[[], WebSettings],
        utc_now: Callable[[], datetime] = clock.utc_now,
        monotonic_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        self._settings = settings
        self._own_key = secrets.token_bytes(32)
        self._made = self._make(settings())
        self._utc_now = utc_now
        self._monotonic_s = monotonic_s
        self._failures = Limit(FAILURES, FAILURES_WINDOW_S)

    @property
    def settings(self) -> WebSettings:
        """What web.json says now."""
        return self._settings()

    @property
    def _sessions(self) -> Sessions:
        settings = self.settings
        if settings is not self._made[0]:
            self._made = self._make(settings)
        return self._made[1]

    def _make(self, settings: WebSettings) -> tuple[WebSettings, Sessions]:
        key = settings.session_key.encode() if settings.session_key else self._own_key
        return settings, Sessions(key, settings.tokens)

    @property
    def can_sign_in(self) -> bool:
        """Whether anybody can sign in at all."""
        settings = self.settings
        return bool(settings.tokens or settings.proxy_header)

    def actor_of(self, request: Request) -> Actor | None:
        """Return who asks, None where they do not say.

        Raises:
            Problem: 401, what they say is wrong; 429, it was so often.

        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return Actor(self._name_by(authorization, request), "token")
        settings = self.settings
        if settings.proxy_header and is_trusted(request, settings.proxy_networks):
            name = request.headers.get(settings.proxy_header, "").strip()
            if name and name.isprintable() and len(name) <= _LONGEST_NAME:
                return Actor(name, "proxy")
        name_in_cookie = self._sessions.name_of(self._cookie(request), self._utc_now())
        return Actor(name_in_cookie, "session") if name_in_cookie else None

    def reader_of(self, request: Request) -> Actor | None:
        """Return who reads; None is anybody.

        Raises:
            Problem: 401, only who is signed in may read here, or what they say is wrong; 429.

        """
        actor = self.actor_of(request)
        if actor is None and self.settings.sign_in_to_read:
            raise not_signed_in("sign in to read this")
        return actor

    def operator_of(self, request: Request, form_token: str | None = None) -> Actor:
        """Return who acts. A browser proves with `form_token`, or in a header, that a page of ours made it ask.

        Raises:
            Problem: 401, nobody is signed in; 403, no page of ours asked; 429.

        """
        actor = self.actor_of(request)
        if actor is None:
            raise not_signed_in("sign in to do this")
        if actor.via == "token":
            return actor
        given = form_token or request.headers.get(CSRF_HEADER, "")
        if not self._sessions.is_csrf_token(given, self._csrf_subject(actor, request)):
            said = (actor.name, actor.via, self.address_of(request))
            log.warning("web.act_refused: by=%s via=%s from=%s: no page of ours asked", *said)
            raise Problem(403, f"a browser has to send the page's token, in {CSRF_HEADER} or in the form")
        return actor

    def csrf_token(self, request: Request) -> str:
        """Return what a form of a page must hold; empty where nobody is signed in."""
        actor = self.actor_of(request)
        return self._sessions.csrf_token(self._csrf_subject(actor, request)) if actor else ""

    def sign_in(self, request: Request, token: str, response: Response) -> Actor:
        """Let a response begin a session for whose token this is.

        Raises:
            Problem: 403, another site's page asked; 401, it is nobody's token; 429, it was so often.

        """
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Problem(403, "another site's page asked for this")
        actor = Actor(self._name_of(token, request), "session")
        is_secure = self._is_secure(request)
        response.set_cookie(
            SECURE_COOKIE if is_secure else COOKIE,
            self._sessions.begin(actor.name, self._utc_now()),
            max_age=int(SESSION_LASTS.total_seconds()),
            secure=is_secure,
            httponly=True,
            samesite="lax",
        )
        self.audit("web.signed_in: by=%s via=%s from=%s", actor, request)
        return actor

    def sign_out(self, request: Request, form_token: str, response: Response) -> None:
        """Let a response end a session.

        Raises:
            Problem: as `operator_of` says.

        """
        actor = self.operator_of(request, form_token)
        for name in (SECURE_COOKIE, COOKIE):
            response.delete_cookie(name, secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
        self.audit("web.signed_out: by=%s via=%s from=%s", actor, request)

    def audit(self, event: str, actor: Actor, request: Request, *rest: object) -> None:
        """Write who did it and from where into the log, and what else the event says."""
        log.info(event, actor.name, actor.via, self.address_of(request), *rest)

    def client_of(self, request: Request) -> str:
        """Return as whom who asks is counted for limits and takes turns."""
        return limited_as(self.address_of(request))

    def address_of(self, request: Request) -> str:
        """Return the address of who asks."""
        return client_address(request, self.settings.proxy_networks)

    def _name_by(self, authorization: str, request: Request) -> str:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != _BEARER.lower():
            raise not_signed_in("expected Authorization: Bearer and a token")
        return self._name_of(token.strip(), request)

    def _name_of(self, token: str, request: Request) -> str:
        name = self._sessions.name_of_token(token)
        if name is not None:
            return name
        address = self.address_of(request)
        wait_s = self._failures.take(limited_as(address), self._monotonic_s())
        if wait_s:
            raise Problem(429, "too many failed sign-ins; try again later", {"Retry-After": str(int(wait_s) + 1)})
        log.warning("web.sign_in_refused: from=%s: nobody has this token", address)
        raise not_signed_in("nobody has this token")

    def _csrf_subject(self, actor: Actor, request: Request) -> str:
        return self._cookie(request) if actor.via == "session" else f"{actor.via}:{actor.name}"

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(SECURE_COOKIE if self._is_secure(request) else COOKIE, "")

    def _is_secure(self, request: Request) -> bool:
        return is_over_tls(request, self.settings.proxy_networks, self.settings.public_url)


def not_signed_in(detail: str) -> Problem:
    """Return the problem of who has to sign in first."""
    return Problem(401, detail, {"WWW-Authenticate": 'Bearer realm="sitemon"'})


def local_path(given: str) -> str:
    """Return where to go after a sign-in: a place on this page, whatever was asked for.

    A browser takes two slashes, of either kind, for the beginning of another host. Before it looks, it drops control
    characters.
    """
    is_ours = given.startswith("/") and given.isascii() and given.isprintable() and "\\" not in given
    return given if is_ours and not given.startswith("//") else "/"
