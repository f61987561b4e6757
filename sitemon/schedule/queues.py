"""Celery's queues: what they are called, and in which of them too much waits."""

from collections.abc import Iterable
from typing import Any

from sitemon.schedule.redis_client import mapped


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"


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
