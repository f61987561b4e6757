"""Channels and routes of a running process, which follow the edits of ``alerts.yaml``."""

import logging
import os
from collections.abc import Mapping
from typing import Final

from sitemon.config import locate
from sitemon.config.alerts import FILE_NAME, load_alerts
from sitemon.config.edits import Edits, State
from sitemon.model.alerts import Alerts
from sitemon.model.errors import ConfigurationError

log: Final = logging.getLogger(__name__)


class AlertsWatcher:
    """Channels and routes for a running process: edits are taken up, a bad edit keeps what there was.

    Raises:
        ConfigurationError: the file has mistakes at the start.

    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._file = locate.usual_place(FILE_NAME, environ)
        self._trouble = ""
        self._edits = Edits(lambda: [self._file])
        self._alerts = load_alerts(environ)

    def current(self) -> Alerts:
        """Look at the file, and return what it says; the same object while nothing changed. For one thread."""
        look = self._edits.look()
        if not look.is_edited:
            self._trouble = ""
        elif look.is_settled:
            self._take_up(look.state)
        return self._alerts

    def _take_up(self, state: State) -> None:
        if not self._file.exists():
            self._keep_old(f"{self._file} is not there any more")
            return
        try:
            self._alerts = load_alerts(self._environ)
        except ConfigurationError as exc:
            self._keep_old(str(exc))
        except Exception:
            # Whatever an edit is, it ends no process that has channels.
            log.exception("config.alerts_failed: the edit was not taken up: this is a mistake in sitemon")
        else:
            log.info(
                "config.alerts_reloaded: %s channels, %s routes", len(self._alerts.channels), len(self._alerts.routes)
            )
        self._edits.take_up(state)

    def _keep_old(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("config.alerts_kept: the edit was not taken up: %s", trouble)
        self._trouble = trouble
