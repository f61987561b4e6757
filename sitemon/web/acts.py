"""What operators do: each is decided here for the page and the API alike, and leaves a line in the log."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from starlette.requests import Request

from sitemon import clock
from sitemon.model.errors import ConfigurationError, FatalError, RefusedError, SitemonError
from sitemon.model.note import note_of
from sitemon.store.connect import Connection
from sitemon.store.maintenance_windows import BusyError, Declaration, Declared, declare, stop
from sitemon.store.page_incidents import (
    FullIncident,
    Incident,
    NewNote,
    acknowledge,
    add_note,
    read_incident,
    withdraw_note,
)
from sitemon.web.auth import Actor, Guard
from sitemon.web.limits import Limit
from sitemon.web.problems import Problem, problem_of
from sitemon.web.sites import SiteView

CHECKS_OF_ONE: Final = 10
CHECKS_OF_SITE: Final = 3
CHECKS_WINDOW_S: Final = 60.0
CHECKS_AT_ONCE: Final = 8
"""A check under way holds a thread; there have to be others for readers."""
NOTES_OF_ONE: Final = 300
NOTES_WINDOW_S: Final = 3_600.0
_RECORDED_WITHIN_S: Final = 15.0
_NO_NOTE: Final = "this incident has no note of this number, or it was taken back already"

AskForCheck = Callable[[str, str], dict[str, Any]]
"""Takes a site and a region, and returns the result of a check as on Kafka."""


class Acts:
    """What may be done. `connect` opens a connection that may write; without `ask` nobody can ask for a check."""

    def __init__(self, guard: Guard, connect: Callable[[], Connection], ask: AskForCheck | None) -> None:
        self._guard = guard
        self._connect = connect
        self._ask = ask
        self._by_actor = Limit(CHECKS_OF_ONE, CHECKS_WINDOW_S)
        self._by_site = Limit(CHECKS_OF_SITE, CHECKS_WINDOW_S)
        self._notes = Limit(NOTES_OF_ONE, NOTES_WINDOW_S)
        self._free = threading.BoundedSemaphore(CHECKS_AT_ONCE)
        self._checked_at_s: dict[str, float] = {}

    @property
    def can_check(self) -> bool:
        """Whether a check can be asked for at all."""
        return self._ask is not None

    def acknowledge(self, request: Request, actor: Actor, incident_id: int) -> Incident:
        """Note that somebody knows of an incident, and return it.

        Raises:
            Problem: 404, there is none; 409, somebody knows already, or it was withdrawn; 403, 503.

        """
        with self._writing() as conn:
            is_ours = acknowledge(conn, incident_id, actor.name)
            found = read_incident(conn, incident_id)
        if found is None:
            raise Problem(404, "there is no incident of this number")
        incident = found.incident
        if not is_ours:
            raise Problem(409, "it was withdrawn" if incident.withdrawn_at else "somebody knows of it already")
        self._guard.audit("web.acknowledged: by=%s via=%s from=%s incident=%s", actor, request, incident_id)
        return incident

    def note(self, request: Request, actor: Actor, incident_id: int, new: NewNote) -> FullIncident:
        """Write a note on an incident, perhaps instead of another, and return it with all that was said of it.

        Raises:
            Problem: 404, there is none; 409, it is no note, or what it replaces is none any more; 429, too often; 403,
                503.

        """
        try:
            note = new._replace(note=note_of(new.note))
        except ValueError as exc:
            raise Problem(409, str(exc)) from exc
        if wait_s := self._notes.take(actor.name, clock.monotonic_s()):
            raise Problem(429, "notes were written too often", {"Retry-After": str(int(wait_s) + 1)})
        with self._writing() as conn:
            is_written = add_note(conn, incident_id, actor.name, note)
            found = read_incident(conn, incident_id)
        if found is None:
            raise Problem(404, "there is no incident of this number")
        if not is_written:
            raise Problem(409, _NO_NOTE)
        if new.replaces is not None:
            self._audit_withdrawal(request, actor, incident_id, new.replaces)
        how = "published" if new.is_published else "unpublished"
        self._guard.audit("web.noted: by=%s via=%s from=%s incident=%s %s", actor, request, incident_id, how)
        return found

    def withdraw_note(self, request: Request, actor: Actor, incident_id: int, note_id: int) -> None:
        """Take a note back: nobody but who may read here sees it any more.

        Raises:
            Problem: 409, there is no such note on this incident, or it was taken back already; 403, 503.

        """
        with self._writing() as conn:
            is_ours = withdraw_note(conn, incident_id, actor.name, note_id)
        if not is_ours:
            raise Problem(409, _NO_NOTE)
        self._audit_withdrawal(request, actor, incident_id, note_id)

    def _audit_withdrawal(self, request: Request, actor: Actor, incident_id: int, note_id: int) -> None:
        event = "web.note_withdrawn: by=%s via=%s from=%s incident=%s note=%s"
        self._guard.audit(event, actor, request, incident_id, note_id)

    def declare_maintenance(self, request: Request, actor: Actor, declaration: Declaration) -> Declared:
        """Declare a window of maintenance.

        Raises:
            Problem: 409, there is no such site, one has very many windows, results of that time are no longer kept, or
                it lies too far ahead; 429, another window is being declared or ended; 403, 503.

        """
        with self._writing() as conn:
            declared = declare(conn, declaration)
        number, sites = declared
        event = "web.maintenance_declared: by=%s via=%s from=%s maintenance=%s sites=%s"
        self._guard.audit(event, actor, request, number, len(sites))
        return declared

    def end_maintenance(self, request: Request, actor: Actor, number: int, *, withdraw: bool) -> None:
        """End a window of maintenance now, or let it never have been.

        Raises:
            Problem: 409, there is none of that number, or it is over already; 429, another window is being declared or
                ended; 403, 503.

        """
        with self._writing() as conn:
            is_changed = stop(conn, number, clock.utc_now(), withdraw=withdraw)
        if not is_changed:
            raise Problem(409, "it is over already")
        how = "withdrawn" if withdraw else "ended"
        self._guard.audit("web.maintenance_ended: by=%s via=%s from=%s maintenance=%s %s", actor, request, number, how)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with closing(self._connect()) as conn:
                yield conn
        except BusyError as exc:
            raise Problem(429, str(exc), {"Retry-After": "5"}) from exc
        except RefusedError as exc:
            raise Problem(403, "the page's own database user may not do that: docs/api.md says what it needs") from exc
        except FatalError as exc:
            raise Problem(409, str(exc)) from exc
        except SitemonError as exc:
            raise problem_of(exc) from exc

    def check(self, request: Request, actor: Actor, site: SiteView, region: str | None) -> dict[str, Any]:
        """Let a worker check a site now, and return the result as on Kafka.

        Raises:
            Problem: 404, it is not watched from there; 409, nobody can ask for it; 429, too often; 503.

        """
        if self._ask is None:
            raise Problem(409, "this page cannot ask workers: it has no redis.json")
        regions = [watch.region for watch in site.watches if watch.interval_s]
        if "://" in site.name or not regions:
            raise Problem(409, "this site is not in the configuration, so that no worker knows it")
        if region is not None and region not in regions:
            raise Problem(404, "this site is not watched from this region")
        self._take(actor, site.name)
        chosen = region or regions[0]
        self._guard.audit("web.check_asked: by=%s via=%s from=%s site=%s region=%s", actor, request, site.name, chosen)
        if not self._free.acquire(blocking=False):
            raise Problem(429, f"{CHECKS_AT_ONCE} checks are under way", {"Retry-After": "5"})
        try:
            found = self._ask(site.name, chosen)
        except ConfigurationError as exc:
            raise Problem(409, "the worker that was asked does not know this site: its own sites lack it") from exc
        except SitemonError as exc:
            raise Problem(503, str(exc)) from exc
        finally:
            self._free.release()
        self._checked_at_s[site.name] = clock.monotonic_s()
        return found

    def was_just_checked(self, site: str) -> bool:
        """Whether somebody had it checked so lately that a page may lack the result."""
        return clock.monotonic_s() - self._checked_at_s.get(site, float("-inf")) < _RECORDED_WITHIN_S

    def _take(self, actor: Actor, site: str) -> None:
        now_s = clock.monotonic_s()
        for limit, key in ((self._by_site, site), (self._by_actor, f"{actor.via}:{actor.name}")):
            if wait_s := limit.take(key, now_s):
                raise Problem(429, "checks were asked for too often", {"Retry-After": str(int(wait_s) + 1)})
