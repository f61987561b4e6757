"""What a leader does to the world, but for Redis: the seam to Celery, Kafka and the files of the sites."""

from collections.abc import Sequence
from typing import Protocol

from sitemon.config.sites import SiteSet
from sitemon.model.marks import Mark
from sitemon.model.result import Result
from sitemon.model.schedule import ScheduleEvent
from sitemon.schedule.batch import Batch


class Effects(Protocol):
    """The leader's effects. Each may raise UnreachableError, and SpoolFullError when the process ends."""

    def sites(self) -> SiteSet:
        """Return the sites as they are configured now; the same object while nothing changed."""

    def send(self, batch: Batch, ahead_ms: int) -> None:
        """Hand a batch to the workers of its region; by so much our clock is ahead of Redis's."""

    def publish_missed(self, results: Sequence[Result]) -> None:
        """Return once the results are safe, or there is no room for them."""

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        """Return once the schedule's events are safe. When it raises, some of them may be."""

    def publish_mark(self, mark: Mark) -> None:
        """Return once the mark is safe."""
