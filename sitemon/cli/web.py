"""``sitemon web``: the status page and the API, for as long as it is let; ``sitemon web token``: who may act there."""

import logging
import os
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final

import click

from sitemon.cli import options
from sitemon.cli.signals import stop_on_signals
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, is_redis_configured, postgres_server, redis_server
from sitemon.config.settings import settings
from sitemon.config.sites import SiteSet, load_sites
from sitemon.config.sites_watcher import sites_watcher
from sitemon.config.values import UnfitError
from sitemon.config.web_file import WEB, token_name
from sitemon.config.web_watcher import WebWatcher
from sitemon.model.errors import ConfigurationError, FatalError, RetryableError
from sitemon.per_process import spare_collector, take_short_turns
from sitemon.store.connect import Connection, connect
from sitemon.web.sessions import digest_of, new_token

log = logging.getLogger(__name__)

_LIBRARIES: Final = ("fastapi", "jinja2", "starlette", "uvicorn")


class _Address(click.ParamType[tuple[str, int]]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            self.fail(f"expected HOST:PORT such as 127.0.0.1:8080 or [::]:8080, not {value}", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


@click.command("token")
@click.argument("name")
def _token(name: str) -> None:
    """Make a token for NAME, and print it, once, with the line to put into web.json.

    Who has it may acknowledge incidents and have sites checked. To take it back, take the line out of web.json.
    """
    try:
        token_name(name)
    except UnfitError as exc:
        raise click.UsageError(f"NAME: {exc.problem}") from exc
    token = new_token()
    say(f"the token, shown only now: {token}")
    say(f'into "tokens" of {WEB.file_name}: "{name}": "{digest_of(token)}"')


class _WithToken(click.Command):
    """Takes ``token NAME`` for a command of its own; any other first word is the file of the database."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Read the command line."""
        if args[:1] == [_token.name]:
            return _token.make_context(f"{info_name} {_token.name}", args[1:], *rest, **extra)
        return super().make_context(info_name, args, *rest, **extra)


@click.command("web", cls=_WithToken)
@click.option(
    "--bind",
    type=_Address(),
    metavar="HOST:PORT",
    default="127.0.0.1:8080",
    show_default=True,
    help="Where to listen; port 0 is any free one.",
)
@click.option("--public", "only_public", is_flag=True, help="Serve only what everybody may see, of public_groups.")
@options.db_conn
@options.database
def command(bind: tuple[str, int], only_public: bool, db_conn: str | None, database: str | None) -> None:
    """Serve the status page and the API, for programs on this machine unless --bind says otherwise.

    `sitemon web token NAME` makes a token for who may act there. web.json says who else may, and what is public.

    To show, it only reads the public views, for which a login that is a member of sitemon_reader will do. To
    acknowledge incidents, write notes and declare maintenance takes more (docs/api.md).
    """
    spare_collector()
    take_short_turns()
    server, credentials, choices = postgres_server(db_conn), database_credentials(database), WebWatcher()

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
    ask = None if only_public else _asker()
    with stop_on_signals() as stop:
        try:
            listener = listen(*bind)
        except OSError as exc:
            raise FatalError(f"cannot listen on {_place(*bind)}: {_words_of(exc)}") from exc
        with closing(listener):
            log.info("web.listening: http://%s/", _place(*listener.getsockname()[:2]))
            app = create_app(
                connect=connected,
                sites=_configured(),
                settings=choices.current,
                ask=ask,
                only_public=only_public,
            )
            serve(app, listener, stop, lambda: choices.current().proxy_networks)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _words_of(exc: OSError) -> str:
    """Return the system's words, to which Python adds the address; those of a name that is not found are its own."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc.strerror)


def _asker() -> Callable[[str, str], dict[str, Any]] | None:
    """Return what has a worker check a site; None where Redis is not configured: the page then only shows.

    Raises:
        ConfigurationError: what is configured of Redis or Celery is wrong.

    """
    if not is_redis_configured():
        return None
    from sitemon.celery_settings import celery_settings  # noqa: PLC0415  # Celery takes long to import
    from sitemon.worker.asking import CheckNow  # noqa: PLC0415

    return CheckNow(celery_settings(redis_server(), settings().region, os.environ)).check


def _configured() -> Callable[[], SiteSet | None]:
    """Return what gives the configured sites: None where there are none, or wrong ones. The page then shows none."""
    try:
        return sites_watcher().current if load_sites().sites else _no_sites
    except ConfigurationError as exc:
        log.warning("web.sites_not_read: the page shows no configuration: %s", exc)
        return _no_sites


def _no_sites() -> None:
    return None
