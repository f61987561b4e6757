"""``sitemon ack``: somebody knows of an incident."""

import getpass
from contextlib import closing
from typing import Final

import click

from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.store.connect import connect
from sitemon.store.incident import acknowledge

_LONGEST_NAME: Final = 100


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str:
    """Return who knows: it is shown to others, in messages too."""
    try:
        found = getpass.getuser() if name is None else name
    except (KeyError, OSError):  # a user of a container that has a number and no name
        raise click.UsageError("your user has no name here: give one by --by") from None
    if not (found.isprintable() and 0 < len(found) <= _LONGEST_NAME):
        raise click.UsageError(f"--by: expected a name of at most {_LONGEST_NAME} printable characters")
    return found


@click.command("ack")
@click.argument("incident", type=click.IntRange(1, 2**31 - 1))
@click.option("--by", metavar="NAME", callback=_name, help="Who knows.  [default: the name that you are signed in by]")
@options.db_conn
@options.database
def command(incident: int, by: str, db_conn: str | None, database: str | None) -> int:
    """Acknowledge an incident by its number. Exit status 1: there is none, or somebody has already."""
    server, credentials = postgres_server(db_conn), database_credentials(database)
    with closing(connect(server, credentials, application_name="sitemon-ack")) as conn:
        is_ours = acknowledge(conn, incident, by)
    say(f"incident {incident}: " + ("acknowledged" if is_ours else "there is none, or somebody knows already"))
    return 0 if is_ours else 1
