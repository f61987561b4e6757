"""Windows of the configuration, written down ahead: so they are known where the rows are, whoever reads them.

An edit holds from when it is first seen; what was before stays. Any number of alerters may be at it: of those whose
configurations differ, the one that was edited or started last has its way, once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.maintenance import Recurring
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.maintain import alone
from sitemon.store.maintenance_windows import SiteWindow, add_windows, follow, next_numbers
from sitemon.store.names import Names
from sitemon.store.queries import load_queries

_sql: Final = load_queries("maintenance_plan.sql")

HORIZON: Final = timedelta(days=15)
"""So far ahead windows are written down: for so long they hold while no alerter runs."""

_PLANNED_FOR: Final = timedelta(days=8)
"""Where windows are written down no further than this, more are."""

_SITES_AT_ONCE: Final = 1_000

Rules = Mapping[str, tuple[Recurring, ...]]
"""The windows of each site of a configuration; of most sites there are none."""

WindowsOf = Callable[[Recurring, datetime, datetime], Sequence[tuple[datetime, datetime]]]


class Planned(NamedTuple):
    """How many windows were written down, and of which sites others are than this configuration says."""

    windows: int
    differing: Sequence[str]


class _Wanted(NamedTuple):
    """The windows of sites, and of which of these they were edited."""

    rules: Rules
    edited: Collection[str]

    def of(self, names: Collection[str]) -> "_Wanted":
        """Return what is wanted of these sites alone."""
        return _Wanted({name: self.rules[name] for name in names if name in self.rules}, {*names} & {*self.edited})


class _Plan(NamedTuple):
    """What is kept of a site. `is_ended`: the schedule had it, and has it no more."""

    site_id: int
    rules: tuple[Recurring, ...] | None
    until_at: datetime
    is_ended: bool


def plan(conn: Connection, rules: Rules, edited: Collection[str], now: datetime, windows_of: WindowsOf) -> Planned:
    """Write down the windows of sites that are `edited`, and go on with those of the others as they are kept.

    Of two alerters whose configurations differ neither undoes what the other has planned: a site that is not edited
    keeps its windows, and one that is in no `rules` has them until the schedule has ended it. `windows_of` gives the
    windows of a rule that begin in a stretch of time.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        plans = _plans(cursor)
    wanted = _Wanted(rules, edited)
    changes = _changes(wanted, plans)
    names = [*changes, *(name for name in _due(rules, plans, now) if name not in changes)]
    count = 0
    for start in range(0, len(names), _SITES_AT_ONCE):
        piece = names[start : start + _SITES_AT_ONCE]
        count += _plan_piece(conn, piece, wanted.of(piece), now, windows_of)
    return Planned(count, [name for name, own in rules.items() if name not in changes and _kept(plans, name) != own])


def _plan_piece(conn: Connection, piece: Sequence[str], wanted: _Wanted, now: datetime, windows_of: WindowsOf) -> int:
    """Do so for some sites, in one transaction, in which nobody writes results."""
    with alone(conn) as (cursor, marks):
        # Another alerter may have been faster.
        plans = _plans(cursor, piece)
        changes = _changes(wanted, plans)
        due = [name for name in _due(wanted.rules, plans, now) if name not in changes]
        ended = _end(cursor, [plans[name].site_id for name in changes if name in plans], now)
        numbers = Names().sites(cursor, [name for name, own in changes.items() if own])
        rules = {**{name: own for name, own in changes.items() if own}, **{name: _kept(plans, name) for name in due}}
        begun = {name: (numbers[name], now) for name, own in changes.items() if own}
        begun |= {name: (plans[name].site_id, max(plans[name].until_at, marks.raw_from_at)) for name in due}
        # Two rules of a site may have the same window.
        new = sorted(
            {
                SiteWindow(site_id, max(from_at, begin_at), until_at)
                for name, (site_id, from_at) in begun.items()
                for rule in rules[name] or ()
                for begin_at, until_at in _windows(rule, from_at, now, windows_of, is_edited=name in changes)
            }
        )
        _add(cursor, new)
        _keep(cursor, {site_id: rules[name] or () for name, (site_id, _) in begun.items()}, now + HORIZON)
        follow(cursor, marks, [*ended, *new])
    return len(new)


def _add(cursor: Cursor, windows: Sequence[SiteWindow]) -> None:
    """Add windows; sites that have one at the same time share its number."""
    times = sorted({window[1:] for window in windows})
    number_of = dict(zip(times, next_numbers(cursor, len(times)), strict=True))
    add_windows(cursor, windows, [number_of[window[1:]] for window in windows])


def _windows(
    rule: Recurring, from_at: datetime, now: datetime, windows_of: WindowsOf, *, is_edited: bool
) -> list[tuple[datetime, datetime]]:
    """Return the windows that are to be written down; of a rule that is new, also that one which is running."""
    first_at = from_at - timedelta(seconds=rule.duration_s) if is_edited else from_at
    return [window for window in windows_of(rule, first_at, now + HORIZON) if window[1] > from_at]


def _plans(cursor: Cursor, names: Sequence[str] | None = None) -> dict[str, _Plan]:
    """Return what is kept of these sites, or of all."""
    cursor.execute(_sql["plans"], {"names": names})
    return {name: _Plan(site_id, _rules(kept), *rest) for name, site_id, kept, *rest in cursor.fetchall()}


def _rules(kept: object) -> tuple[Recurring, ...] | None:
    """Return what was kept; None of what another version kept otherwise."""
    try:
        return msgspec.convert(kept, tuple[Recurring, ...])
    except msgspec.ValidationError:
        return None


def _kept(plans: Mapping[str, _Plan], name: str) -> tuple[Recurring, ...] | None:
    return plans[name].rules if name in plans else ()


def _changes(wanted: _Wanted, plans: Mapping[str, _Plan]) -> Rules:
    """Return the sites whose plan is to be another one, with their windows: none of those that have ended."""
    rules = wanted.rules
    new = {name: rules[name] for name in wanted.edited if _kept(plans, name) != rules[name]}
    unread = {name: rules[name] for name, one in plans.items() if one.rules is None and name in rules}
    gone: Rules = {name: () for name, one in plans.items() if one.is_ended and not rules.get(name)}
    return {**gone, **unread, **new}


def _due(rules: Rules, plans: Mapping[str, _Plan], now: datetime) -> list[str]:
    return [name for name, one in plans.items() if name in rules and one.rules and one.until_at < now + _PLANNED_FOR]


def _end(cursor: Cursor, site_ids: Sequence[int], now: datetime) -> list[SiteWindow]:
    """End the configured windows of these sites, and return what is no window any more."""
    if not site_ids:
        return []
    changed = []
    for name in ("forget_planned", "cut_running"):
        cursor.execute(_sql[name], {"site_ids": list(site_ids), "now": now})
        changed += [SiteWindow(*row) for row in cursor.fetchall()]
    cursor.execute(_sql["forget_plans"], {"site_ids": list(site_ids)})
    return changed


def _keep(cursor: Cursor, rules: Mapping[int, tuple[Recurring, ...]], until_at: datetime) -> None:
    kept: list[dict[str, Any]] = [{"site_id": site_id, "rules": one} for site_id, one in rules.items()]
    cursor.execute(_sql["keep_plans"], {"plans": msgspec.json.encode(kept).decode(), "until_at": until_at})
