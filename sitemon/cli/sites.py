"""``sitemon sites``: what is configured, and when each site is due next."""

import os
import sys
from collections.abc import Iterable
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from sitemon import clock
from sitemon.cli.terminal import Terminal, say, say_columns, say_json
from sitemon.config.sites import load_sites
from sitemon.model.moment import format_utc, from_ms
from sitemon.model.one_line import one_line
from sitemon.model.site import Site
from sitemon.schedule.slots import next_slot_ms

_COLUMNS: Final = ("site", "url", "every", "regions", "next slot (UTC)")
_CUT: Final = ("site", "url", "regions")
"""Only columns that may wrap are made narrower; their cells are cut all the same."""


@click.command("sites")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a site.")
def command(*, as_json: bool) -> None:
    """List the configured sites and their next slots: a table, or columns between tabs when it goes to a pipe."""
    sites = load_sites(os.environ)
    now_ms = clock.now_ms()
    if as_json:
        say_json([_as_dict(site, now_ms) for site in sites.sites])
        return
    rows = (_row(site, now_ms) for site in sites.sites)
    if sys.stdout.isatty():
        if sites.sites:
            Terminal().print(_table(rows))
        say(sites.summary)
    else:
        # A table of 100,000 rows takes rich a minute; and columns cut to a width are of no use to a script.
        say_columns((_COLUMNS, *rows))


def _row(site: Site, now_ms: int) -> tuple[str, ...]:
    next_at = from_ms(next_slot_ms(site.name, site.interval_ms, now_ms)).strftime("%H:%M:%S.%f")[:-3]
    every = f"{site.interval_ms / 1_000:g}s"
    return site.name, site.display_url, every, ",".join(site.regions), next_at if site.enabled else "disabled"


def _table(rows: Iterable[tuple[str, ...]]) -> Table:
    """Return a table of one line a site; where the terminal is narrow, what may be long is cut."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, no_wrap=name not in _CUT)
    for row in rows:
        table.add_row(*(Text(one_line(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    return table


def _as_dict(site: Site, now_ms: int) -> dict[str, object]:
    next_at = format_utc(from_ms(next_slot_ms(site.name, site.interval_ms, now_ms))) if site.enabled else None
    return {
        "name": site.name,
        "url": site.display_url,
        "interval_s": site.interval_ms / 1_000,
        "timeout_s": site.timeout_s,
        "regions": site.regions,
        "labels": site.labels,
        "enabled": site.enabled,
        "next_slot_at": next_at,
    }
