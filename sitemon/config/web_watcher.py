"""Who may sign in and what is public, of a running process, which follows the edits of ``web.json``."""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

from sitemon import clock
from sitemon.config import locate
from sitemon.config.file_watcher import Events, FileWatcher
from sitemon.config.web import WebSettings, web_settings
from sitemon.config.web_file import WEB

LOOK_EVERY_S: Final = 0.9
_EVENTS: Final = Events(
    "config.web_reloaded: %s",
    "config.web_kept: the edit was not taken up: %s",
    "config.web_failed: the edit was not taken up: this is a mistake in sitemon",
)


class WebWatcher:
    """The settings for a running page: edits are taken up, a bad edit keeps what there was. Thread-safe.

    Raises:
        ConfigurationError: the file has mistakes at the start.

    """

    def __init__(
        self, environ: Mapping[str, str] = os.environ, monotonic_s: Callable[[], float] = clock.monotonic_s
    ) -> None:
        file = locate.usual_place(WEB.file_name, environ)
        self._watcher = FileWatcher(file, lambda: web_settings(environ=environ), _summary, _EVENTS)
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._looked_at_s = monotonic_s()
        self._settings = self._watcher.current()

    def current(self) -> WebSettings:
        """Return the settings; looks at the file at most about once a second. The same object while nothing changed."""
        is_due = self._monotonic_s() - self._looked_at_s >= LOOK_EVERY_S
        if is_due and self._lock.acquire(blocking=False):
            try:
                self._looked_at_s = self._monotonic_s()
                self._settings = self._watcher.current()
            finally:
                self._lock.release()
        return self._settings


def _summary(settings: WebSettings) -> str:
    return f"{len(settings.tokens)} tokens, {len(settings.public_groups)} public groups"
