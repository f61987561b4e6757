"""``sitemon incidents``: which sites are down, and were."""

from datetime import timedelta

import click

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, newest, say, say_json
from sitemon.report.incidents import incident_for_scripts, incidents_table
from sitemon.store.page_incidents import State, read_incidents


@click.command("incidents")
@click.option("--open", "open_only", is_flag=True, help="Only those that are not over. Exit status 1 if there are any.")
@click.option("--since", type=options.DURATION, default="7d", show_default=True, help="How far to look back.")
@options.limit
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_postgres
def command(open_only: bool, since: float, limit: int, as_json: bool, postgres: Postgres) -> int:
    """List the incidents, newest first: stretches in which a site was down, by its thresholds."""
    now = clock.utc_now()
    with postgres.connected("incidents") as conn:
        state: State = "open" if open_only else "any"
        found = newest(read_incidents(conn, limit + 1, state=state, since=now - timedelta(seconds=since)), limit)
    if as_json:
        say_json([incident_for_scripts(one) for one in found])
    elif found:
        Terminal(width=max(Terminal().width, 120)).print(incidents_table(found, now))
    else:
        say("no incidents")
    return 1 if open_only and found else 0
