"""``sitemon note``: somebody says something of an incident."""

from contextlib import closing
from typing import Any

import click

from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.model.note import note_of
from sitemon.store.connect import connect
from sitemon.store.page_incidents import NewNote, add_note


class _Note(click.ParamType[str]):
    name = "note"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return note_of(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


@click.command("note")
@click.argument("incident", type=click.IntRange(1, 2**31 - 1))
@click.argument("note", metavar="TEXT", type=_Note())
@click.option(
    "--publish", is_flag=True, help="Show it to everybody: on the public page and in its feed, without a name."
)
@click.option(
    "--replaces", metavar="NOTE", type=click.IntRange(1, 2**53 - 1), help="Take this note back, and write TEXT instead."
)
@options.by("Who says so.")
@options.db_conn
@options.database
def command(
    *,
    incident: int,
    note: str,
    publish: bool,
    replaces: int | None,
    by: str,
    db_conn: str | None,
    database: str | None,
) -> int:
    """Write a note on an incident, by its number: its page shows it. Exit status 1: there is none, or no such note."""
    server, credentials = postgres_server(db_conn), database_credentials(database)
    with closing(connect(server, credentials, application_name="sitemon-note")) as conn:
        is_written = add_note(conn, incident, by, NewNote(note, publish, replaces))
    how = "noted, for everybody" if publish else "noted"
    lacking = "there is none" if replaces is None else f"it has no note {replaces}, or that was taken back already"
    say(f"incident {incident}: {how if is_written else lacking}")
    return 0 if is_written else 1
