"""``sitemon alerts``: what was said and to whom, and whether a channel works."""

import random
from datetime import timedelta

import click

from sitemon import clock
from sitemon.alert import outlets
from sitemon.alert.verdict import Fate, verdict_of
from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, newest, say, say_json
from sitemon.config.alerts import FILE_NAME, load_alerts
from sitemon.config.values import suggestion
from sitemon.model.alerts import Channel
from sitemon.report.incidents import alerts_table
from sitemon.store.outbox import read_alerts, retry_alerts


@click.group("alerts")
def command() -> None:
    """List what was said, try a channel, and send again what was given up."""


@command.command("list")
@click.option("--since", type=options.DURATION, default="7d", show_default=True, help="How far to look back.")
@options.limit
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_postgres
def list_(since: float, limit: int, as_json: bool, postgres: Postgres) -> int:
    """List alerts, newest first, one a channel. Exit status 1: one was given up, and not overtaken."""
    with postgres.connected("alerts") as conn:
        found = newest(read_alerts(conn, clock.utc_now() - timedelta(seconds=since), limit + 1), limit)
    if as_json:
        say_json([one._asdict() for one in found])
    elif found:
        Terminal(width=max(Terminal().width, 160)).print(alerts_table(found))
    else:
        say("no alerts")
    return 1 if any(one.state == "given up" and not one.is_overtaken for one in found) else 0


@command.command("test")
@click.argument("channel")
def try_channel(channel: str) -> int:
    """Send a message that says it is a test on a channel, at once. Exit status 1: it did not arrive."""
    channels = load_alerts().channels
    if channel not in channels:
        raise click.UsageError(f"no channel {channel} in {FILE_NAME}{suggestion(channel, channels)}")
    arrived = [_try(one) for name, one in channels.items() if name == channel or name.startswith(f"{channel}/")]
    return 0 if all(arrived) else 1


def _try(channel: Channel) -> bool:
    now = clock.utc_now()
    verdict = verdict_of(outlets.try_channel(channel, now), tries=0, failures=0, now=now, chance=random.Random())
    is_there = verdict.fate is Fate.DELIVERED
    say(f"{channel.name}: " + ("delivered" if is_there else f"not delivered: {verdict.problem}"))
    return is_there


@command.command("retry")
@with_postgres
def retry(postgres: Postgres) -> None:
    """Send at once what waits and what was given up, on all channels; one that answered 410 is tried again."""
    with postgres.connected("alerts") as conn:
        count = retry_alerts(conn)
    say(f"{count} alerts are due now")
