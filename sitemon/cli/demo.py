"""``sitemon demo``: everything at work over the sample sites, until Ctrl-C or for a while."""

import logging
import math
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sitemon import clock
from sitemon.alert.events import RESOLVED
from sitemon.alert.text import subject_of
from sitemon.cli.terminal import Terminal, say
from sitemon.local.demo import Demo
from sitemon.local.sample import SAMPLES
from sitemon.model.errors import FatalError
from sitemon.report.palette import STYLES, latency
from sitemon.report.status import status_table
from sitemon.store.read import SiteStatus

_ENDING_S: Final = 3.0
_LINE_EVERY_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.5
_TOLD: Final = 10
_SHOWS: Final = {site.name: site.shows for site in SAMPLES}


@click.command("demo")
@click.option("--for", "run_for_s", type=click.FloatRange(min=1), metavar="SECONDS", help="End after so many seconds.")
def command(run_for_s: float | None) -> None:
    """Watch sample sites with the whole pipeline: beat, worker, Kafka, recorder, PostgreSQL, alerter, page.

    It needs what pip install 'sitemon[local]' brings, and for Apache Kafka Java and Maven. Alerts go to a receiver of
    its own, which shows them. It ends with a table of the sites and with how many results were recorded.
    """
    until_s = clock.monotonic_s() + (run_for_s - _ENDING_S if run_for_s else math.inf)
    logging.getLogger("sitemon.local").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _demo_in_a_folder() as pipeline:
        recorded = _run(pipeline, until_s)
    sys.exit(0 if recorded else 1)


@contextmanager
def _demo_in_a_folder() -> Iterator[Demo]:
    """Make a demo, and leave nothing of it behind but, after an error, its logs."""
    folder = Path(tempfile.mkdtemp(prefix="sitemon-demo-"))
    pipeline = Demo(folder)
    has_failed = False
    try:
        yield pipeline
    except FatalError:
        has_failed = True
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pipeline.down()
        if not has_failed:
            shutil.rmtree(folder)


def _run(pipeline: Demo, until_s: float) -> int:
    console = Terminal()
    say(f"starting PostgreSQL, Redis, Kafka, worker, recorder and alerter; their logs are in {pipeline.folder}")
    pipeline.up()
    if pipeline.page_url:
        say(f"the page: {pipeline.page_url}")
    say(
        f"made up: all that lies before {pipeline.made_up_until_at:%Y-%m-%d %H:%M} UTC, so that there is a past to show"
    )
    try:
        _watch(pipeline, console, until_s)
    except KeyboardInterrupt:
        console.print("stopping")
    recorded = pipeline.finish()
    console.print(_table(pipeline.statuses()))
    console.print(_told(pipeline.receiver.events))
    console.print(f"{recorded} results recorded")
    return recorded


def _watch(pipeline: Demo, console: Terminal, until_s: float) -> None:
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            while _is_going_on(pipeline, until_s, _LOOK_EVERY_S):
                live.update(_view(pipeline, console.width), refresh=True)
    else:
        told = 0
        while _is_going_on(pipeline, until_s, _LINE_EVERY_S):
            console.print(_summary(pipeline.statuses(), pipeline.count()))
            new = pipeline.receiver.events[told:]
            told += len(new)
            for event in new:
                console.print(f"told at {event['timestamp'][11:19]}: {subject_of(event)}")


def _is_going_on(pipeline: Demo, until_s: float, wait_s: float) -> bool:
    """Wait, but not beyond the end; return whether it has not come. Raises FatalError when a process has ended."""
    clock.sleep(max(0.0, min(wait_s, until_s - clock.monotonic_s())))
    pipeline.check()
    return clock.monotonic_s() < until_s


def _view(pipeline: Demo, width: int) -> RenderableType:
    table = status_table(pipeline.statuses(), pipeline.closed_at(), clock.utc_now(), width)
    page = f"the page: {pipeline.page_url}; " if pipeline.page_url else ""
    made_up = f"before {pipeline.made_up_until_at:%H:%M} UTC all is made up; "
    said = f"{page}{made_up}{pipeline.count()} results recorded; Ctrl-C ends it"
    return Group(table, _told(pipeline.receiver.events), said)


def _told(events: Sequence[Mapping[str, Any]]) -> Table:
    """Return the newest alerts that came to the receiver of the demo."""
    table = Table("told at (UTC)", "alert, as it came to a webhook", box=None, pad_edge=False)
    for event in events[-_TOLD:]:
        style = STYLES["up" if event["type"] == RESOLVED else "down"]
        table.add_row(event["timestamp"][11:19], Text(subject_of(event), style))
    if not events:
        table.add_row("", Text("none yet", "dim"))
    return table


def _summary(statuses: Sequence[SiteStatus], recorded: int) -> str:
    states = Counter(status.state for status in statuses)
    counted = ", ".join(f"{states[state]} {state}" for state in STYLES if states[state])
    return f"{len(statuses)} sites: {counted or 'nothing yet'}; {recorded} results recorded"


def _table(statuses: Sequence[SiteStatus]) -> Table:
    table = Table("site", "what it shows", "state", "reason", "latency", box=None, pad_edge=False)
    for status in statuses:
        state = Text(status.state, STYLES[status.state])
        shown = "" if status.latency_s is None else latency(status.latency_s)
        table.add_row(status.site, _SHOWS.get(status.site, ""), state, status.reason, shown)
    return table
