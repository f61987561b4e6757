"""The tasks of checks, the queues of the regions in which they wait, and how they get there through Celery.

Redis hands a message also to a worker that is frozen, or killed before it has noted the message as its own. So workers
note each batch that they receive.
"""

from collections.abc import Collection, Sequence
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

_NOTE: Final = "{sitemon}:received:"
_NOTE_TTL_S: Final = 60  # longer than a leader leads without a look at the notes


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


def note_received(client: Any, batch_id: str) -> None:
    """Note that a worker has this batch. Raises redis.RedisError."""
    client.set(_NOTE + batch_id, 1, ex=_NOTE_TTL_S)


def waiting_and_noted(
    client: Any, regions: Collection[str], batch_ids: Collection[str]
) -> tuple[dict[str, int], set[str]]:
    """Return how many messages wait in each region's queue, and which of these batches were noted by then.

    It is one exchange: there may be a hundred regions, and Redis some milliseconds away. Raises redis.RedisError.
    """
    asking = client.pipeline(transaction=False)
    for region in regions:
        asking.llen(queue_of(region))
    for batch_id in batch_ids:
        asking.exists(_NOTE + batch_id)
    answers = iter(asking.execute())
    return {region: next(answers) for region in regions}, {batch_id for batch_id in batch_ids if next(answers)}
