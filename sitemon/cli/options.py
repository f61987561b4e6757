"""What several commands take: each spelt, explained and read in one place.

A file that is not given is read from where its reader looks for it; the names in the help are those of the readers.
"""

import getpass
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from sitemon.config.server_files import DB_ADMIN, KAFKA_SERVER, PG_SERVER, SITEMON_DB
from sitemon.config.values import UnfitError, duration_s

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


_LONGEST_DAYS: Final = 36_500
"""So much lies between now and the beginning and the end of the calendar."""


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            found_s = duration_s(value)
        except UnfitError as exc:
            self.fail(exc.problem, param, ctx)
        if found_s > _LONGEST_DAYS * 86_400:
            self.fail(f"expected at most {_LONGEST_DAYS}d", param, ctx)
        return found_s


DURATION = _Duration()
"""Seconds: given as a number of them, or as text such as 500ms, 30s, 5m."""

db_conn = click.option("--db-conn", metavar="FILE", help=f"Where PostgreSQL is.  [default: {PG_SERVER.file_name}]")
admin = click.option(
    "--admin", metavar="FILE", help=f"Who may make roles and databases.  [default: {DB_ADMIN.file_name}]"
)
kafka = click.option(
    "--kafka", "--kafka-conn", "kafka", metavar="FILE", help=f"Where Kafka is.  [default: {KAFKA_SERVER.file_name}]"
)
database = click.argument("database", metavar=f"[{SITEMON_DB.file_name}]", required=False)
limit = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="The newest so many."
)
match = click.option("--match", metavar="REGEX", help="An RE2 regex that must be found in the page.")


_LONGEST_NAME: Final = 100


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str:
    """Return who it is: it is shown to others, in messages too."""
    try:
        found = getpass.getuser() if name is None else name
    except (KeyError, OSError):  # a user of a container that has a number and no name
        raise click.UsageError("your user has no name here: give one by --by") from None
    if not (found.isprintable() and 0 < len(found) <= _LONGEST_NAME):
        raise click.UsageError(f"--by: expected a name of at most {_LONGEST_NAME} printable characters")
    return found


def by(words: str) -> Callable[[Decorated], Decorated]:
    """Return the option that says who does it; `words` say what."""
    usual = "[default: the name that you are signed in by]"
    return click.option("--by", metavar="NAME", callback=_name, help=f"{words}  {usual}")
