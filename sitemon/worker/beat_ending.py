"""How a Celery beat ends when it is told to: at once while it starts, then between two ticks.

Celery itself raises SystemExit wherever the process is. Raised in a task of kafka-python's loop, or in a `__del__`,
that is logged and forgotten, and the beat goes on; raised in a tick, it leaves the tick half done.
"""

import os
import signal
from typing import Any, Final

import celery.apps.beat

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class Beat(celery.apps.beat.Beat):
    """The program of ``celery beat``."""

    def install_sync_handler(self, service: Any) -> None:  # noqa: ARG002  # celery passes it
        """Do without Celery's handler: so far there is nothing to save."""
        end_at_once_when_told()


def end_at_once_when_told() -> None:
    """Let a signal end this process with status 0."""
    for number in _STOPS:
        signal.signal(number, lambda *_: os._exit(0))


def end_after_the_tick_when_told(service: Any) -> None:
    """Let a signal end Celery's beat service between two ticks, with nothing half done, and a second one at once."""

    def end(_number: int, _frame: object) -> None:
        for number in _STOPS:
            signal.signal(number, signal.SIG_DFL)
        is_ending.set()

    is_ending = service._is_shutdown  # noqa: SLF001  # its public `stop` logs, which a signal's handler must not
    service.scheduler.is_ending = is_ending.is_set
    for number in _STOPS:
        signal.signal(number, end)
