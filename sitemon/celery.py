"""The Celery application: ``celery -A sitemon …`` finds `app` here."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from celery import Celery, signals

from sitemon.celery_settings import celery_settings
from sitemon.config.servers import kafka_server, redis_server
from sitemon.config.settings import settings
from sitemon.config.sites_watcher import sites_watcher
from sitemon.log_records import keep_plain
from sitemon.model.errors import ConfigurationError, RefusedError, UnreachableError
from sitemon.model.one_line import one_line
from sitemon.redis_client import ping_redis, redis_client
from sitemon.stream.ping import ping_kafka
from sitemon.stream.topics import ensure_topics
from sitemon.worker import redis_channel, remote_control
from sitemon.worker.beat_ending import Beat, end_after_the_tick_when_told, end_at_once_when_told
from sitemon.worker.bootsteps import (
    GuardBeat,
    RenewUnacked,
    await_beat,
    die_with_parent,
    note_batch,
    note_revoked,
)
from sitemon.worker.cores import await_threads_that_ended, is_of_threads, work_on_all_cores
from sitemon.worker.lost_connections import tell_in_one_line
from sitemon.worker.this_process import stop, take_pool


def create_app() -> Celery:
    """Make the application from the configuration.

    Raises:
        ConfigurationError: with every mistake of the first part of the configuration that has one.

    """
    choices = celery_settings(redis_server(), settings(os.environ).region, os.environ)
    redis_channel.install(takes_compressed=bool(choices.get("task_compression")))
    remote_control.install()
    app = Celery("sitemon")
    app.Beat = app.subclass_with_self(Beat)  # type: ignore[misc]  # a cached property of kombu may be set
    app.config_from_object(choices)
    kafka_server()
    sites_watcher()
    app.steps["worker"].add(GuardBeat)
    app.steps["consumer"].add(RenewUnacked)
    return app


def _is_celery_command() -> bool:
    command = Path(sys.argv[0])
    return command.name == "celery" or command.parts[-2:] == ("celery", "__main__.py")


def _say(line: str) -> None:
    """Write to the real stderr: by now Celery may have put its log in the place of the other."""
    print(one_line(line), file=sys.__stderr__)


def _end(exc: Exception) -> None:
    """End a ``celery`` command with one line: any other exception here would print a page of traceback."""
    _say(str(exc))
    raise SystemExit(2)


def _refuse_early() -> None:
    """Ask Redis and Kafka once whether they take us, and make missing topics where we may.

    One that does not answer yet is waited for later.
    """
    try:
        ping_redis(redis_client(app))
        ping_kafka(kafka_server())
        ensure_topics(kafka_server(), retention_days=settings(os.environ).topic_retention_days)
    except UnreachableError as exc:
        _say(f"sitemon.waiting: {exc}")
    except RefusedError as exc:
        _end(exc)


def _begin_beat(sender: Any, **_: Any) -> None:
    end_at_once_when_told()
    _refuse_early()
    end_after_the_tick_when_told(sender)


def _mind_the_threads(options: Mapping[str, Any]) -> None:
    """Say what options that are meant for a pool of processes come to in one of threads."""
    if _is_celery_command() and re.search(r" (-P|--pool)[ =]?prefork\b", " ".join(sys.argv)):
        wanted = 'worker_pool = "prefork" in celeryconfig.py'
        _say(f"sitemon.threads_kept: -P prefork changes nothing beside worker_pool = 'threads': {wanted} does")
    if options.get("autoscale"):
        _end(ConfigurationError("--autoscale: a pool of threads has one size: expected --concurrency"))


def _mind_the_region(queues: Iterable[str]) -> None:
    """Refuse the checks of another region."""
    for queue in queues:
        if why := remote_control.refusal_of(queue):
            _end(ConfigurationError(f"-Q {why}"))


def _begin_worker(instance: Any, options: Mapping[str, Any], **_: Any) -> None:
    if is_of_threads(options):
        _mind_the_threads(options)
    _mind_the_region(options.get("queues") or ())
    _refuse_early()
    await_threads_that_ended()
    if _is_celery_command():
        work_on_all_cores(instance, options, settings(os.environ).worker_processes)


try:
    app = create_app()
except ConfigurationError as exc:
    if not _is_celery_command():
        raise
    _end(exc)

signals.after_setup_logger.connect(tell_in_one_line, weak=False)
signals.after_setup_logger.connect(keep_plain, weak=False)
signals.after_setup_task_logger.connect(keep_plain, weak=False)
signals.celeryd_init.connect(_begin_worker, weak=False)
signals.beat_init.connect(_begin_beat, weak=False)
signals.beat_embedded_init.connect(die_with_parent, weak=False)
signals.task_received.connect(note_batch, weak=False)
signals.task_revoked.connect(note_revoked, weak=False)
signals.worker_ready.connect(take_pool, weak=False)
signals.worker_shutting_down.connect(stop, weak=False)
signals.worker_shutdown.connect(await_beat, weak=False)
