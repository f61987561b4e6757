"""The page as `sitemon web` serves it, in a thread of the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from sitemon.config.sites import SiteSet
from sitemon.config.web import WebSettings
from sitemon.store.connect import Connection
from sitemon.web.app import create_app
from sitemon.web.server import listen, serve

_WITHIN_S = 10
NOTHING_SAID = WebSettings()


class Site(NamedTuple):
    """Where the page is."""

    port: int

    def __call__(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(
    connect: Callable[[], Connection],
    sites: Callable[[], SiteSet | None] = lambda: None,
    settings: WebSettings = NOTHING_SAID,
) -> Iterator[Site]:
    """Serve the page for the length of the block."""
    stop = threading.Event()
    with closing(listen("127.0.0.1", 0)) as listener:
        app = create_app(connect=connect, sites=sites, settings=lambda: settings)
        thread = threading.Thread(target=serve, args=(app, listener, stop, tuple))
        thread.start()
        try:
            yield Site(listener.getsockname()[1])
        finally:
            stop.set()
            thread.join(_WITHIN_S)
            assert not thread.is_alive()
