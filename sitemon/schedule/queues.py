"""Celery's queues: what they are called, and what is in them."""

from typing import Final

CHECK_SLOTS: Final = "sitemon.check_slots"
"""The task of a message that carries a batch; in the same queue are those of `sitemon check`."""


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"
