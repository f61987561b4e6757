"""The tasks of checks, the queues of the regions in which they wait, and how they get there through Celery.

Redis hands a message also to a worker that is frozen, or killed before it has noted the message as its own. So workers
note each batch that they receive.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import kombu
import kombu.exceptions

from sitemon.model.errors import UnreachableError
from sitemon.model.schedule import Slot

CHECK_SITE: Final = "sitemon.check_site"
"""The task of a check that somebody asked for."""

ASKED_AT: Final = "asked_at_ms"
"""The header of its message that says when, so that a redelivery is the same result."""

SENDER_AHEAD: Final = "sender_ahead_ms"
"""The header of a batch that says by how much the clock by which its slots came is ahead of Redis's."""

CHECK_SLOTS: Final = "sitemon.check_slots"
"""The task of a message that carries a batch; in the same queue are those of `sitemon check`."""

CONFIRM_SLOTS: Final = "sitemon.confirm_slots"
"""The same for confirming checks, which nobody waits for: what cannot be checked in time is dropped."""

_NEVER_EMPTY_S: Final = 3_600
"""After so long a queue is deleted: nobody serves its region, or what is sent there is too late by far."""

_LOOK: Final = """
local found = {}
for place, queue in ipairs(KEYS) do
  if redis.call('TTL', queue) == -1 then redis.call('EXPIRE', queue, ARGV[1]) end
  local size = tonumber(redis.pcall('MEMORY', 'USAGE', queue, 'SAMPLES', 0)) or 0
  found[place] = {redis.call('LLEN', queue), size}
end
return found
"""

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
        # Without `ignore_result` Celery subscribes to the result of each task, and unsubscribes at once. By its name it
        # would keep each queue for good, as would Redis where it is declared, and regions come and go.
        queue = kombu.Queue(queue_of(region))
        app.send_task(task, (argument,), queue=queue, declare=(), retry=False, ignore_result=True, **options)
    except kombu.exceptions.OperationalError as exc:
        raise UnreachableError(f"Redis does not take a task: {exc}") from exc


def note_received(client: Any, batch_id: str) -> None:
    """Note that a worker has this batch. Raises redis.RedisError."""
    client.set(_NOTE + batch_id, 1, ex=_NOTE_TTL_S)


class Look(NamedTuple):
    """How many messages wait in each region's queue, and how many bytes; and which batches were noted by then."""

    waiting: dict[str, tuple[int, int]]
    noted: set[str]


def look(client: Any, regions: Collection[str], batch_ids: Collection[str]) -> Look:
    """Look at the queues of these regions, and for these batches. A queue that is never empty lasts an hour.

    It is one exchange: there may be a hundred regions, and Redis some milliseconds away. Raises redis.RedisError.
    """
    asking = client.pipeline(transaction=False)
    asking.eval(_LOOK, len(regions), *map(queue_of, regions), _NEVER_EMPTY_S)
    for batch_id in batch_ids:
        asking.exists(_NOTE + batch_id)
    found, *are_noted = asking.execute()
    noted = {batch_id for batch_id, is_noted in zip(batch_ids, are_noted, strict=True) if is_noted}
    return Look({region: (count, size) for region, (count, size) in zip(regions, found, strict=True)}, noted)


def delete_queues(client: Any, regions: Collection[str]) -> None:
    """Delete what waits in regions that nobody has any more. Raises redis.RedisError."""
    if regions:
        client.unlink(*map(queue_of, regions))
