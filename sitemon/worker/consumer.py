"""Celery's consumer of messages, which looks often enough for a Redis that is away, and fails at no message."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from billiard.einfo import ExceptionInfo
from celery import states
from celery.app.trace import TraceInfo, trace_ok_t
from celery.exceptions import Reject
from celery.utils.time import maybe_iso8601, maybe_make_aware
from celery.worker import consumer

from sitemon import clock
from sitemon.worker.redis_channel import LOST, tell_of_dropped

LOOK_EVERY_S: Final = 2
"""How long a worker waits from one look for Redis to the next."""
_MOST_RETRIES: Final = 1_000_000
"""The pause before a further one is computed as a power of two."""
FARTHEST: Final = timedelta(hours=1)
"""How far ahead a task of ours may be asked for: until then it is in memory. Retries of ours wait 5 minutes."""
MOST_WAITING: Final = 2_000
"""Of the tasks that are asked for ahead: each takes 7 kB of a worker's process."""
_OURS: Final = "sitemon."
_BUILT_IN: Final = "celery."
_BEATS: Final = "celery.backend_cleanup"
"""Celery's beat asks for it, where results are kept without an end of their own."""


class _Headers(msgspec.Struct):
    """What Celery takes unseen of a task's headers."""

    task: str = ""
    id: str = ""
    eta: str | None = None
    expires: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=_MOST_RETRIES)] = 0
    timelimit: tuple[float | None, float | None] | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


_Body = tuple[list[Any], dict[str, Any], dict[str, Any] | None]
"""Arguments, those with names, and what comes after the task."""


class Consumer(consumer.Consumer):
    """Looks for Redis every 2 s for as long as it is away, and takes from it what can be a task.

    Celery (5.7.0) waits 2 s longer from one look to the next, up to 32 s, and has no setting for that: after an outage
    of some minutes a worker was back half a minute late, and whatever was due meanwhile was missed.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it stands."""
        conn.ensure_connection = partial(ensure_soon, conn.ensure_connection)
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """Return what takes a message. It raises where that can be no task: then the channel drops it."""
        take = super().create_task_handler(*args, **options)

        def take_task(message: Any) -> Any:
            headers = msgspec.convert(message.headers, _Headers)
            msgspec.convert(message.payload, _Body)
            refuse(headers.task, headers.eta, self.app.tasks, clock.utc_now(), len(self.timer))
            return take(message)

        return take_task

    def update_strategies(self) -> None:
        """Make ready what runs tasks, each of which ends its message, however it fails."""
        super().update_strategies()
        for task in self.app.tasks.values():
            task.__trace__ = ending(task.__trace__)


def refuse(task: str, eta: str | None, known: Iterable[str], now: datetime, waiting: int) -> None:
    """Refuse what a worker that knows these tasks has no use for, and what it would have in hand for long.

    `waiting` is how much its timer waits for: tasks that were asked for ahead, those of an application among them.

    Celery's own tasks are for applications: `celery.chord_unlock` asks for itself each second, `celery.map` for others.

    Raises:
        ValueError: with why.

    """
    if task.startswith(_BUILT_IN) and task != _BEATS and all(name.startswith((_OURS, _BUILT_IN)) for name in known):
        raise ValueError(f"{task}: no task of this worker has a use for it")
    if not task.startswith((_OURS, _BEATS)) or not (due := maybe_iso8601(eta)):
        return
    ahead = maybe_make_aware(due) - now
    if ahead > FARTHEST:
        raise ValueError(f"{task}: it is asked for more than an hour ahead")
    if ahead > timedelta() and waiting >= MOST_WAITING:
        raise ValueError(f"{task}: it is asked for ahead, and so are {MOST_WAITING:,} that wait in this process")


def ending(trace: Callable[..., Any]) -> Callable[..., Any]:
    """Let what Celery itself raises, of callbacks that are none, be the task's failure.

    In a pool of threads (5.7.0) nobody else notices it: the message would be in hand for as long as the worker lives.
    """

    def traced(*args: Any, **options: Any) -> Any:
        try:
            return trace(*args, **options)
        except (MemoryError, Reject, *LOST):
            raise
        except Exception as exc:  # noqa: BLE001 - a stranger's message may provoke any
            tell_of_dropped(exc)
            return trace_ok_t(ExceptionInfo(internal=True), TraceInfo(states.FAILURE, exc), 0.0, None)

    return traced


def ensure_soon(ensure: Callable[..., Any], complain: Callable[..., None], *args: Any, **options: Any) -> Any:
    """Do as kombu's ``Connection.ensure_connection`` does, with the same pause after each try and one complaint.

    kombu (5.7.0) cuts every pause to `interval_max`: with 0 it would try without any.
    """
    complaints = 0

    def complain_once(*what: Any) -> None:
        nonlocal complaints
        complaints += 1
        if complaints == 1:
            complain(*what)

    return ensure(
        complain_once, *args, **options, interval_start=LOOK_EVERY_S, interval_step=0, interval_max=LOOK_EVERY_S
    )
