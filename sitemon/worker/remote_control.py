"""What ``celery control`` and Flower may ask of a worker: what cannot be is refused in one line, and it goes on.

Celery (5.7.0) knows of no pool of threads there: it answers with the AttributeError of its own code, and logs a page of
traceback. And it would consume whatever queue it is told of.
"""

import os
from collections.abc import Callable
from typing import Any, Final

from celery.worker.control import Panel, nok  # type: ignore[attr-defined]  # celery-types does not know it

from sitemon.config.settings import settings
from sitemon.queues import queue_of
from sitemon.worker.cores import THREADS_POOL

_ONE_SIZE: Final = "a pool of threads has one size: expected --concurrency, or worker_concurrency, at the start"
_OF_THREADS: Final = {
    "pool_grow": _ONE_SIZE,
    "pool_shrink": _ONE_SIZE,
    "autoscale": _ONE_SIZE,
    "pool_restart": "a pool of threads is not restarted alone: expected SIGHUP to the command, or a new start of it",
    "terminate": "a thread cannot be terminated: expected revoke; what has begun ends by its site's timeout",
}

Command = Callable[..., Any]


def install() -> None:
    """Make the workers of this process refuse it."""
    for name, why in _OF_THREADS.items():
        Panel.data[name] = _refused_by_threads(Panel.data[name], why)
    Panel.data["revoke"] = _never_terminating_a_thread(Panel.data["revoke"])
    Panel.data["add_consumer"] = _of_our_region(Panel.data["add_consumer"])


def refusal_of(queue: str) -> str | None:
    """Say why this worker may not take from a queue: checks of another region would be told as of ours, and be lost."""
    ours, other = settings(os.environ).region, queue.removeprefix(queue_of(""))
    if other in {queue, ours}:
        return None
    return f"{queue}: this worker is of region {ours}: expected SITEMON_REGION={other}"


def _is_of_threads(state: Any) -> bool:
    return type(state.consumer.pool).__module__ == THREADS_POOL


def _refused_by_threads(command: Command, why: str) -> Command:
    def refuse_or_do(state: Any, *args: Any, **options: Any) -> Any:
        return nok(why) if _is_of_threads(state) else command(state, *args, **options)

    return refuse_or_do


def _never_terminating_a_thread(revoke: Command) -> Command:
    def only_revoke(state: Any, task_id: Any, terminate: bool = False, **options: Any) -> Any:
        return revoke(state, task_id, terminate=terminate and not _is_of_threads(state), **options)

    return only_revoke


def _of_our_region(add_consumer: Command) -> Command:
    def refuse_or_add(state: Any, queue: str, *args: Any, **options: Any) -> Any:
        why = refusal_of(queue)
        return add_consumer(state, queue, *args, **options) if why is None else nok(why)

    return refuse_or_add
