"""``sitemon ack``: somebody knows of an incident."""

from contextlib import closing

import click

from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.store.connect import connect
from sitemon.store.page_incidents import acknowledge


@click.command("ack")
@click.argument("incident", type=click.IntRange(1, 2**31 - 1))
@options.by("Who knows.")
@options.db_conn
@options.database
def command(incident: int, by: str, db_conn: str | None, database: str | None) -> int:
    """Acknowledge an incident by its number. Exit status 1: there is none, or somebody has already."""
    server, credentials = postgres_server(db_conn), database_credentials(database)
    with closing(connect(server, credentials, application_name="sitemon-ack")) as conn:
        is_ours = acknowledge(conn, incident, by)
    say(f"incident {incident}: " + ("acknowledged" if is_ours else "there is none, or somebody knows already"))
    return 0 if is_ours else 1
