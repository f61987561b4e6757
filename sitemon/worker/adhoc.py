"""An ad-hoc check: asked for by a person or a program, published like every other."""

import queue
from datetime import datetime
from typing import Any, Final

from celery import Task

from sitemon import clock
from sitemon.checks.findings import Observation
from sitemon.checks.result_of import result_of
from sitemon.config.site_of import site_of
from sitemon.model.errors import UnreachableError
from sitemon.model.result import Kind, Result
from sitemon.queues import ASKED_AT
from sitemon.worker.this_process import Process, is_stopping

KAFKA_ACK_TIMEOUT_S: Final = 20.0
_PIECE_S: Final = 2.0
"""A stop is looked for so often: a worker has to end within 10 s."""


class AskedTask(Task[Any, Any]):
    """A task that remembers when it was asked for, so that a redelivery is the same result.

    Celery's events, logs and ``celery inspect`` do not show its arguments: a URL may hold credentials.
    """

    def apply_async(self, args: Any = None, kwargs: Any = None, *positional: Any, **options: Any) -> Any:
        """Note the moment in the message's headers."""
        headers = {ASKED_AT: clock.now_ms()} | (options.pop("headers", None) or {})
        hidden = {"argsrepr": "(hidden)", "kwargsrepr": "(hidden)"}
        return super().apply_async(args, kwargs, *positional, headers=headers, **hidden | options)


def check_and_publish(process: Process, name_or_url: str, asked_at: datetime) -> Result | None:
    """Check a configured site or a URL, and return the result once Kafka has it; None when the worker ends first.

    Raises:
        ConfigurationError: it is neither a configured site nor a URL that can be checked.
        UnreachableError: Kafka did not take the result within 20 s.
        PoisonError: Kafka will never take it.

    """
    site = site_of(name_or_url, process.watcher.current())
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    process.engine.submit(site, found.put)
    seen = _seen(found)
    if seen is None:
        return None
    result = result_of(seen, site, region=process.settings.region, kind=Kind.ADHOC, slot_at=asked_at)
    return result if _is_delivered(process, result) else None


def _seen(found: "queue.SimpleQueue[Observation]") -> Observation | None:
    while not is_stopping():
        try:
            return found.get(timeout=_PIECE_S)
        except queue.Empty:
            continue
    return None


def _is_delivered(process: Process, result: Result) -> bool:
    until_s = clock.monotonic_s() + KAFKA_ACK_TIMEOUT_S
    while not is_stopping():
        try:
            process.messenger.deliver(result, _PIECE_S)
        except UnreachableError as exc:
            if clock.monotonic_s() >= until_s:
                raise UnreachableError(
                    f"Kafka did not acknowledge the result within {KAFKA_ACK_TIMEOUT_S:g} s"
                ) from exc
        else:
            return True
    return False
