"""Celery's queues."""


def queue_of(region: str) -> str:
    """Return the name of the queue from which the region's workers take their checks."""
    return f"checks.{region}"
