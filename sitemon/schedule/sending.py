"""Sending tasks to the workers of a region, through Celery."""

from collections.abc import Sequence
from typing import Any

import kombu.exceptions

from sitemon.model.errors import UnreachableError
from sitemon.schedule.batch import Slot, queue_of


def send_slots(app: Any, task: str, region: str, slots: Sequence[Slot], **options: Any) -> None:
    """Send slots as the argument of a task.

    Raises:
        UnreachableError: Redis does not take them.

    """
    # Without `argsrepr` Celery spells out every slot, for its logs, which takes as long as to send them.
    send_to(app, task, region, slots, argsrepr=f"({len(slots)} slots)", **options)


def send_to(app: Any, task: str, region: str, argument: object, **options: Any) -> None:
    """Send a task with one argument.

    Raises:
        UnreachableError: Redis does not take it.

    """
    try:
        # Without `ignore_result` Celery subscribes to the result of each task, and unsubscribes at once.
        app.send_task(task, args=(argument,), queue=queue_of(region), retry=False, ignore_result=True, **options)
    except kombu.exceptions.OperationalError as exc:
        raise UnreachableError(f"Redis does not take a task: {exc}") from exc
