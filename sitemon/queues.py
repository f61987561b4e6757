"""The tasks of checks, the queues of the regions in which they wait, and how they get there through Celery."""

from collections.abc import Sequence
from typing import Any, Final

import kombu.exceptions

from sitemon.model.errors import UnreachableError
from sitemon.model.schedule import Slot

CHECK_SITE: Final = "sitemon.check_site"
"""The task of a check that somebody asked for."""

ASKED_AT: Final = "asked_at_ms"
"""The header of its message that says when, so that a redelivery is the same result."""

CHECK_SLOTS: Final = "sitemon.check_slots"
"""The task of a message that carries a batch; in the same queue are those of `sitemon check`."""

CONFIRM_SLOTS: Final = "sitemon.confirm_slots"
"""The same for confirming checks, which nobody waits for: what cannot be checked in time is dropped."""


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"


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
