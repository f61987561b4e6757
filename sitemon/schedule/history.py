"""The schedule's own history: remembered in Redis for the next leader, told on Kafka for good."""

from collections.abc import Iterable, Sequence

from sitemon.model.errors import LeaseLostError
from sitemon.model.schedule import Away, ScheduleEvent, SentUpTo
from sitemon.schedule.lease import Hold, Lease
from sitemon.schedule.memory import EVENTS_PER_CALL, Memory
from sitemon.schedule.surroundings import Surroundings


class History:
    """Keeps Redis and Kafka in step, in this order: what Redis remembers as untold, whoever leads tells Kafka.

    Every method may raise UnreachableError, RefusedError or LeaseLostError; called again, it repeats no harm.
    """

    def __init__(self, lease: Lease, around: Surroundings) -> None:
        self._lease = lease
        self._memory = Memory(lease)
        self._around = around
        self._unfinished: Sequence[ScheduleEvent] = ()

    def write(self, events: Sequence[ScheduleEvent]) -> None:
        """Remember changes of the schedule, at most `EVENTS_PER_CALL`, and tell them."""
        self._unfinished = events
        self._memory.remember(events, is_told=False)
        self._tell(events)
        self._unfinished = ()

    def write_back(self, events: Sequence[ScheduleEvent]) -> None:
        """Remember events that Kafka has, after Redis lost them."""
        for start in range(0, len(events), EVENTS_PER_CALL):
            self._memory.remember(events[start : start + EVENTS_PER_CALL], is_told=True)
            if self._lease.renew() is not Hold.HELD:
                raise LeaseLostError("the lease was lost, or Redis lost data, while the schedule was written back")

    def finish_writing(self) -> None:
        """Remember and tell what `write` began and could not finish."""
        if self._unfinished:
            self.write(self._unfinished)

    def forget(self) -> None:
        """Leave unfinished what `write` began: another has led since, finds it to be lacking, and does it again."""
        self._unfinished = ()

    def tell_untold(self) -> None:
        """Tell what an earlier leader remembered and may not have come to tell, as it was then."""
        untold = self._memory.untold()
        if untold:
            self._tell(untold)

    def tell_away(self, regions: Iterable[str], from_ms: int, until_ms: int) -> None:
        """Tell that these regions' slots with ``from_ms < slot ≤ until_ms`` were not sent, or may be lost."""
        self._around.publish_events(
            [Away(region=region, from_ms=from_ms, until_ms=until_ms) for region in sorted(regions)]
        )

    def tell_sent_up_to(self, at_ms: int) -> None:
        """Tell that all slots up to this moment have safe results."""
        self._around.publish_events([SentUpTo(at_ms=at_ms)])

    def _tell(self, events: Sequence[ScheduleEvent]) -> None:
        self._around.publish_events(events)
        self._memory.note_told(events)
