"""``sitemon rebuild``: rollups and states anew from the results."""

import logging
from datetime import UTC, date, datetime

import click

from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import say
from sitemon.store.rebuild import rebuild

log = logging.getLogger(__name__)


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        problem = "expected a day or a moment such as 2026-11-24 or 2026-11-24T10:30Z"
        raise click.BadParameter(problem, param_hint="--from") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("rebuild")
@click.option(
    "--from",
    "from_at",
    metavar="WHEN",
    callback=_moment,
    help="A day or moment, in UTC.  [default: all results that are kept]",
)
@with_postgres
def command(from_at: datetime | None, postgres: Postgres) -> None:
    """Count the results again into hours and days, from the day of WHEN on, and find the state of every site anew.

    For when somebody changed them by hand. Results themselves stay as they are, recorders may go on meanwhile, and
    doing it again changes nothing. It cannot begin before the oldest day whose results are kept.
    """
    with postgres.connected("rebuild") as conn:
        rebuilt = rebuild(conn, from_at, _tell)
    say(f"{rebuilt.days:,} days and the states of {rebuilt.states:,} sites are made anew")


def _tell(day: date) -> None:
    log.info("rebuild.day: %s is done", day)
