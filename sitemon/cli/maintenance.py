"""``sitemon maintenance``: windows in which failures of a site open no incident."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, newest, say, say_json
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.config.values import UnfitError, duration_s
from sitemon.report.maintenance import windows_table
from sitemon.store.maintenance_windows import Declaration, declare, read_windows, stop

_LONGEST_S: Final = 30 * 86_400.0
_FARTHEST: Final = timedelta(days=36_500)


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return clock.utc_now() - timedelta(seconds=duration_s(value))
        except (UnfitError, OverflowError):
            pass
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected a moment such as 2026-11-24T07:00Z, or how long ago, such as 30m", param, ctx)
        if found.tzinfo is None:
            self.fail(
                "expected a moment with its zone, such as 2026-11-24T07:00Z or 2026-11-24T09:00+02:00", param, ctx
            )
        if abs(found.replace(tzinfo=UTC) - clock.utc_now()) > _FARTHEST:
            self.fail(f"expected a moment within {_FARTHEST.days}d of now", param, ctx)
        return found.astimezone(UTC)


class _Label(click.ParamType[tuple[str, str]]):
    name = "label"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, sign, content = value.partition("=")
        if not name or not sign:
            self.fail("expected a label such as team=web", param, ctx)
        return name, content


@click.group("maintenance")
def command() -> None:
    """Declare windows of maintenance, end them, and list them, with those of sites.yaml."""


@command.command("start")
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@click.option(
    "--label",
    "labels",
    type=_Label(),
    multiple=True,
    help="The sites that have this label; given twice, those that have both.",
)
@click.option("--for", "length_s", type=options.DURATION, required=True, help="How long it lasts, such as 2h.")
@click.option(
    "--since", type=_Moment(), default="0s", help="When it begins or began: 30m ago, or 2026-11-24T07:00Z.  [now]"
)
@click.option("--reason", help="Why, for others to read.")
@options.by("Who says so.")
@options.db_conn
@click.option("--database", metavar="FILE", help="Who may write there.  [default: sitemon-db.json]")
def start(
    *,
    sites: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    length_s: float,
    since: datetime,
    reason: str | None,
    by: str,
    db_conn: str | None,
    database: str | None,
) -> None:
    """Declare a window of sites. What failed in it already is no incident any more, and those told of it hear so."""
    if not sites and not labels:
        raise click.UsageError("expected sites, or --label")
    if not 1 <= length_s <= _LONGEST_S:
        raise click.UsageError(
            "--for: expected at least 1s, and at most 30d: a site that rests for longer is not enabled"
        )
    until_at = since + timedelta(seconds=length_s)
    postgres = Postgres(postgres_server(db_conn), database_credentials(database))
    with postgres.connected("maintenance") as conn:
        declaration = Declaration(since, until_at, sites, dict(labels), reason, by)
        number, names = declare(conn, declaration)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    say(f"maintenance {number}: {shown}, until {until_at:%Y-%m-%d %H:%M:%S} UTC")


@command.command("stop")
@click.argument("number", metavar="ID", type=click.IntRange(1, 2**53 - 1))
@click.option("--withdraw", is_flag=True, help="As if it had never been: what failed in it counts again.")
@with_postgres
def stop_(number: int, withdraw: bool, postgres: Postgres) -> int:
    """End a window now; one that has not begun never begins. Exit status 1: it was over already."""
    with postgres.connected("maintenance") as conn:
        is_ended = stop(conn, number, clock.utc_now(), withdraw=withdraw)
    say(f"maintenance {number}: " + (("withdrawn" if withdraw else "ended") if is_ended else "it is over already"))
    return 0 if is_ended else 1


@command.command("list")
@click.option("--since", type=options.DURATION, default="7d", show_default=True, help="How far to look back.")
@options.limit
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_postgres
def list_(since: float, limit: int, as_json: bool, postgres: Postgres) -> None:
    """List windows, planned, running, over and withdrawn ones.

    Those that somebody declared come before those of sites.yaml; of each, those that began last come first, then those
    that begin next.
    """
    now = clock.utc_now()
    with postgres.connected("maintenance") as conn:
        found = newest(read_windows(conn, now - timedelta(seconds=since), limit + 1), limit)
    if as_json:
        say_json([one._asdict() for one in found])
    elif found:
        Terminal(width=max(Terminal().width, 120)).print(windows_table(found))
    else:
        say("no maintenance")
