"""``sitemon report``: uptime, incidents, latencies and error budgets of a month or of other days."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from sitemon import clock
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, say_document, say_json
from sitemon.config.sites import load_sites
from sitemon.patterns.time_zones import time_zone
from sitemon.report.as_data import report_as_csv, report_as_json
from sitemon.report.as_html import report_as_html
from sitemon.report.as_text import TABLE_WIDTH, report_as_text
from sitemon.report.figures import Report, report_of
from sitemon.report.period import Period, period_of
from sitemon.store.report import Only, read_report


def _print_text(report: Report) -> None:
    Terminal(width=max(Terminal().width, TABLE_WIDTH)).print(report_as_text(report))


_FORMATS: Final[dict[str, Callable[[Report], None]]] = {
    "text": _print_text,
    "json": lambda report: say_json(report_as_json(report)),
    "csv": lambda report: say_document(report_as_csv(report)),
    "html": lambda report: say_document(report_as_html(report)),
}
_DAY: Final = click.DateTime(["%Y-%m-%d"])
_MOST_DAYS: Final = 4_000
_FIRST_YEAR: Final = 1971
"""Nothing is recorded of before; and the days next to both ends of the calendar have no beginning in some zones."""


class _Zone(click.ParamType[ZoneInfo]):
    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return time_zone(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


@click.command("report")
@click.option("--month", metavar="YYYY-MM", help="The month.  [default: this one, so far]")
@click.option("--from", "first", type=_DAY, metavar="YYYY-MM-DD", help="The first day, instead of a month.")
@click.option("--until", "last", type=_DAY, metavar="YYYY-MM-DD", help="The last day, included.  [default: today]")
@click.option("--timezone", type=_Zone(), default="UTC", show_default=True, help="Whose days they are.")
@click.option("--group-by", metavar="LABEL", help="A group for each value of this label of the sites.")
@click.option("--site", metavar="NAME", help="Only this one.")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Only sites with it: team:web, or team.")
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="text", show_default=True)
@with_postgres
def command(
    *,
    month: str | None,
    first: datetime | None,
    last: datetime | None,
    timezone: ZoneInfo,
    group_by: str | None,
    site: str | None,
    labels: tuple[str, ...],
    form: str,
    postgres: Postgres,
) -> None:
    """Report on a month, or on other days: uptime, incidents, time to detect and to repair, latencies, error budgets.

    Everything but the targets (slo of the sites) comes from the public SQL views; the report names them. Where slots
    were missed, figures are a range: its low end counts them as down, its high end as up.
    """
    now = clock.utc_now()
    only = Only(site, labels)
    period = _period(month, first, last, now.astimezone(timezone))
    slos = {site.name: site.slo for site in load_sites().sites if site.slo is not None}
    with postgres.connected("report") as conn:
        by_days = period.is_of_utc_days
        rows = read_report(conn, period.starts_at, period.until_at, now, by_days=by_days, group_by=group_by, only=only)
    _FORMATS[form](report_of(rows, period, slos, now, group_by, only=only))


def _period(month: str | None, first: datetime | None, last: datetime | None, now: datetime) -> Period:
    """Return the days that are asked for; `now` is in their time zone."""
    zone = now.tzinfo
    assert zone  # noqa: S101 - for the type checker
    days = (day.date() if day else None for day in (first, last))
    try:
        period = period_of(month, *days, today=now.date(), zone=zone, mark="--")
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc
    if period.last < period.first:
        raise click.UsageError("--until lies before --from")
    if (
        period.first.year < _FIRST_YEAR
        or period.last.year > now.year + 1
        or (period.last - period.first).days >= _MOST_DAYS
    ):
        raise click.UsageError(f"expected at most {_MOST_DAYS} days, from {_FIRST_YEAR} to the end of next year")
    return period
