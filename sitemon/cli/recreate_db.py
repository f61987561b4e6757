"""``recreate-sitemon-db``: user and database from scratch."""

import os
import sys

import click

from sitemon.cli import options
from sitemon.cli.main import run
from sitemon.cli.terminal import say
from sitemon.config.servers import admin_credentials, database_credentials, postgres_server
from sitemon.config.settings import settings
from sitemon.store.partitions import Retention
from sitemon.store.recreate import recreate


@click.command("recreate-db")
@options.db_conn
@options.admin
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--adopt", is_flag=True, help="Drop the database also if it was not made by sitemon.")
@options.database
def command(*, db_conn: str | None, admin: str | None, yes: bool, adopt: bool, database: str | None) -> None:
    """Drop sitemon's user and database, with all results, and make them from scratch.

    On a terminal it asks for the database's name first.
    """
    server, administrator, owner = postgres_server(db_conn), admin_credentials(admin), database_credentials(database)
    retention = Retention.of(settings(os.environ))
    if not yes and sys.stdin.isatty() and not _is_confirmed(owner.database):
        say("nothing was dropped", err=True)
        raise click.exceptions.Exit(1)
    recreate(server, administrator, owner, adopt=adopt, retention=retention)
    say(f"database {owner.database} and user {owner.user} are new")


def _is_confirmed(database: str) -> bool:
    question = f"This drops database {database} with all results. Type its name to go on"
    answer: str = click.prompt(question, default="", show_default=False, err=True)
    return answer == database


def main() -> None:
    """Run ``recreate-sitemon-db``."""
    run(command)
