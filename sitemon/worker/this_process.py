"""What a worker process has once: its engine, its messenger to Kafka, its sites."""

import os
from ctypes import c_bool
from functools import partial
from multiprocessing.sharedctypes import RawValue
from typing import Any, NamedTuple

from sitemon import clock
from sitemon.checks.engine.of_process import engine_for
from sitemon.checks.engine.protocol import Engine
from sitemon.config.servers import kafka_server
from sitemon.config.settings import Settings, settings
from sitemon.config.sites_watcher import SitesWatcher, sites_watcher
from sitemon.per_process import once_per_process
from sitemon.stream.messenger import Messenger, messenger_of_this_process
from sitemon.worker.batch import BatchRunner, Overtime, most_in_overtime

_is_stopping = RawValue(c_bool, False)  # shared with the children of a prefork pool
_batches_at_once = 1  # as many as a child of a prefork pool works on


def take_pool(sender: Any, **_: object) -> None:
    """Note how many batches a Celery worker that is ready works on at once."""
    global _batches_at_once  # noqa: PLW0603  # the signal comes once, before any task
    _batches_at_once = sender.pool.num_processes


def stop(**_: object) -> None:
    """Make every batch of this worker give back what it has not finished: the worker was asked to end."""
    _is_stopping.value = True


def stop_alone() -> None:
    """Let a stop of this worker be no other's, and none of theirs ours: this process was forked beside them."""
    global _is_stopping  # noqa: PLW0603  # what is shared is the memory, and the children of a pool still need that
    _is_stopping = RawValue(c_bool, False)


def is_stopping() -> bool:
    """Tell whether the worker was asked to end."""
    return bool(_is_stopping.value)


class Process(NamedTuple):
    """The settings, checks, results and sites of one worker process; `runner` checks batches of slots with them."""

    settings: Settings
    engine: Engine
    messenger: Messenger
    watcher: SitesWatcher
    runner: BatchRunner


@once_per_process
def this_process() -> Process:
    """Return what this process has.

    Raises:
        ConfigurationError: with every mistake of the first part of the configuration that has one.

    """
    choices, watcher = settings(os.environ), sites_watcher()
    engine, messenger = engine_for(choices), messenger_of_this_process(kafka_server(), choices)
    runner = BatchRunner(
        sites=watcher.without_waiting,
        refreshed_sites=watcher.refresh,
        engine=engine,
        publish=partial(messenger.publish_results, give_up=is_stopping),
        region=choices.region,
        ready_at_ms=clock.now_ms(),
        is_stopping=is_stopping,
        overtime=Overtime(most_in_overtime(_batches_at_once)),
    )
    return Process(choices, engine, messenger, watcher, runner)
