"""``sitemon plot``: a site's latency over time, with incidents and what was missed."""

from datetime import timedelta
from pathlib import Path

import click

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import Terminal, say
from sitemon.config.values import suggestion
from sitemon.report.plot import bins_for, plot_as_svg, plot_as_text
from sitemon.report.png import png_of
from sitemon.store.plot import known_sites, read_plot

_SVG_BINS = 400
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command("plot")
@click.argument("site")
@click.option("--since", type=options.DURATION, default="1d", show_default=True, help="How far to look back.")
@click.option("--region", help="As seen from one region.  [default: from all]")
@click.option("--svg", type=_FILE, help="Write an SVG file instead.")
@click.option("--png", type=_FILE, help="Write a PNG file instead.")
@with_postgres
def command(
    *,
    site: str,
    since: float,
    region: str | None,
    svg: Path | None,
    png: Path | None,
    postgres: Postgres,
) -> int:
    """Draw a site's latency over time, p50 and p95, with its incidents and with what was not looked at."""
    console, now = Terminal(), clock.utc_now()
    most_bins = _SVG_BINS if svg or png else bins_for(console.width)
    span = timedelta(seconds=max(60.0, since))
    with postgres.connected("plot") as conn:
        plot = read_plot(conn, site, region, now, span=span, most_bins=most_bins)
        if plot is None:
            say(f"nothing is known of {site}{suggestion(site, known_sites(conn))}", err=True)
            return 1
    if svg:
        svg.write_text(plot_as_svg(plot), encoding="utf-8")
    if png:
        png.write_bytes(png_of(plot_as_svg(plot)))
    if not svg and not png:
        console.print(plot_as_text(plot, console.width))
    return 0
