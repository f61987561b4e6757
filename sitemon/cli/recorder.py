"""``sitemon-recorder``: what is on Kafka into PostgreSQL, for as long as it is let."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.main import run
from sitemon.cli.signals import stop_on_signals
from sitemon.cli.terminal import Terminal
from sitemon.config.servers import KafkaServer, database_credentials, kafka_server, postgres_server
from sitemon.config.settings import settings
from sitemon.model.errors import RefusedError, RetryableError, UnreachableError
from sitemon.per_process import spare_collector
from sitemon.record.dead_letter_limit import AT_LEAST, DeadLetterLimit
from sitemon.record.dead_letters import DeadLetters
from sitemon.record.progress import ProgressLog, summary
from sitemon.record.reconciler import Reconciler
from sitemon.record.recorder import Recorder, Report, open_store
from sitemon.store.connect import connect
from sitemon.store.database import Database
from sitemon.store.partitions import Retention
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.dead_letters import DeadLetter, parse_dead_letter
from sitemon.stream.follower import Follower
from sitemon.stream.ping import wait_for_kafka
from sitemon.stream.producer import KafkaProducer
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of

log = logging.getLogger(__name__)

_RETRY_S: Final = 1.0
_END_S: Final = 1.5
"""How long a query may go on once the recorder ends."""


@click.command("recorder")
@options.db_conn
@options.kafka
@options.database
def command(db_conn: str | None, kafka: str | None, database: str | None) -> None:
    """Record results in PostgreSQL. Run as many as you like: they share the work.

    While PostgreSQL or Kafka is away it waits, says so once, and goes on by itself. When most of what comes cannot be
    recorded, it stops with exit status 2 and leaves the rest on its topic: SITEMON_DEAD_LETTER_RATIO.
    """
    spare_collector()
    server, owner = postgres_server(db_conn), database_credentials(database)
    stream, choices = kafka_server(kafka), settings(os.environ)
    retention = Retention.of(choices)
    store = Database(lambda: connect(server, owner, application_name="sitemon-recorder"), retention)
    account = Database(lambda: connect(server, owner, application_name="sitemon-reconciler"), retention)
    with stop_on_signals() as stop, closing(store):
        # A refusal has to be heard within seconds, also while the other server is waited for.
        with suppress(RetryableError):
            open_store(store, stop)
        said = ""
        while wait_for_kafka(stream, stop):
            try:
                ensure_topics(stream, retention_days=choices.topic_retention_days)
                _record(stream, store, account, stop, choices.dead_letter_ratio)
                break
            except UnreachableError as exc:
                if str(exc) != said:
                    said = str(exc)
                    log.warning("recorder.kafka_away: it answers, but not what is asked of it: %s", said)
                stop.wait(_RETRY_S)


def _record(stream: KafkaServer, store: Database, account: Database, stop: threading.Event, ratio: float) -> None:
    topics = topics_of(stream)
    limit = DeadLetterLimit(ratio, _newest_letters(stream, topics.dead_letters))
    dead_letters = DeadLetters(lambda: KafkaProducer(stream), topics.dead_letters)
    # Installations on one Kafka have topics, and so groups, of their own.
    group = f"{topics.results.removesuffix('.results')}.recorder"
    with (
        closing(dead_letters),
        closing(KafkaConsumer(stream, [topics.results], group)) as consumer,
        _progress() as report,
        _reconciling(stream, account),
    ):
        log.info("recorder.started: group %s", group)
        recorder = Recorder(
            consumer=consumer,
            store=store,
            dead_letters=dead_letters,
            limit=limit,
            report=report,
            stop=stop,
        )
        recorder.run()


@contextmanager
def _reconciling(stream: KafkaServer, database: Database) -> Iterator[None]:
    """Close the account in a thread beside the block, which ends with it."""
    topics = topics_of(stream)
    ours = threading.Event()
    with closing(DeadLetters(lambda: KafkaProducer(stream), topics.dead_letters)) as dead_letters:
        reconciler = Reconciler(
            database=database,
            follow=lambda positions: Follower(stream, [topics.schedule, topics.marks], positions),
            dead_letters=dead_letters,
            topics=topics,
            stop=ours,
        )
        thread = threading.Thread(target=reconciler.run, name="reconciler")
        thread.start()
        try:
            yield
        finally:
            ours.set()
            while thread.is_alive():
                thread.join(_END_S)
                database.abort()


def _newest_letters(stream: KafkaServer, topic: str) -> list[DeadLetter]:
    """Return what was put aside last; nothing where we may write, but not read."""
    try:
        with closing(read_all(stream, topic, newest=AT_LEAST)) as messages:
            return [parse_dead_letter(message)._replace(key=None, value=None) for message in messages]
    except RefusedError as exc:
        log.warning("recorder.dead_letters_unread: those of before this start do not count: %s", exc)
        return []


@contextmanager
def _progress() -> Iterator[Callable[[Report], None]]:
    """Give what is told of each batch: a live line on a terminal, else a line of the log now and then."""
    if not sys.stderr.isatty():
        yield ProgressLog()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as progress:
        yield _LiveLine(progress)


class _LiveLine:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("waiting for results", total=None)
        self._began_s = clock.monotonic_s()
        self._recent: list[tuple[float, Report]] = []

    def __call__(self, report: Report) -> None:
        now_s = clock.monotonic_s()
        self._recent = [(at_s, one) for at_s, one in self._recent if now_s - at_s < 10.0] + [(now_s, report)]
        passed_s = max(1.0, min(10.0, now_s - self._began_s))
        line = summary([one for _, one in self._recent], passed_s, clock.now_ms())
        self._progress.update(self._task, description=line)


def main() -> None:
    """Run ``sitemon-recorder``."""
    run(command)
