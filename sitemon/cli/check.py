"""``sitemon check``: one check now, without any server."""

import json
from datetime import datetime
from typing import Any, Final

import click
import msgspec
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sitemon.checks.engine import Hop, Observation
from sitemon.checks.failures import printable
from sitemon.checks.once import adhoc_result, chosen_site, observe
from sitemon.checks.timing import PHASES
from sitemon.checks.tls import Certificate, certificate_of
from sitemon.clock import utc_now
from sitemon.config.values import UnfitError, duration_s
from sitemon.model.moment import format_utc
from sitemon.model.outcome import Outcome
from sitemon.model.result import Phases, Result, as_dict

_STYLES: Final = {Outcome.UP: "bold green", Outcome.DEGRADED: "bold yellow", Outcome.DOWN: "bold red"}
_CERTIFICATE_SOON_DAYS: Final = 14
_BAR_WIDTH: Final = 30


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return duration_s(value)
        except UnfitError as exc:
            self.fail(exc.problem, param, ctx)


@click.command("check")
@click.argument("url_or_site")
@click.option("--match", metavar="REGEX", help="An RE2 regex that must be found in the page.")
@click.option("--timeout", type=_Duration(), help="For the whole check: 500ms, 10s. A site has its own; else 10s.")
@click.option("--json", "is_json", is_flag=True, help="Print the result as it would go to Kafka.")
@click.option("--trace", is_flag=True, help="Show every hop: addresses, status, phases, certificates.")
@click.pass_context
def command(
    context: click.Context, *, url_or_site: str, match: str | None, timeout: float | None, is_json: bool, trace: bool
) -> None:
    """Check a URL or a configured site now, and show what was found.

    Exit status 0 when it is up or degraded, 1 when it is down.
    """
    asked_at = utc_now()
    site = chosen_site(url_or_site, match=match, **({} if timeout is None else {"timeout": timeout}))
    observation = observe(site)
    result = adhoc_result(site, observation, asked_at)
    if is_json:
        click.echo(json.dumps(_as_json(result, observation, is_traced=trace), indent=2, ensure_ascii=False))
    else:
        Console(highlight=False).print(_report(result, observation, is_traced=trace))
    context.exit(1 if result.outcome is Outcome.DOWN else 0)
