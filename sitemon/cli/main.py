"""``sitemon``, and the contract that all of our commands keep.

Exit status 0 on success, 1 when what was looked at failed, 2 on wrong use or wrong configuration: then one line on
stderr says the first mistake, and nothing else is printed. Never a traceback, never a secret.
"""

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Final, NoReturn

import click

from sitemon.model.errors import FatalError, SitemonError

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "check": "check one site now, without any server",
        "demo": "start everything locally over sample sites and show live results",
        "lint": "say everything that is wrong with the configuration",
        "migrate": "bring the database's schema up to date",
        "provision": "make what is missing: database, roles, schema, Kafka topics",
        "sample": "serve the sample sites",
        "sites": "list the configured sites and their next slots",
        "stack": "the local stack: PostgreSQL, Redis, Apache Kafka",
        "status": "show how the sites are, from the database",
    }
)


class _Commands(click.Group):
    """Imports a command when it is called for, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"sitemon.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101  # for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, no_args_is_help=False)
@click.version_option(version("sitemon"), prog_name="sitemon")
def cli() -> None:
    """Watch web sites, and lose no result.

    \b
    Example: sitemon check https://example.org --match "Example Domain"
    """  # noqa: D301  # click's mark of a paragraph that is not rewrapped


def main() -> NoReturn:
    """Run ``sitemon``."""
    run(cli)


def run(command: click.Command) -> NoReturn:
    """Run a command by our contract; every console script ends here."""
    set_up_logging()
    try:
        status = command.main(standalone_mode=False)
    except click.exceptions.Exit as exc:
        status = exc.exit_code
    except click.Abort:
        status = 130
    except click.ClickException as exc:
        status = complain(exc.format_message())
    except FatalError as exc:
        status = complain(str(exc))
    except SitemonError as exc:
        status = complain(str(exc), status=1)
    except BrokenPipeError:
        # Python would complain again when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def complain(mistake: str, status: int = 2) -> int:
    """Print one line to stderr and return the exit status."""
    click.echo(" ".join(mistake.split()), err=True)
    return status


def set_up_logging() -> None:
    """Log one line a record to stderr; ``SITEMON_LOG_LEVEL`` sets the level, INFO unless it is given."""
    level = os.environ.get("SITEMON_LOG_LEVEL", "INFO").upper()
    if level not in LEVELS:
        sys.exit(complain(f"SITEMON_LOG_LEVEL: expected one of {', '.join(LEVELS)}"))
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if level != "DEBUG":
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
