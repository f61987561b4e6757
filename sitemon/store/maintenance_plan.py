"""Windows of the configuration, written down ahead: so they are known where the rows are, whoever reads them.

An edit holds from when it is first seen; what was before stays. Any number of alerters may be at it: of those whose
configurations differ, the one that was edited or started last has its way, once.

Which windows those are is computed by who asks, between `gaps` and `write_down`: while nobody waits for us.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.maintenance import Recurring
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.maintenance_windows import SiteWindow, add_windows, follow, next_numbers, window_columns
from sitemon.store.names import Names
from sitemon.store.queries import load_queries
from sitemon.store.watermarks import alone, watermarks

_sql: Final = load_queries("maintenance_plan.sql")

HORIZON: Final = timedelta(days=15)
"""So far ahead windows are written down: for so long they hold while no alerter runs."""

_PLANNED_FOR: Final = timedelta(days=8)
"""Where windows are written down no further than this, more are."""

Rules = Mapping[str, tuple[Recurring, ...]]
"""The windows of each site of a configuration; of most sites there are none."""

Stretch = tuple[datetime, datetime]


class Look(NamedTuple):
    """Which sites have something to be written down, and of which others it is other windows than wanted."""

    names: Sequence[str]
    differing: Sequence[str]


class Written(NamedTuple):
    """How many windows were written down, and which sites are left."""

    windows: int
    left: Sequence[str]


class Wanted(NamedTuple):
    """The windows of sites, and of which of these they were edited.

    Of two alerters whose configurations differ neither undoes what the other has planned: a site that is not edited
    keeps its windows, and one that is in no `rules` has them until the schedule has ended it.
    """

    rules: Rules
    edited: Collection[str]

    def of(self, names: Collection[str]) -> "Wanted":
        """Return what is wanted of these sites alone."""
        rules = {name: self.rules[name] for name in names if name in self.rules}
        return Wanted(rules, [name for name in names if name in self.edited])


class _Plan(NamedTuple):
    """What is kept of a site. `is_ended`: the schedule had it, and has it no more."""

    site_id: int
    rules: tuple[Recurring, ...] | None
    until_at: datetime
    is_ended: bool


class Gap(NamedTuple):
    """A site of which windows are to be written down, from a moment on, and what was kept of it before.

    `is_change`: it is to have other rules than before, perhaps none.
    """

    name: str
    plan: _Plan | None
    rules: tuple[Recurring, ...]
    from_at: datetime
    is_change: bool


def look(conn: Connection, wanted: Wanted, now: datetime) -> Look:
    """Say what has to be written down.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        plans = _plans(cursor)
    rules, changes = wanted.rules, _changes(wanted, plans)
    names = [*changes, *(name for name in _due(rules, plans, now) if name not in changes)]
    return Look(names, [name for name, own in rules.items() if name not in changes and _kept(plans, name) != own])


def gaps(conn: Connection, names: Sequence[str], wanted: Wanted, now: datetime) -> list[Gap]:
    """Return what has to be written down of these sites, in their order.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        plans, kept_from_at = _plans(cursor, names), watermarks(cursor).raw_from_at
    wanted = wanted.of(names)
    changes, due = _changes(wanted, plans), {*_due(wanted.rules, plans, now)}
    found = []
    for name in names:
        plan = plans.get(name)
        if name in changes:
            found.append(Gap(name, plan, changes[name], now, is_change=True))
        elif plan and name in due:
            found.append(Gap(name, plan, plan.rules or (), max(plan.until_at, kept_from_at), is_change=False))
    return found


def write_down(conn: Connection, found: Sequence[tuple[Gap, Collection[Stretch]]], now: datetime) -> Written:
    """Write windows of some sites down, in one transaction, in which nobody writes results.

    A site at which another alerter was meanwhile is left.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with alone(conn) as (cursor, marks):
        plans = _plans(cursor, [gap.name for gap, _ in found])
        ours = [(gap, own) for gap, own in found if plans.get(gap.name) == gap.plan]
        numbers = {name: one.site_id for name, one in plans.items()}
        numbers |= Names().sites(cursor, [gap.name for gap, _ in ours if gap.rules and not gap.plan])
        wanted = {SiteWindow(numbers[gap.name], *window) for gap, own in ours for window in own}
        changed = [gap.plan.site_id for gap, _ in ours if gap.is_change and gap.plan]
        ahead = _ahead(cursor, changed, now)
        ended = sorted(ahead - wanted)
        _end(cursor, changed, ended, now)
        # Partitions may have been dropped meanwhile.
        new = sorted(one for one in wanted - ahead if one.from_at >= marks.raw_from_at)
        _add(cursor, new)
        _keep(cursor, {numbers[gap.name]: gap.rules for gap, _ in ours if gap.rules}, now + HORIZON)
        follow(cursor, marks, [*ended, *new])
    return Written(len(new), [gap.name for gap, _ in found if plans.get(gap.name) != gap.plan])


def _add(cursor: Cursor, windows: Sequence[SiteWindow]) -> None:
    """Add windows; sites that have one at the same time share its number."""
    times = sorted({window[1:] for window in windows})
    number_of = dict(zip(times, next_numbers(cursor, len(times)), strict=True))
    add_windows(cursor, windows, [number_of[window[1:]] for window in windows])


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


def _changes(wanted: Wanted, plans: Mapping[str, _Plan]) -> Rules:
    """Return the sites whose plan is to be another one, with their windows: none of those that have ended."""
    rules = wanted.rules
    new = {name: rules[name] for name in wanted.edited if _kept(plans, name) != rules[name]}
    unread = {name: rules[name] for name, one in plans.items() if one.rules is None and name in rules}
    gone: Rules = {name: () for name, one in plans.items() if one.is_ended and not rules.get(name)}
    return {**gone, **unread, **new}


def _due(rules: Rules, plans: Mapping[str, _Plan], now: datetime) -> list[str]:
    return [name for name, one in plans.items() if name in rules and one.rules and one.until_at < now + _PLANNED_FOR]


def _ahead(cursor: Cursor, site_ids: Sequence[int], now: datetime) -> set[SiteWindow]:
    """Return the configured windows of these sites from now on: those that stay keep their rows and numbers."""
    cursor.execute(_sql["windows_ahead"], {"site_ids": list(site_ids), "now": now})
    return {SiteWindow(*row) for row in cursor.fetchall()}


def _end(cursor: Cursor, site_ids: Sequence[int], ended: Sequence[SiteWindow], now: datetime) -> None:
    """End these configured windows, and the plans of these sites."""
    for name in ("forget_planned", "cut_running"):
        cursor.execute(_sql[name], {"now": now, **window_columns(ended)})
    cursor.execute(_sql["forget_plans"], {"site_ids": list(site_ids)})


def _keep(cursor: Cursor, rules: Mapping[int, tuple[Recurring, ...]], until_at: datetime) -> None:
    kept: list[dict[str, Any]] = [{"site_id": site_id, "rules": one} for site_id, one in rules.items()]
    cursor.execute(_sql["keep_plans"], {"plans": msgspec.json.encode(kept).decode(), "until_at": until_at})
