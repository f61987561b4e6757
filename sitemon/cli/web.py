"""``sitemon web``: the status page and the API, for as long as it is let."""

import logging
import os
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final

import click

from sitemon.cli import options
from sitemon.cli.signals import stop_on_signals
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.config.sites import SiteSet, load_sites
from sitemon.config.sites_watcher import sites_watcher
from sitemon.model.errors import ConfigurationError, FatalError, RetryableError
from sitemon.store.connect import Connection, connect

log = logging.getLogger(__name__)

_LIBRARIES: Final = ("fastapi", "jinja2", "starlette", "uvicorn")


class _Address(click.ParamType[tuple[str, int]]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            self.fail(f"expected HOST:PORT such as 127.0.0.1:8080 or [::]:8080, not {value}", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


@click.command("web")
@click.option(
    "--bind",
    type=_Address(),
    metavar="HOST:PORT",
    default="127.0.0.1:8080",
    show_default=True,
    help="Where to listen; port 0 is any free one.",
)
@options.db_conn
@options.database
def command(bind: tuple[str, int], db_conn: str | None, database: str | None) -> None:
    """Serve the status page, for browsers on this machine unless --bind says otherwise.

    It only reads the public views: a login that is a member of sitemon_reader will do.
    """
    server, credentials = postgres_server(db_conn), database_credentials(database)

    def connected() -> Connection:
        return connect(server, credentials, application_name="sitemon-web")

    try:
        from sitemon.web.app import create_app  # noqa: PLC0415  # its libraries are an extra
        from sitemon.web.server import listen, serve  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise FatalError(f"{exc.name} is not installed: the page needs `pip install 'sitemon[web]'`") from exc
    # Who is refused ends here. Who is not answered waits, and the page says so.
    with suppress(RetryableError), closing(connected()):
        pass
    with stop_on_signals() as stop:
        try:
            listener = listen(*bind)
        except OSError as exc:
            raise FatalError(f"cannot listen on {_place(*bind)}: {_words_of(exc)}") from exc
        with closing(listener):
            log.info("web.listening: http://%s/", _place(*listener.getsockname()[:2]))
            serve(create_app(connect=connected, sites=_configured()), listener, stop)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _words_of(exc: OSError) -> str:
    """Return the system's words, to which Python adds the address; those of a name that is not found are its own."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc.strerror)


def _configured() -> Callable[[], SiteSet | None]:
    """Return what gives the configured sites: None where there are none, or wrong ones. The page then shows none."""
    try:
        return sites_watcher().current if load_sites().sites else _no_sites
    except ConfigurationError as exc:
        log.warning("web.sites_not_read: the page shows no configuration: %s", exc)
        return _no_sites


def _no_sites() -> None:
    return None
