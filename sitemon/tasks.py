"""Celery's tasks. Thin: each says where its arguments come from and what Celery is told of the outcome."""

import logging
import os
from typing import Any, Final

from celery import Task
from celery.exceptions import Ignore

from sitemon import clock
from sitemon.celery import app
from sitemon.config.servers import kafka_server
from sitemon.config.settings import settings
from sitemon.model.errors import PoisonError, RetryableError, SitemonError, UnreachableError
from sitemon.model.moment import from_ms
from sitemon.model.result import Kind, as_dict
from sitemon.model.schedule import Slot
from sitemon.queues import ASKED_AT, CONFIRM_SLOTS, SENDER_AHEAD, queue_of
from sitemon.stream.topics import ensure_topics
from sitemon.worker.adhoc import AskedTask, check_and_publish
from sitemon.worker.arguments import ahead_ms_of, moment_ms_of, slots_of
from sitemon.worker.maintaining import maintain_apart
from sitemon.worker.redis_channel import redis_clock
from sitemon.worker.this_process import Process, this_process
from sitemon.worker.turn import Turn

log = logging.getLogger(__name__)

_MAINTAINING: Final = Turn("sitemon-maintaining")
_PROVISIONING: Final = Turn("sitemon-provisioning")


@app.task(name="sitemon.check_slots", bind=True, ignore_result=True)
def check_slots(task: Task[Any, Any], slots: object) -> None:
    """Check the slots that beat sent, and make their results safe before the message is acknowledged.

    Slots that a stop left unfinished go back to the queue.
    """
    is_redelivered = bool((task.request.delivery_info or {}).get("redelivered"))
    sender_ahead_ms = ahead_ms_of((task.request.headers or {}).get(SENDER_AHEAD))
    ahead_ms = 0 if sender_ahead_ms is None else redis_clock.machine_ahead_ms - sender_ahead_ms
    process = this_process()
    unfinished = process.runner.run(_taken(process, slots), is_redelivered=is_redelivered, ahead_ms=ahead_ms)
    if unfinished:
        log.warning("worker.slots_given_back: the worker stops before it has checked %s slots", len(unfinished))
        headers: dict[str, Any] = {SENDER_AHEAD: sender_ahead_ms}
        queue = queue_of(process.settings.region)
        check_slots.apply_async((unfinished,), task_id=task.request.id, queue=queue, headers=headers)


@app.task(name=CONFIRM_SLOTS, ignore_result=True)
def confirm_slots(slots: object) -> None:
    """Check what an alerter asked for, and publish the results. What a stop leaves unfinished is dropped."""
    process = this_process()
    process.runner.run(_taken(process, slots), is_redelivered=False, kind=Kind.CONFIRM)


def _taken(process: Process, given: object) -> list[Slot]:
    try:
        return slots_of(given, clock.now_ms(), process.settings.topic_retention_days)
    except PoisonError as exc:
        log.warning("worker.slots_refused: neither a beat nor an alerter sends such: %s", exc)
        return []


@app.task(name="sitemon.check_site", bind=True, base=AskedTask, throws=(SitemonError,))
def check_site(task: Task[Any, Any], name_or_url: str) -> dict[str, Any]:
    """Check a configured site, or a URL, now; publish the result and return it as a dict, as on Kafka.

    Raises:
        ConfigurationError: it is neither a configured site nor a URL that can be checked.
        UnreachableError: Kafka did not take the result within 20 s.
        PoisonError: Kafka will never take it, or the message says that it was asked for when nobody can have.

    """
    process, now_ms = this_process(), clock.now_ms()
    said = (task.request.headers or {}).get(ASKED_AT) or now_ms
    asked_at_ms = moment_ms_of(said, now_ms, process.settings.topic_retention_days)
    result = check_and_publish(process, name_or_url, from_ms(asked_at_ms))
    if result is None:
        again: dict[str, Any] = {"task_id": task.request.id, "queue": queue_of(process.settings.region)}
        check_site.apply_async((name_or_url,), headers={ASKED_AT: asked_at_ms}, **again)
        raise Ignore
    return as_dict(result)


@app.task(name="sitemon.provision", throws=(SitemonError,))
def provision() -> None:
    """Make what is missing: the database, its roles and schema, the Kafka topics. Again is no error.

    Raises:
        RetryableError: a process of this worker is at it.

    """
    from sitemon.worker.managing import provision_database  # noqa: PLC0415 - see there

    choices = settings(os.environ)
    with _PROVISIONING.taken() as is_ours:
        if not is_ours:
            raise RetryableError("it is being done at this moment")
        provision_database(choices)
        ensure_topics(kafka_server(), retention_days=choices.topic_retention_days)


@app.task(
    name="sitemon.maintain",
    ignore_result=True,
    throws=(SitemonError,),
    autoretry_for=(UnreachableError,),
    retry_backoff=10,
    retry_backoff_max=300,
    max_retries=10,
)
def maintain() -> None:
    """Make the partitions of the coming day and drop what is past its retention, once at a time in a worker."""
    with _MAINTAINING.taken() as is_ours:
        if is_ours:
            maintain_apart()
