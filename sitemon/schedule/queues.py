"""Celery's queues: what they are called, and in which of them too much waits."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sitemon.schedule.redis_client import mapped

CHECK_SLOTS: Final = "sitemon.check_slots"
"""The task of a message that carries a batch; in the same queue are those of `sitemon check`."""


class _Headers(msgspec.Struct):
    id: str
    task: str


class _Message(msgspec.Struct):
    """What we need of a message, as kombu writes it."""

    headers: _Headers


_decoder = msgspec.json.Decoder(_Message)


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"


def longest_waiting(client: Any, region: str, most: int) -> dict[str, bytes]:
    """Return the messages that have waited longest in the region's queue and carry batches, by the batch's id.

    Raises UnreachableError or RefusedError.
    """
    with mapped():
        messages = client.lrange(queue_of(region), -most, -1)
    found = {}
    for message in messages:
        try:
            headers = _decoder.decode(message).headers
        except msgspec.DecodeError:  # not Celery's
            continue
        if headers.task == CHECK_SLOTS:
            found[headers.id] = message
    return found


def full_queues(client: Any, regions: Iterable[str], most_messages: int) -> set[str]:
    """Return the regions in whose queue more messages wait than that.

    Raises UnreachableError or RefusedError.
    """
    ordered = list(regions)
    with mapped():
        pipe = client.pipeline(transaction=False)
        for region in ordered:
            pipe.llen(queue_of(region))
        return {region for region, waiting in zip(ordered, pipe.execute(), strict=True) if waiting > most_messages}
