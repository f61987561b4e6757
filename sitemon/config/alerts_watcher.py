"""Channels and routes of a running process, which follow the edits of ``alerts.yaml``."""

import os
from collections.abc import Mapping
from typing import Final

from sitemon.config import locate
from sitemon.config.alerts import FILE_NAME, load_alerts
from sitemon.config.file_watcher import Events, FileWatcher
from sitemon.config.web_file import WEB
from sitemon.model.alerts import Alerts

_EVENTS: Final = Events(
    "config.alerts_reloaded: %s",
    "config.alerts_kept: the edit was not taken up: %s",
    "config.alerts_failed: the edit was not taken up: this is a mistake in sitemon",
)


class AlertsWatcher(FileWatcher[Alerts]):
    """Channels and routes for a running process: edits are taken up, a bad edit keeps what there was.

    So is an edit of ``web.json``, which says where the page is.

    Raises:
        ConfigurationError: the file has mistakes at the start.

    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        file = locate.usual_place(FILE_NAME, environ)
        web = locate.usual_place(WEB.file_name, environ)
        super().__init__(file, lambda: load_alerts(environ), _summary, _EVENTS, beside=[web])


def _summary(alerts: Alerts) -> str:
    return f"{len(alerts.channels)} channels, {len(alerts.routes)} routes"
