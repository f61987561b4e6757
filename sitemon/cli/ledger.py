"""``sitemon ledger``: the schedule's own history against the rows there are."""

from datetime import timedelta
from typing import Final

import click

from sitemon import clock
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, say, say_json
from sitemon.model.moment import format_utc
from sitemon.report.ledger import SHOWN, TABLE_WIDTH, sum_of, uneven_hours, why_nothing_counts
from sitemon.store.read import read_closed_at, read_count_problems, read_first_due, read_ledger

STALE: Final = timedelta(minutes=5)


@click.command("ledger")
@click.option(
    "--hours", type=click.IntRange(1, 876_000), metavar="N", default=24, show_default=True, help="How far to look back."
)
@click.option("--strict", is_flag=True, help="Exit with 1 also for slots that were lost though a beat was there.")
@click.option("--json", "as_json", is_flag=True, help="Print every hour of every site, for scripts.")
@with_postgres
def command(hours: int, *, strict: bool, as_json: bool, postgres: Postgres) -> int:
    """Say which slots of the schedule have no row, and which rows no slot. Exit status 1 if there are any.

    What is expected is computed from the schedule's own history, never from the results. A slot counts once the account
    is closed beyond it: its interval, its timeout and some seconds have passed, and all that was made is recorded. An
    account that is not closed for 5 minutes is exit status 1 too: nobody decides what is missing. So is a count of
    results by those who made them that the rows do not bear out.
    """
    now = clock.utc_now()
    with postgres.connected("ledger") as conn:
        ledger = read_ledger(conn, now - timedelta(hours=hours), now)
        closed_at, counts = read_closed_at(conn), read_count_problems(conn)
        first_due_at = read_first_due(conn)
    uneven = [hour for hour in ledger if not hour.is_even or (strict and hour.lost)]
    if as_json:
        say_json([hour._asdict() for hour in ledger])
    else:
        if uneven:
            # A figure that is cut would say something else: rather let a narrow terminal break the line.
            Terminal(width=max(Terminal().width, TABLE_WIDTH)).print(uneven_hours(uneven))
            if len(uneven) > SHOWN:
                say(f"… and {len(uneven) - SHOWN:,} more, which --json has all of")
        say(sum_of(ledger))
        if why := why_nothing_counts(first_due_at, closed_at):
            say(why)
    is_stale = now - closed_at > STALE
    if is_stale:
        say(f"ledger: nobody decides what is missing since {format_utc(closed_at)}: is a recorder running?", err=True)
    if counts.lacking:
        say(f"ledger: {counts.lacking:,} results that were made did not arrive", err=True)
    if counts.surplus:
        say(f"ledger: {counts.surplus:,} rows are there that no worker or beat made", err=True)
    return 1 if uneven or is_stale or any(counts) else 0
