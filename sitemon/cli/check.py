"""``sitemon check``: one check now, without any server."""

import click

from sitemon.checks.once import adhoc_result, chosen_site, observe
from sitemon.cli import options
from sitemon.cli.terminal import Terminal, say_json
from sitemon.clock import utc_now
from sitemon.model.outcome import Outcome
from sitemon.model.result import as_dict
from sitemon.report.check import report, trace_of, traced, traced_failures


@click.command("check")
@click.argument("url_or_site", metavar="URL-or-site")
@options.match
@click.option(
    "--timeout",
    type=options.DURATION,
    help="For the whole check, such as 500ms or 10s.  [default: the site's, else 10s]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as it would go to Kafka.")
@click.option("--trace", "is_traced", is_flag=True, help="Show each hop, and what was found wrong.")
@click.pass_context
def command(
    context: click.Context,
    *,
    url_or_site: str,
    match: str | None,
    timeout: float | None,
    as_json: bool,
    is_traced: bool,
) -> None:
    """Check a URL or a configured site now, and show what was found.

    Exit status 0 when it is up or degraded, else 1.
    """
    asked_at = utc_now()
    site = chosen_site(url_or_site, match=match, timeout_s=timeout, fields={})
    observation = observe(site)
    result = adhoc_result(site, observation, asked_at)
    hops, failures, now = observation.hops, observation.failures, utc_now()
    if as_json:
        trace = {"trace": traced(site, hops), "failures": traced_failures(failures)} if is_traced else {}
        say_json(as_dict(result) | trace)
    else:
        Terminal().print(report(result, now, trace_of(site, hops, failures, now) if is_traced else ()))
    context.exit(0 if result.outcome in {Outcome.UP, Outcome.DEGRADED} else 1)
