"""Asks workers for confirming checks, when these are due."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sitemon import clock
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.model.moment import to_ms
from sitemon.queues import ASKED_AT, CHECK_SITE, CONFIRM_SLOTS, queue_of, send_slots, send_to
from sitemon.redis_client import mapped, redis_client
from sitemon.schedule.slots import LATE_GRACE_MS
from sitemon.store.confirming import Confirming, claim, forget_old, is_any_awaited, mark_sent, sites_to_confirm
from sitemon.store.connect import Connection
from sitemon.turns import Turns

log = logging.getLogger(__name__)

ASKED_AT_ONCE: Final = 50
PAUSE_S: Final = 0.25
"""The time between two looks: an alerter asks for 200 checks a second at most. Where thousands of sites fail at once,
the scheduled checks decide the rest."""

_MOST_SITES: Final = 10_000
"""Of so many sites with checks that are due it is looked whose turn it is: five times those of a file of strangers."""

_CLAIMS: Final = 10
"""So often checks are chosen by one look at what is due: later it says little."""

MOST_WAITING: Final = 100
"""Messages in a region's queue beyond which nothing is asked for: its workers have too much to do, or are not there."""

_FRESH_S: Final = LATE_GRACE_MS / 1_000
"""Workers make none that is later."""
_LEASE_S: Final = 3.0
_FORGET_EVERY_S: Final = 60.0


REFERENCES_EVERY_S: Final = 5.0


class Asker:
    """Asks through Celery. Without Redis the scheduled checks decide alone, which is said once.

    The files that `file_of` names for names of sites take turns, a check each: who has thousands of sites that fail, of
    new names each time too, keeps nobody else's from being confirmed.

    Any number may be at it. A check that was asked for by one who was killed before it said so is asked for again: it
    is made twice, and both results have the same key.
    """

    def __init__(self, app: Any, file_of: Callable[[str], str], now: Callable[[], datetime]) -> None:
        # By this Celery says when what is asked for is too late.
        app.now = now
        self._app = app
        self._file_of = file_of
        self._now = now
        self._turns: Turns[str, int] = Turns()
        self._references_at_s: dict[str, float] = {}
        self._redis = redis_client(app)
        self._said: dict[str, str] = {}
        self._forget_at_s = 0.0

    def ask_due(self, conn: Connection) -> bool:
        """Ask for what is due, some checks at most; return whether more will be due within seconds.

        Raises:
            RetryableError, RefusedError: of PostgreSQL, as `sitemon.store.errors.translated` says.

        """
        due = self._claimed(conn)
        by_region: dict[str, list[Confirming]] = defaultdict(list)
        for check in due:
            by_region[check.region].append(check)
        for region, checks in by_region.items():
            if self._is_asked(region, checks):
                mark_sent(conn, region, checks)
        if clock.monotonic_s() >= self._forget_at_s:
            forget_old(conn)
            self._forget_at_s = clock.monotonic_s() + _FORGET_EVERY_S
        return bool(due) or is_any_awaited(conn, _FRESH_S)

    def ask_for_references(self, region: str, urls: Iterable[str]) -> None:
        """Ask for ad-hoc checks of a region's reference sites, unless it was just done.

        Their slot is when that was, by our clock, with which it is compared: a worker's may be another.
        """
        if clock.monotonic_s() < self._references_at_s.get(region, 0.0):
            return
        self._references_at_s[region] = clock.monotonic_s() + REFERENCES_EVERY_S
        headers = {ASKED_AT: to_ms(self._now())}
        try:
            for url in urls:
                send_to(
                    self._app, CHECK_SITE, region, url, headers=headers, argsrepr="(hidden)", expires=REFERENCES_EVERY_S
                )
        except (UnreachableError, RefusedError) as exc:
            self._say(region, str(exc))

    def _claimed(self, conn: Connection) -> list[Confirming]:
        """Take what is asked for now; others have their turns instead of what another alerter took meanwhile."""
        turns = self._turns.of(
            (self._file_of(one.site), one.site_id)
            for one in sites_to_confirm(conn, _MOST_SITES, _FRESH_S)
            for _ in range(min(one.checks, ASKED_AT_ONCE))
        )
        found: list[Confirming] = []
        for _ in range(_CLAIMS):
            chosen = Counter(site_id for _, site_id in islice(turns, ASKED_AT_ONCE - len(found)))
            if not chosen:
                break
            found += claim(conn, chosen, _LEASE_S, _FRESH_S)
        return found

    def _is_asked(self, region: str, checks: Sequence[Confirming]) -> bool:
        try:
            with mapped():
                waiting = self._redis.llen(queue_of(region))
            if waiting <= MOST_WAITING:
                slots = [(check.site, to_ms(check.slot_at)) for check in checks]
                send_slots(self._app, CONFIRM_SLOTS, region, slots, expires=_FRESH_S)
            problem = "" if waiting <= MOST_WAITING else "its workers have too much to do, or are not there"
        except (UnreachableError, RefusedError) as exc:
            problem = str(exc)
        self._say(region, problem)
        return not problem

    def _say(self, region: str, problem: str) -> None:
        """Say once that the schedule alone decides for a region, and that it does no more."""
        if bool(problem) != bool(self._said.get(region)):
            if problem:
                log.warning("alerter.not_confirmed: failures in %s wait for the scheduled checks: %s", region, problem)
            else:
                log.warning("alerter.confirmed_again: failures in %s are confirmed at once", region)
        self._said[region] = problem
