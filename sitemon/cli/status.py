"""``sitemon status``: how the sites are, as the database has it."""

import threading
from contextlib import closing
from typing import Final

import click
from rich.console import RenderableType
from rich.live import Live

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.signals import stop_on_signals
from sitemon.cli.terminal import Terminal, say_json
from sitemon.config.servers import Credentials, PostgresServer, database_credentials, postgres_server
from sitemon.model.errors import RetryableError
from sitemon.report.status import status_table
from sitemon.store.connect import Connection, connect
from sitemon.store.read import read_closed_at, read_status

_REFRESH_S: Final = 2.0


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a site.")
@options.db_conn
@options.database
def command(watch: bool, as_json: bool, db_conn: str | None, database: str | None) -> None:
    """Show each site: its state and since when, latencies, and the uptime of the last day. Worst first.

    A site whose newest slot nobody looked at is unknown.
    Uptime is a range where slots were missed: its low end counts them as down, its high end as up.
    """
    server, credentials = postgres_server(db_conn), database_credentials(database)
    if watch and as_json:
        raise click.UsageError("--watch and --json do not go together")
    if watch:
        _watch(server, credentials)
        return
    with closing(_connect(server, credentials)) as conn:
        sites, closed_at = read_status(conn, clock.utc_now()), read_closed_at(conn)
    if as_json:
        say_json([site._asdict() for site in sites])
    else:
        console = Terminal()
        console.print(status_table(sites, closed_at, clock.utc_now(), console.width))


def _connect(server: PostgresServer, credentials: Credentials) -> Connection:
    return connect(server, credentials, application_name="sitemon-status")


def _watch(server: PostgresServer, credentials: Credentials) -> None:
    console = Terminal()
    with stop_on_signals() as stop, Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while not stop.is_set():
            try:
                with closing(_connect(server, credentials)) as conn:
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
