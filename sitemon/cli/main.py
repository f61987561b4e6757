"""``sitemon``, and the contract that all of our commands keep.

Exit status 0 on success, 1 when what was looked at failed, 2 on wrong use or wrong configuration: then one line on
stderr says the first mistake, and nothing else is printed. Never a traceback, never a secret.
"""

import copy
import gc
import importlib
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn

import click

from sitemon.cli.signals import signals_held
from sitemon.cli.terminal import say
from sitemon.config.values import suggestion
from sitemon.log_records import keep_plain
from sitemon.model.errors import ConfigurationError, FatalError, Mistake, SitemonError

INTERRUPTED: Final = 130
"""What a shell says of a command that Ctrl-C ended."""
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class _Entry(NamedTuple):
    summary: str
    example: str


COMMANDS: Final[Mapping[str, _Entry]] = MappingProxyType(
    {
        "ack": _Entry("say that you know of an incident", "ack 17"),
        "alerts": _Entry("list what was said of incidents, and try a channel", "alerts list"),
        "backtest": _Entry("say which alerts there would have been by other thresholds", "backtest --rules new.yaml"),
        "check": _Entry("check one site now, without any server", "check https://example.org --match 'Example Domain'"),
        "dead-letters": _Entry("list, show and send again what could not be recorded", "dead-letters list"),
        "demo": _Entry("watch sample sites with everything running on this machine", "demo --for 30"),
        "incidents": _Entry("list the sites that are down, and were", "incidents --open"),
        "init": _Entry("write templates of the configuration files, to fill in", "init"),
        "ledger": _Entry("say which slots of the schedule are unaccounted for", "ledger --hours 24"),
        "lint": _Entry("say everything that is wrong with the configuration", "lint"),
        "maintenance": _Entry("declare, end and list windows of maintenance", "maintenance list"),
        "migrate": _Entry("bring the database's schema up to date", "migrate --db-conn pg-server.json sitemon-db.json"),
        "note": _Entry("write a note on an incident, for colleagues or for everybody", "note 17 'the disk is full'"),
        "notes": _Entry("list the notes on an incident, or take one back", "notes 17 --take-back 4"),
        "plot": _Entry("draw a site's latency over time", "plot shop --since 7d"),
        "provision": _Entry(
            "make what is missing: database, roles, schema, Kafka topics", "provision --admin db-admin.json"
        ),
        "rebuild": _Entry("count the results again into hours, days and states", "rebuild --from 2026-11-24"),
        "report": _Entry("report on a month: uptime, incidents, latencies, error budgets", "report --month 2026-10"),
        "sample": _Entry("serve the sample sites", "sample"),
        "sites": _Entry("list the configured sites and their next slots", "sites --json"),
        "stack": _Entry("the local stack: PostgreSQL, Redis, Apache Kafka", "stack up"),
        "status": _Entry("show how the sites are, from the database", "status --watch"),
        "web": _Entry("serve the status page and its API", "web --bind 127.0.0.1:8080"),
    }
)
"""Each is ``command`` in the module of its name, with an underscore for a dash."""


class _Commands(click.Group):
    """Imports a command when it is called for, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command; one that does not exist is wrong use."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command {cmd_name}{suggestion(cmd_name, COMMANDS)}")
        with signals_held():
            command = _imported(f"sitemon.cli.{cmd_name.replace('-', '_')}")
        ours = copy.copy(command)
        ours.epilog = f"Example: {ctx.command_path} {COMMANDS[cmd_name].example}"
        ours.params = [*command.params, _verbose()]
        return ours

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _imported(module: str) -> click.Command:
    """Import a command without looking for garbage, of which imports make none: that took a fifth of the time."""
    gc.disable()
    try:
        command = importlib.import_module(module).command
    finally:
        gc.enable()
    gc.freeze()
    assert isinstance(command, click.Command)  # noqa: S101  # for the type checker
    return command


@click.group(cls=_Commands, no_args_is_help=False)
@click.version_option(package_name="sitemon", prog_name="sitemon")
def cli() -> None:
    """Watch web sites, and lose no result.

    \b
    Example: sitemon check https://example.org --match "Example Domain"
    """  # noqa: D301  # click's mark of a paragraph that is not rewrapped


def main() -> NoReturn:
    """Run ``sitemon``."""
    run(cli)


def run(command: click.Command) -> NoReturn:
    """Run a command by our contract; every console script ends here.

    What a command returns is its exit status when it is a number, else that is 0.
    """
    gc.freeze()  # what is imported is no garbage, neither now nor at the end, which else looks through all of it
    ours = copy.copy(command)
    ours.params = [*command.params, _verbose()]
    try:
        set_up_logging()
        status = ours.main(prog_name=Path(sys.argv[0]).name, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except (click.exceptions.Exit, click.Abort, click.ClickException, SitemonError) as exc:
        status = _status_of(exc)
    sys.exit(status if isinstance(status, int) else 0)


def _status_of(exc: Exception) -> int:
    """Say what ended a command, if there is something to say, and return its exit status."""
    match exc:
        case click.exceptions.Exit():
            return exc.exit_code
        case click.Abort():
            return INTERRUPTED
        case click.UsageError(ctx=click.Context() as context):
            return complain(f"{exc.format_message().rstrip('.')}; see {context.command_path} --help")
        case click.ClickException():
            return complain(exc.format_message())
        case FatalError():
            return complain(str(exc))
    return complain(str(exc), status=1)


def complain(mistake: str, status: int = 2) -> int:
    """Print one line to stderr and return the exit status."""
    say(" ".join(mistake.split()), err=True)
    return status


def set_up_logging() -> None:
    """Log one line a record to stderr; ``SITEMON_LOG_LEVEL`` sets the level, INFO unless it is given.

    Raises:
        ConfigurationError: there is no such level.

    """
    level = os.environ.get("SITEMON_LOG_LEVEL", "").upper() or "INFO"
    if level not in LEVELS:
        problem = f"expected {', '.join(LEVELS[:-1])} or {LEVELS[-1]}"
        raise ConfigurationError([Mistake("SITEMON_LOG_LEVEL", None, "", problem)])
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
    keep_plain(logging.getLogger())


def _verbose() -> click.Option:
    def set_level(_context: click.Context, _option: click.Parameter, is_verbose: bool) -> None:
        if is_verbose:
            # Into the environment, because the clients of servers and our child processes look there.
            os.environ["SITEMON_LOG_LEVEL"] = "DEBUG"
            logging.getLogger().setLevel(logging.DEBUG)

    return click.Option(
        ["--verbose"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=set_level,
        help="Log more, as SITEMON_LOG_LEVEL=DEBUG does.",
    )
