"""``sitemon lint``: everything that is wrong with the configuration, at once."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import click

from sitemon.cli.terminal import say
from sitemon.config import alerts, locate, server_files, servers
from sitemon.config.fields import FileKind
from sitemon.config.settings import settings
from sitemon.config.sites import SiteSet, load_sites
from sitemon.config.verified import warning_of
from sitemon.config.web import web_settings
from sitemon.config.web_file import WEB
from sitemon.model.errors import ConfigurationError, Mistake

_SERVERS: Final[Sequence[tuple[FileKind, Callable[[], object]]]] = (
    (server_files.PG_SERVER, servers.postgres_server),
    (server_files.DB_ADMIN, servers.admin_credentials),
    (server_files.SITEMON_DB, servers.database_credentials),
    (server_files.KAFKA_SERVER, servers.kafka_server),
    (server_files.REDIS, servers.redis_server),
    (WEB, web_settings),
)


_T = TypeVar("_T")


class _Findings(NamedTuple):
    mistakes: list[Mistake]
    read: list[str]
    warnings: list[str]
    sites: SiteSet | None


@click.command("lint")
def command() -> int:
    """Say everything that is wrong with the configuration: exit status 1 when anything is.

    Files of servers that are not there are passed over: no process needs all of them. Of a server over a network that
    does not have to prove who it is, and of a route of alerts.yaml that no site takes, a warning says so.
    """
    found = _look()
    for mistake in found.mistakes:
        say(str(mistake))
    for warning in found.warnings:
        say(f"warning: {warning}")
    for advice in _advice(found.sites) if found.sites else ():
        say(f"advice: {advice}")
    if found.mistakes or found.sites is None:
        say(_counted(len(found.mistakes), "mistake"))
        return 1
    say(f"no mistakes: {found.sites.summary}; {', '.join(found.read) or 'no servers'}")
    return 0


def _look() -> _Findings:
    mistakes: list[Mistake] = []
    read, warnings = [], []
    for kind, reader in _SERVERS:
        if sources := _sources(kind):
            read.append(sources)
            warning = warning_of(_try(reader, mistakes))
            warnings += [f"{sources}: {warning}"] if warning else []
    _try(settings, mistakes)
    told = None
    if locate.usual_place(alerts.FILE_NAME, os.environ).exists():
        told = _try(alerts.load_alerts, mistakes)
        read.append(alerts.FILE_NAME)
        warnings += [str(one) for one in alerts.untaken_routes(told)] if told else []
    return _Findings(
        mistakes, read, warnings, _try(lambda: load_sites(channels=told.names if told else None), mistakes)
    )


def _try(read: Callable[[], _T], mistakes: list[Mistake]) -> _T | None:
    try:
        return read()
    except ConfigurationError as exc:
        mistakes += exc.mistakes
        return None


def _sources(kind: FileKind) -> str:
    """Return where a server's values come from: its file, the environment, both, or nowhere."""
    file = [kind.file_name] if locate.usual_place(kind.file_name, os.environ).exists() else []
    is_in_environment = any(os.environ.get(kind.variable(field)) for field in kind.parsers)
    return " and ".join([*file, *([f"{kind.prefix}*"] if is_in_environment else [])])


def _advice(sites: SiteSet) -> Iterator[str]:
    for site in sites.sites:
        if "@" in urlsplit(site.url).netloc:
            yield f"{site.name}: url: a password in a URL is easily shown; give it as auth, from ${{NAME}}"
        if site.expect.max_latency_s is not None and site.expect.max_latency_s >= site.timeout_s:
            yield f"{site.name}: expect.max_latency: never exceeded: the timeout of {site.timeout_s:g}s ends the check"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
