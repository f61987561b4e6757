"""``sitemon sample``: the sample sites, and servers that misbehave, by hand."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import yaml

from sitemon import clock
from sitemon.cli.signals import stop_on_signals
from sitemon.cli.terminal import say
from sitemon.local.misbehaving import MISBEHAVIOURS, misbehaving, sites_yaml
from sitemon.local.sample import SAMPLES, SampleServer
from sitemon.model.outcome import REASONS, Reason


@click.command("sample")
@click.option("--list", "is_listed", is_flag=True, help="Only say what there is, and what a check of each finds.")
def command(*, is_listed: bool) -> None:
    """Serve sample sites on loopback until Ctrl-C: those of the demo, and servers that misbehave in every way.

    Prints the URL of each, what it shows, and what a check should find.
    """
    if is_listed:
        for line in _lines():
            say(f"{line.name:<17} {line.finding:<24} {line.shows}")
        return
    with stop_on_signals() as stopped, tempfile.TemporaryDirectory(prefix="sitemon-sample-") as folder:
        server = SampleServer(Path(folder))
        server.start(stopped)
        try:
            with misbehaving(server.folder, clock.utc_now()) as urls:
                (server.folder / "misbehaving.yaml").write_text(sites_yaml(urls))
                _print_sites(server, urls)
                stopped.wait()
        finally:
            server.kill()


class _Line(NamedTuple):
    name: str
    finding: str
    shows: str


def _lines() -> Iterator[_Line]:
    for one in (*SAMPLES, *MISBEHAVIOURS):
        yield _Line(one.name, _finding(one.reason), one.shows)


def _finding(reason: Reason | None) -> str:
    return "up" if reason is None else f"{REASONS[reason][0]} {reason}"


def _print_sites(server: SampleServer, urls: dict[str, str]) -> None:
    demo = yaml.safe_load(server.sites_file.read_text())["sites"]
    urls = urls | {site["name"]: site["url"] for site in demo}
    for line in _lines():
        say(f"{line.name:<17} {line.finding:<24} {urls[line.name]:<42} {line.shows}")
    say(f"# to check one:   SITEMON_SITES={server.folder} sitemon check {demo[0]['name']} --trace")
    say(f"# to watch them:  export SITEMON_SITES={server.folder}")
