"""``sitemon backtest``: which alerts there would have been by other thresholds."""

import os
from datetime import timedelta

import click

from sitemon import clock
from sitemon.alert.backtest import backtest
from sitemon.alert.rules import rules_of_site
from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, say, say_json
from sitemon.config.rules import load_rules
from sitemon.config.sites import load_sites
from sitemon.report.backtest import TABLE_WIDTH, backtest_as_json, backtest_report
from sitemon.store.backtest import read_recorded


@click.command("backtest")
@click.option(
    "--rules", metavar="FILE", required=True, help="Thresholds to try: defaults: and sites:, as in sites.yaml."
)
@click.option("--since", type=options.DURATION, default="30d", show_default=True, help="How far to look back.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it, for scripts.")
@with_postgres
def command(rules: str, since: float, as_json: bool, postgres: Postgres) -> int:
    """Say which alerts there would have been by other thresholds, beside those of today's sites.

    FILE names what is to be other, as sites.yaml does: defaults: {down_after: 5} for every site,
    sites: [{name: shop, up_after: 3}] for one. What is recorded is folded as the alerter folds it.
    Exit status 1 when nothing is recorded.
    """
    now = clock.utc_now()
    new, sites = load_rules(rules, os.environ), load_sites()
    with postgres.connected("backtest") as conn:
        new.require(read_recorded(conn).sites)
        done = backtest(
            conn,
            lambda name: rules_of_site(sites.by_name.get(name), sites.by_name),
            new.policy,
            now - timedelta(seconds=since),
            now,
        )
    if as_json:
        say_json(backtest_as_json(done, sites.summary, new.source))
    elif done.trials:
        console = Terminal(width=max(Terminal().width, TABLE_WIDTH))
        console.print(backtest_report(done, sites.summary, new.source))
    else:
        say("nothing is recorded of this time")
    return 0 if done.trials else 1
