"""What ``sitemon backtest`` shows: who would have been told what by other thresholds, beside those of today. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sitemon.alert.backtest import Backtest
from sitemon.durations import for_people
from sitemon.incident.backtest import Figures, Outage, SiteTrial, delay_s, duration_s, figures, outages
from sitemon.incident.machine import Incident
from sitemon.incident.policy import Policy

SHOWN: Final = 10
"""So many sites and outages are shown, those that differ most or are newest; ``--json`` has all."""

TABLE_WIDTH: Final = 100


def backtest_report(done: Backtest, today_from: str, new_from: str) -> RenderableType:
    """Return the comparison; the two names say where the rules are from."""
    found = _all_outages(done)
    sides = [_figures_of(found, "today", done), _figures_of(found, "new", done)]
    differing = [(trial, of_site) for trial, of_site in found if _differ(of_site)]
    parts: list[RenderableType] = [
        Text(_headline(done), style="bold"),
        Text(f"today: {today_from}\n  new: {new_from}\n", style="dim"),
        _totals(*sides),
        Text(_later(found)),
    ]
    if not differing:
        return Group(*parts, Text("\nThe new rules would have told the same."))
    parts += [
        _heading(f"{len(differing)} of {len(found)} sites would have been told of otherwise"),
        _sites(differing, done),
    ]
    lists = {
        "No longer told": [one for _, of_site in differing for one in of_site if one.new is None],
        "Told only by the new rules": [one for _, of_site in differing for one in of_site if one.today is None],
    }
    for words, those in lists.items():
        if those:
            newest = sorted(those, key=lambda one: one.started_at, reverse=True)[:SHOWN]
            parts += [_heading(f"{words}: {_count(len(those), 'incident')}"), _outages(newest, done.until_at)]
    return Group(*parts)


def backtest_as_json(done: Backtest, today_from: str, new_from: str) -> dict[str, Any]:
    """Return all of it as plain JSON types and moments."""
    found = _all_outages(done)
    return {
        "from_at": done.from_at,
        "until_at": done.until_at,
        "today": {"rules": today_from} | _figures_of(found, "today", done)._asdict(),
        "new": {"rules": new_from} | _figures_of(found, "new", done)._asdict(),
        "sites": [
            {
                "site": trial.site,
                "today": _side(trial.today.policy, _figures_of([(trial, of_site)], "today", done)),
                "new": _side(trial.new.policy, _figures_of([(trial, of_site)], "new", done)),
            }
            for trial, of_site in found
        ],
        "outages": [
            {
                "site": one.site,
                "today": _incident(one.today, done.until_at),
                "new": _incident(one.new, done.until_at),
            }
            for _, of_site in found
            for one in of_site
        ],
    }


_Side = Literal["today", "new"]
_Found = list[tuple[SiteTrial, list[Outage]]]


def _all_outages(done: Backtest) -> _Found:
    return [(trial, outages(trial, done.from_at)) for trial in done.trials]


def _figures_of(found: _Found, side: _Side, done: Backtest) -> Figures:
    incidents = (getattr(one, side) for _, of_site in found for one in of_site)
    degraded = sum(at >= done.from_at for trial, _ in found for at in getattr(trial, side).degraded_at)
    return figures([incident for incident in incidents if incident], done.until_at, degraded)


def _differ(of_site: Sequence[Outage]) -> bool:
    return any(one.today != one.new for one in of_site)


def _headline(done: Backtest) -> str:
    span = for_people((done.until_at - done.from_at).total_seconds())
    from_at, until_at = (f"{moment:%Y-%m-%d %H:%M}" for moment in (done.from_at, done.until_at))
    return f"{_count(len(done.trials), 'site')}, {from_at} to {until_at} UTC ({span})"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _heading(words: str) -> RenderableType:
    return Padding(Text(words, style="bold"), (1, 0, 0, 0))


def _totals(today: Figures, new: Figures) -> Table:
    table = Table("", box=None, pad_edge=False)
    for name in ("today", "new", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for words, before, after, is_s in (
        ("alerts that a site is down", today.incidents, new.incidents, False),
        ("… of which over in less than a minute", today.short, new.short, False),
        ("alerts that it is up again", today.resolved, new.resolved, False),
        ("times degraded, for those who ask for it", today.degraded, new.degraded, False),
        ("time spent in incidents", today.down_s, new.down_s, True),
        ("from the first failing check to the alert, median", today.delay_median_s, new.delay_median_s, True),
        ("… 95 of 100 within", today.delay_p95_s, new.delay_p95_s, True),
        ("… longest", today.delay_longest_s, new.delay_longest_s, True),
    ):
        table.add_row(words, _shown(before, is_s=is_s), _shown(after, is_s=is_s), _difference(before, after, is_s=is_s))
    return table


def _later(found: _Found) -> str:
    """Return how much later the new rules would have told of what both tell."""
    shifts_s = [one.later_s for _, of_site in found for one in of_site if one.later_s is not None]
    if not shifts_s:
        return "told by both: no incident"
    median_s = statistics.median(shifts_s)
    when = (
        f"{_shown(abs(median_s), is_s=True)} {'later' if median_s > 0 else 'earlier'}"
        if median_s
        else "at the same time"
    )
    return f"told by both: {_count(len(shifts_s), 'incident')}, by the new rules {when} (median)"


def _shown(value: float | None, *, is_s: bool) -> str:
    if value is None:
        return "–"
    return for_people(value) if is_s else f"{value:,}"


def _difference(before: float | None, after: float | None, *, is_s: bool) -> str:
    if before is None or after is None or before == after:
        return ""
    return f"{'+' if after > before else '-'}{_shown(abs(after - before), is_s=is_s)}"


def _sites(differing: _Found, done: Backtest) -> Table:
    """Return a row for each site, those first whose alerts differ most."""
    table = Table("site", "down/up after", box=None, pad_edge=False)
    for name in ("alerts", "short", "median delay"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [(one[0], _figures_of([one], "today", done), _figures_of([one], "new", done)) for one in differing]
    rows.sort(key=lambda row: (-abs(row[2].incidents - row[1].incidents), row[0].site))
    for trial, today, new in rows[:SHOWN]:
        table.add_row(
            Text(trial.site),
            _change(_thresholds(trial.today.policy), _thresholds(trial.new.policy)),
            _change(f"{today.incidents:,}", f"{new.incidents:,}"),
            _change(f"{today.short:,}", f"{new.short:,}"),
            _change(_shown(today.delay_median_s, is_s=True), _shown(new.delay_median_s, is_s=True)),
        )
    if len(rows) > SHOWN:
        table.caption = f"… and {len(rows) - SHOWN:,} more, which --json has"
    return table


def _thresholds(policy: Policy) -> str:
    return f"{policy.down_after}/{policy.up_after}"


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _outages(those: Sequence[Outage], until: datetime) -> Table:
    table = Table("site", "since (UTC)", "lasted", "from", "why", box=None, pad_edge=False)
    for one in those:
        table.add_row(*map(Text, _cells(one, until)))
    return table


def _cells(one: Outage, until: datetime) -> Iterator[str]:
    incident = one.today or one.new
    assert incident  # noqa: S101 - for the type checker
    yield one.site
    yield f"{incident.started_at:%m-%d %H:%M:%S}"
    yield for_people(duration_s(incident, until)) + ("" if incident.ended_at else ", and lasts")
    yield ", ".join(incident.regions)
    yield " ".join(str(word) for word in (incident.cause.reason, incident.cause.http_code) if word)


def _side(policy: Policy, counted: Figures) -> dict[str, Any]:
    return msgspec.structs.asdict(policy) | counted._asdict()


def _incident(incident: Incident | None, until: datetime) -> dict[str, Any] | None:
    if incident is None:
        return None
    return {
        "started_at": incident.started_at,
        "decided_at": incident.opened_by,
        "ended_at": incident.ended_at,
        "delay_s": delay_s(incident),
        "duration_s": duration_s(incident, until),
        "regions": list(incident.regions),
        "reason": incident.cause.reason,
        "http_code": incident.cause.http_code,
    }
