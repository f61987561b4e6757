"""Celery's consumer of messages, which looks often enough for a Redis that is away, and complains once."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from celery.worker import consumer

LOOK_EVERY_S: Final = 2
"""How long a worker waits from one look for Redis to the next."""


class Consumer(consumer.Consumer):
    """Looks for Redis every 2 s for as long as it is away.

    Celery (5.7.0) waits 2 s longer from one look to the next, up to 32 s, and has no setting for that: after an outage
    of some minutes a worker was back half a minute late, and whatever was due meanwhile was missed.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it stands."""
        conn.ensure_connection = partial(ensure_soon, conn.ensure_connection)
        return super().ensure_connected(conn)


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
