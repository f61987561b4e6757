"""``sitemon note``: somebody says something of an incident."""

from typing import Any

import click

from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import say
from sitemon.model.note import note_of
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
@with_postgres
def command(
    *,
    incident: int,
    note: str,
    publish: bool,
    replaces: int | None,
    by: str,
    postgres: Postgres,
) -> int:
    """Write a note on an incident, by its number: its page shows it. Exit status 1: there is none, or no such note."""
    with postgres.connected("note") as conn:
        is_written = add_note(conn, incident, by, NewNote(note, publish, replaces))
    how = "noted, for everybody" if publish else "noted"
    lacking = "there is none" if replaces is None else f"it has no note {replaces}, or that was taken back already"
    say(f"incident {incident}: {how if is_written else lacking}")
    return 0 if is_written else 1
