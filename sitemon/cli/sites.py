"""``sitemon sites``: what is configured, and when each site is due next."""

import json
import os

import click
from rich.console import Console
from rich.table import Table

from sitemon import clock
from sitemon.config.sites import load_sites
from sitemon.model.moment import format_utc, from_ms
from sitemon.model.site import Site
from sitemon.schedule.slots import next_slot_ms


@click.command("sites")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a site.")
def command(*, as_json: bool) -> None:
    """List the configured sites and their next slots.

    \b
    Example: sitemon sites --json | jq '.[].name'
    """  # noqa: D301  # click's mark of a paragraph that is not rewrapped
    sites = load_sites(os.environ)
    now_ms = clock.now_ms()
    if as_json:
        click.echo(json.dumps([_as_dict(site, now_ms) for site in sites.sites], indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("site", "url", "every", "regions", "next slot (UTC)"):
        table.add_column(name, overflow="fold" if name == "url" else "ellipsis")
    for site in sites.sites:
        next_at = from_ms(next_slot_ms(site.name, site.interval_ms, now_ms)).strftime("%H:%M:%S.%f")[:-3]
        table.add_row(
            site.name,
            site.display_url,
            f"{site.interval_ms / 1_000:g}s",
            ", ".join(site.regions),
            next_at if site.enabled else "disabled",
        )
    Console().print(table)
    click.echo(f"{len(sites.sites)} sites from {sites.source}")


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
