"""Windows of the configuration, written down ahead: so they are known where the rows are, whoever reads them.

An edit holds from when it is first seen; what was before stays. Any number of alerters may be at it.
"""

from collections.abc import Callable, Mapping, Sequence
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
"""The windows of each site that has any."""

WindowsOf = Callable[[Recurring, datetime, datetime], Sequence[tuple[datetime, datetime]]]


class _Plan(NamedTuple):
    site_id: int
    rules: tuple[Recurring, ...] | None
    until_at: datetime


def plan(conn: Connection, rules: Rules, now: datetime, windows_of: WindowsOf) -> int:
    """Write down the windows of these rules that are not yet, and return how many; of other sites, end those there are.

    `windows_of` gives the windows of a rule that begin in a stretch of time.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        plans = _plans(cursor)
    names = [*_edited(rules, plans), *_due(rules, plans, now)]
    count = 0
    for start in range(0, len(names), _SITES_AT_ONCE):
        piece = {name: rules.get(name, ()) for name in names[start : start + _SITES_AT_ONCE]}
        count += _plan_piece(conn, piece, now, windows_of)
    return count


def _plan_piece(conn: Connection, piece: Rules, now: datetime, windows_of: WindowsOf) -> int:
    """Do so for some sites, in one transaction, in which nobody writes results; one without rules has no windows."""
    rules = {name: one for name, one in piece.items() if one}
    with alone(conn) as (cursor, marks):
        # Another alerter may have been faster.
        plans = _plans(cursor, list(piece))
        edited, due = set(_edited(rules, plans)), _due(rules, plans, now)
        changed = _end(cursor, [plans[name].site_id for name in edited if name in plans], now)
        numbers = Names().sites(cursor, [name for name in edited if name in rules])
        begun = {name: (numbers[name], now) for name in edited if name in rules}
        begun |= {name: (plans[name].site_id, max(plans[name].until_at, marks.raw_from_at)) for name in due}
        # Two rules of a site may have the same window.
        new = sorted(
            {
                SiteWindow(site_id, max(from_at, begin_at), until_at)
                for name, (site_id, from_at) in begun.items()
                for rule in rules[name]
                for begin_at, until_at in _windows(rule, from_at, now, windows_of, is_edited=name in edited)
            }
        )
        _add(cursor, new)
        _keep(cursor, {site_id: rules[name] for name, (site_id, _) in begun.items()}, now + HORIZON)
        follow(cursor, marks, [*changed, *new])
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
    return {name: _Plan(site_id, _rules(kept), until_at) for name, site_id, kept, until_at in cursor.fetchall()}


def _rules(kept: object) -> tuple[Recurring, ...] | None:
    """Return what was kept; None of what another version kept otherwise."""
    try:
        return msgspec.convert(kept, tuple[Recurring, ...])
    except msgspec.ValidationError:
        return None


def _edited(rules: Rules, plans: Mapping[str, _Plan]) -> list[str]:
    gone = [name for name in plans if name not in rules]
    return [*gone, *(name for name in rules if name not in plans or plans[name].rules != rules[name])]


def _due(rules: Rules, plans: Mapping[str, _Plan], now: datetime) -> list[str]:
    return [
        name
        for name in rules
        if name in plans and plans[name].rules == rules[name] and plans[name].until_at < now + _PLANNED_FOR
    ]


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
