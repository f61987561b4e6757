"""The effects of a leader in a Celery beat: batches go to Celery, all else to Kafka."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from sitemon.config.servers import kafka_server
from sitemon.config.settings import settings
from sitemon.config.sites import SiteSet
from sitemon.config.sites_watcher import sites_watcher
from sitemon.model.marks import Mark
from sitemon.model.result import Result
from sitemon.model.schedule import ScheduleEvent
from sitemon.queues import CHECK_SLOTS, SENDER_AHEAD, send_slots
from sitemon.schedule.batch import Batch
from sitemon.stream.messenger import messenger_of_this_process

KAFKA_ACK_TIMEOUT_S: Final = 0.5
"""No slot is sent meanwhile, and one of a site that is due every second is missed when it is 3 s late. What a beat
writes is little, so a turn to the spool costs nothing."""
_CLOSE_S: Final = 3.0


class CeleryEffects:
    """The real `Effects`. Raises ConfigurationError when Kafka, the spool or the sites are not configured well.

    Where nothing takes what is to be published, that is waited for until `is_ending`; then it raises SpoolFullError.
    """

    def __init__(self, app: Any, is_ending: Callable[[], bool]) -> None:
        self._app = app
        self._is_ending = is_ending
        self._messenger = messenger_of_this_process(
            kafka_server(), settings(os.environ), ack_timeout_s=KAFKA_ACK_TIMEOUT_S
        )
        self._watcher = sites_watcher()  # loaded by the application, or by the worker that we were forked from

    def sites(self) -> SiteSet:
        """Return the sites as they are configured now; while an edit is being read, as they were before."""
        return self._watcher.without_waiting()

    def send(self, batch: Batch, ahead_ms: int) -> None:
        """Hand a batch to the workers of its region."""
        headers = {SENDER_AHEAD: ahead_ms}
        send_slots(self._app, CHECK_SLOTS, batch.region, batch.slots, task_id=batch.id, headers=headers)

    def publish_missed(self, results: Sequence[Result]) -> None:
        """Return once the results are safe, or there is no room for them."""
        self._messenger.offer_shed(results, give_up=self._is_ending)

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        """Return once the schedule's events are safe."""
        self._messenger.publish_events(events, give_up=self._is_ending)

    def publish_mark(self, mark: Mark) -> None:
        """Return once the mark is safe."""
        self._messenger.publish_marks([mark], give_up=self._is_ending)

    def close(self) -> None:
        """Say that this process publishes no more; an embedded beat ends without the functions of `atexit`."""
        self._messenger.close(_CLOSE_S)
