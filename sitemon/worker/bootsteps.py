"""What sitemon adds to a Celery worker: messages in hand stay ours while we live, and an embedded beat stays alive."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import redis
from billiard.process import current_process
from celery import bootsteps
from celery.beat import EmbeddedService

from sitemon import clock
from sitemon.queues import CHECK_SLOTS, note_received
from sitemon.redis_client import redis_client
from sitemon.worker.redis_channel import redis_clock

log = logging.getLogger(__name__)

UNACKED_RENEWED_EVERY_S: Final = 1.5
GUARD_EVERY_S: Final = 1.0
ORPHAN_LOOK_S: Final = 0.5
BEAT_ENDS_WITHIN_S: Final = 3.0
"""How long a worker that ends waits for its beat, and how long one without a worker has to give back the lease."""


class RenewUnacked(bootsteps.StartStopStep):
    """Keep young in Redis what this worker holds, so that only a dead worker's messages come back.

    kombu hands a message out again when it has been unacknowledged for the visibility timeout, whether or not its
    worker lives. Renewing the time of every message in hand lets that timeout be a few seconds: a dead worker's
    messages come back that soon, and a living one's never.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Begin to renew on the worker's own timer."""
        self._timer = parent.timer.call_repeatedly(UNACKED_RENEWED_EVERY_S, self._renew, (parent,))

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # celery passes it
        """Cease to renew; what is still in hand is given back by kombu."""
        self._timer.cancel()

    def _renew(self, consumer: Any) -> None:
        qos = consumer.task_consumer.channel.qos
        tags = list(qos._delivered)  # noqa: SLF001  # kombu has no public list of what is in hand
        if not tags:
            return
        try:
            with qos.channel.conn_or_acquire() as client:
                client.zadd(qos.unacked_index_key, dict.fromkeys(tags, redis_clock()), xx=True)
        except redis.RedisError as exc:
            log.warning("worker.renewal_failed: Redis does not answer: %s", exc)


def note_batch(sender: Any, request: Any, **_: Any) -> None:
    """Note that this worker has the batch, so that the leading beat does not send it again."""
    if request.name == CHECK_SLOTS:
        _note(sender.task_consumer.channel.conn_or_acquire(), request.id)


def note_revoked(sender: Any, request: Any, **_: Any) -> None:
    """Note that the batch was received, though Celery has dropped it: sent again, it would be dropped again."""
    if sender.name == CHECK_SLOTS:
        log.warning("worker.batch_revoked: somebody has revoked task %s: its slots will be missed", request.id)
        _note(redis_client(sender.app), request.id)


def _note(client_of_note: AbstractContextManager[Any], batch_id: str) -> None:
    try:
        with client_of_note as client:
            note_received(client, batch_id)
    except redis.RedisError as exc:
        log.warning("worker.note_failed: Redis does not answer: %s", exc)


class GuardBeat(bootsteps.StartStopStep):
    """Start the embedded beat again when its process died: celery leaves it dead."""

    requires = ("celery.worker.components:Beat", "celery.worker.components:Timer")

    def start(self, parent: Any) -> None:
        """Begin to look after the beat, when there is one."""
        self._is_stopping = threading.Event()
        self._restarting = threading.Lock()
        self._first = parent.beat
        if parent.beat is not None:
            threading.Thread(target=self._guard, args=(parent,), name="guard-beat", daemon=True).start()

    def stop(self, parent: Any) -> None:
        """Cease to look after it, before celery ends it; end one that we started, of which celery does not know."""
        with self._restarting:
            self._is_stopping.set()
        if parent.beat is not self._first:
            parent.beat.stop()

    terminate = stop

    def _guard(self, worker: Any) -> None:
        while not self._is_stopping.wait(GUARD_EVERY_S):
            with self._restarting:
                if not self._is_stopping.is_set() and not worker.beat.is_alive():
                    self._restart(worker)

    @staticmethod
    def _restart(worker: Any) -> None:
        log.error("worker.beat_died: the embedded beat ended (exit %s): starting it again", worker.beat.exitcode)
        worker.beat = EmbeddedService(
            worker.app, schedule_filename=worker.schedule_filename, scheduler_cls=worker.scheduler
        )
        worker.beat.start()


def await_beat(sender: Any, **_: Any) -> None:
    """Let the worker end after the beat that it has told to end: alone, the beat would not live to resign."""
    if sender.beat is not None:
        sender.beat.join(BEAT_ENDS_WITHIN_S)


def die_with_parent(sender: Any, **_: Any) -> None:
    """End this embedded beat soon after its worker is gone, however it went."""

    def resign() -> None:
        sender.stop()
        sender._is_stopped.wait(BEAT_ENDS_WITHIN_S)  # noqa: SLF001  # as its `stop` can do, but only without a bound

    parent_pid = current_process()._parent_pid  # type: ignore[attr-defined]  # noqa: SLF001  # the kernel may know only the new one
    live_with(parent_pid, "beat.orphaned: the worker is gone, so this embedded beat ends", resign)


def live_with(parent_pid: int, last_words: str, last_act: Callable[[], object] = lambda: None) -> None:
    """End this process soon after its parent is gone, however it went.

    A SIGKILLed parent cannot end its children, and the orphan's new parent need not be process 1 (subreapers), so
    the parent's process id is compared with what it was when it forked.
    """

    def watch() -> None:
        while os.getppid() == parent_pid:
            clock.sleep(ORPHAN_LOOK_S)
        log.critical(last_words)
        last_act()
        os._exit(1)

    threading.Thread(target=watch, name="live-with-parent", daemon=True).start()
