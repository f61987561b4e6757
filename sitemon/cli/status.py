"""``sitemon status``: how the sites are, as the database has it."""

import threading
from typing import Final

import click
from rich.console import RenderableType
from rich.live import Live

from sitemon import clock
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.signals import stop_on_signals
from sitemon.cli.terminal import Terminal, say_json
from sitemon.model.errors import RetryableError
from sitemon.report.status import status_table
from sitemon.store.connect import Connection
from sitemon.store.read import read_closed_at, read_status

_REFRESH_S: Final = 2.0


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a site.")
@with_postgres
def command(watch: bool, as_json: bool, postgres: Postgres) -> None:
    """Show each site: its state and since when, latencies, and the uptime of the last day. Worst first.

    A site whose newest slot nobody looked at is unknown.
    Uptime is a range where slots were missed: its low end counts them as down, its high end as up.
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json do not go together")
    if watch:
        _watch(postgres)
        return
    with postgres.connected("status") as conn:
        sites, closed_at = read_status(conn, clock.utc_now()), read_closed_at(conn)
    if as_json:
        say_json([site._asdict() for site in sites])
    else:
        console = Terminal()
        console.print(status_table(sites, closed_at, clock.utc_now(), console.width))


def _watch(postgres: Postgres) -> None:
    console = Terminal()
    with stop_on_signals() as stop, Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while not stop.is_set():
            try:
                with postgres.connected("status") as conn:
                    _follow(conn, live, console, stop)
            except RetryableError as exc:
                live.update(f"waiting for the database: {exc}", refresh=True)
                stop.wait(_REFRESH_S)


def _follow(conn: Connection, live: Live, console: Terminal, stop: threading.Event) -> None:
    while not stop.is_set():
        now = clock.utc_now()
        table: RenderableType = status_table(read_status(conn, now), read_closed_at(conn), now, console.width)
        live.update(table, refresh=True)
        stop.wait(_REFRESH_S)
