"""``sitemon stack``: the local PostgreSQL, Redis and Kafka, in the background."""

import shlex
import sys
from pathlib import Path

import click

from sitemon.cli.terminal import say
from sitemon.local.keeper import keeper_pid, start_keeper, stop_keeper
from sitemon.local.stack import Stack

_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".sitemon", "stack"),
    show_default=True,
    help="Where its data, logs and passwords are.",
)


@click.group("stack")
def command() -> None:
    """Run PostgreSQL, Redis (Valkey) and Apache Kafka on this machine, from packages alone.

    They listen on free ports of 127.0.0.1 and keep their data in one folder.
    """


@command.command("up", short_help="Start it, and print what to export for it.")
@_folder
def up(folder: Path) -> None:
    """Start the stack in the background, and print what to export for it. Again is no error."""
    if keeper_pid(folder) is None and sys.stderr.isatty():
        say(f"starting PostgreSQL, Redis and Kafka in {folder}", err=True)
    start_keeper(folder.absolute())
    _print_exports(folder)


@command.command("env", short_help="Print what to export for it.")
@_folder
@click.pass_context
def env(context: click.Context, folder: Path) -> None:
    """Print what to export: eval "$(sitemon stack env)"."""
    if keeper_pid(folder) is None:
        say(f"no stack is up in {folder}: sitemon stack up{_option(folder)}", err=True)
        context.exit(1)
    _print_exports(folder)


@command.command("down", short_help="Stop it; its data stays.")
@_folder
def down(folder: Path) -> None:
    """Stop the stack; its data stays in the folder. Again is no error."""
    if not stop_keeper(folder):
        say(f"no stack is up in {folder}", err=True)


def _print_exports(folder: Path) -> None:
    for name, value in Stack(folder).environment.items():
        say(f"export {name}={shlex.quote(value)}")
    if sys.stdout.isatty():
        option = _option(folder)
        say(f'# in your shell: eval "$(sitemon stack env{option})"; at the end: sitemon stack down{option}', err=True)


def _option(folder: Path) -> str:
    return "" if folder == Path(".sitemon", "stack") else f" --dir {shlex.quote(str(folder))}"
