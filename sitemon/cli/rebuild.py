"""``sitemon rebuild``: rollups and states anew from the results."""

import logging
from contextlib import closing
from datetime import UTC, date, datetime

import click

from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.store.connect import connect
from sitemon.store.rebuild import rebuild

log = logging.getLogger(__name__)


@click.command("rebuild")
@click.option("--from", "when", metavar="WHEN", help="A day or moment, in UTC.  [default: all results that are kept]")
@options.db_conn
@options.database
def command(when: str | None, db_conn: str | None, database: str | None) -> None:
    """Count the results again into hours and days, from the day of WHEN on, and find the state of every site anew.

    For when somebody changed them by hand. Results themselves stay as they are, recorders may go on meanwhile, and
    doing it again changes nothing. It cannot begin before the oldest day whose results are kept.
    """
    from_at = None if when is None else _moment(when)
    server, credentials = postgres_server(db_conn), database_credentials(database)
    with closing(connect(server, credentials, application_name="sitemon-rebuild")) as conn:
        rebuilt = rebuild(conn, from_at, _tell)
    say(f"{rebuilt.days:,} days and the states of {rebuilt.states:,} sites are made anew")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        problem = "expected a day or a moment such as 2026-11-24 or 2026-11-24T10:30Z"
        raise click.BadParameter(problem, param_hint="--from") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tell(day: date) -> None:
    log.info("rebuild.day: %s is done", day)
