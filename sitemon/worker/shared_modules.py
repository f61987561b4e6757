"""What the processes of a worker command import when they begin, imported before they are forked."""

import importlib
from typing import Final

_MODULES: Final = (
    "billiard.pool",
    "billiard.popen_fork",
    "celery.app.control",
    "celery.app.events",
    "celery.backends.redis",
    "celery.events.state",
    "celery.worker.autoscale",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "sitemon.schedule.beat",
    "sitemon.worker.consumer",
)


def import_shared_modules() -> None:
    """Import them, so that they are in memory once.

    Imported after the fork, they are there once in each process, which also gets its own copy of each page on which
    one of the names stands that they mention.
    """
    for name in _MODULES:
        importlib.import_module(name)
