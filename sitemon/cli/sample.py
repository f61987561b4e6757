"""``sitemon sample``: the sample sites, by hand."""

import tempfile
from pathlib import Path

import click
import yaml

from sitemon.cli.signals import stop_on_signals
from sitemon.local.sample import SampleServer


@click.command("sample")
def command() -> None:
    """Serve sample sites, good and broken ones, on loopback until Ctrl-C, and print their URLs."""
    with stop_on_signals() as stopped, tempfile.TemporaryDirectory(prefix="sitemon-sample-") as folder:
        server = SampleServer(Path(folder))
        server.start(stopped)
        try:
            _print_sites(server.sites_file)
            stopped.wait()
        finally:
            server.kill()


def _print_sites(sites_file: Path) -> None:
    for site in yaml.safe_load(sites_file.read_text())["sites"]:
        click.echo(f"{site['name']:<10} {site['url']:<36} {site['labels']['shows']}")
    click.echo(f"# to watch them: export SITEMON_SITES={sites_file}")
