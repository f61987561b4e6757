"""``sitemon ack``: somebody knows of an incident."""

import click

from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import say
from sitemon.store.page_incidents import acknowledge


@click.command("ack")
@click.argument("incident", type=click.IntRange(1, 2**31 - 1))
@options.by("Who knows.")
@with_postgres
def command(incident: int, by: str, postgres: Postgres) -> int:
    """Acknowledge an incident by its number. Exit status 1: there is none, or somebody has already."""
    with postgres.connected("ack") as conn:
        is_ours = acknowledge(conn, incident, by)
    say(f"incident {incident}: " + ("acknowledged" if is_ours else "there is none, or somebody knows already"))
    return 0 if is_ours else 1
