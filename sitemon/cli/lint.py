"""``sitemon lint``: everything that is wrong with the configuration, at once."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from sitemon.config import locate
from sitemon.config.servers import (
    admin_credentials,
    database_credentials,
    kafka_server,
    postgres_server,
    redis_server,
)
from sitemon.config.settings import settings
from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError, Mistake

_SERVERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "pg-server.json": ("SITEMON_PG_", postgres_server),
    "db-admin.json": ("SITEMON_DB_ADMIN_", admin_credentials),
    "sitemon-db.json": ("SITEMON_DB_", database_credentials),
    "kafka-server.json": ("SITEMON_KAFKA_", kafka_server),
    "redis.json": ("SITEMON_REDIS_", redis_server),
}


@click.command("lint")
def command() -> int:
    """Say everything that is wrong with the configuration: exit status 1 when anything is.

    Files of servers that are not there are passed over: no process needs all of them.

    \b
    Example: CONF_DIR=/etc/sitemon sitemon lint
    """  # noqa: D301  # click's mark of a paragraph that is not rewrapped
    mistakes: list[Mistake] = []
    read: list[str] = []
    for file, (prefix, reader) in _SERVERS.items():
        if _is_given(file, prefix):
            _try(reader, mistakes)
            read.append(file)
    _try(lambda: settings(os.environ), mistakes)
    sites = _try(lambda: load_sites(os.environ), mistakes)
    for mistake in mistakes:
        click.echo(str(mistake))
    if mistakes:
        click.echo(f"{len(mistakes)} mistakes")
        return 1
    for site in sites.sites:
        if urlsplit(site.url).username is not None:
            click.echo(f"advice: {site.name}: a password in a URL is easily shown; send it as a header from ${{NAME}}")
    click.echo(f"no mistakes: {len(sites.sites)} sites from {sites.source}; {', '.join(read) or 'no server files'}")
    return 0


def _is_given(file: str, prefix: str) -> bool:
    is_in_environment = any(
        name.startswith(prefix) and not (prefix == "SITEMON_DB_" and name.startswith("SITEMON_DB_ADMIN_"))
        for name in os.environ
    )
    return is_in_environment or locate.find(file, os.environ) is not None


def _try(reader: Callable[[], Any], mistakes: list[Mistake]) -> Any:
    try:
        return reader()
    except ConfigurationError as exc:
        mistakes += exc.mistakes
        return None
