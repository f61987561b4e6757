"""``sitemon notes``: what was said of an incident, and what should not have been."""

import click

from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, say
from sitemon.report.incidents import notes_table
from sitemon.store.page_incidents import read_notes, withdraw_note


@click.command("notes")
@click.argument("incident", type=click.IntRange(1, 2**31 - 1))
@click.option(
    "--take-back",
    metavar="NOTE",
    type=click.IntRange(1, 2**53 - 1),
    help="Take this note back, by its number: the public page and its feed show it no longer. Exit status 1: there is "
    "none, or it was taken back already.",
)
@options.by("Who takes it back.")
@with_postgres
def command(*, incident: int, take_back: int | None, by: str, postgres: Postgres) -> int:
    """List the notes on an incident, by its number, or take one of them back."""
    with postgres.connected("notes") as conn:
        if take_back is not None:
            is_done = withdraw_note(conn, incident, by, take_back)
            lacking = f"there is none on incident {incident}, or it was taken back already"
            say(f"note {take_back}: {'taken back' if is_done else lacking}")
            return 0 if is_done else 1
        notes = read_notes(conn, incident)
    if notes:
        Terminal(width=max(Terminal().width, 120)).print(notes_table(notes))
    else:
        say(f"incident {incident}: no notes")
    return 0
