"""What sitemon says on Kafka: a result, a schedule event or a mark as the record of its topic."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.model.errors import NoRoomError
from sitemon.model.marks import Mark, encode_mark
from sitemon.model.result import Result, encode
from sitemon.model.schedule import ScheduleEvent, encode_event
from sitemon.per_process import once_per_process
from sitemon.stream.marks import Marker, tell_regularly
from sitemon.stream.process_publisher import publisher_of_this_process
from sitemon.stream.producer import Record
from sitemon.stream.publisher import ACK_TIMEOUT_S, Publisher
from sitemon.stream.topics import Topics, topics_of

RESULTS_SHARE: Final = 0.9
"""Of the spool. The rest is for events and marks: without them no slot is sent."""
SHED_SHARE: Final = 0.5
"""Of the spool, for slots that a beat shed: those are found missing also where nothing is told of them."""


class Messenger:
    """Publishes results, schedule events and marks. What its methods promise and raise is `Publisher`'s."""

    def __init__(self, publisher: Publisher, topics: Topics) -> None:
        self._publisher = publisher
        self._topics = topics
        self._marker = Marker()

    def publish_results(self, results: Sequence[Result], *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Return once the results are safe. See `Publisher.publish`."""
        with self._marker.publishing(results):
            records = [result_record(self._topics, result) for result in results]
            self._publisher.publish(records, share=RESULTS_SHARE, give_up=give_up)

    def offer_shed(self, results: Sequence[Result], *, give_up: Callable[[], bool]) -> None:
        """Publish that slots were shed, if there is room: recorders find them missing all the same.

        Raises SpoolFullError as `Publisher.offer` says.
        """
        with suppress(NoRoomError), self._marker.publishing(results):
            records = [result_record(self._topics, result) for result in results]
            self._publisher.offer(records, share=SHED_SHARE, give_up=give_up)

    def publish_events(self, events: Sequence[ScheduleEvent], *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Return once the schedule's events are safe. See `Publisher.publish`."""
        self._publisher.publish([event_record(self._topics, event) for event in events], give_up=give_up)

    def publish_marks(self, marks: Sequence[Mark], *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Return once the marks are safe. See `Publisher.publish`."""
        self._publisher.publish([mark_record(self._topics, mark) for mark in marks], give_up=give_up)

    def tell_marks(self) -> None:
        """Say from now on, and when it is closed, up to when this process has published its results, and how many."""
        self._publisher.at_close(lambda: mark_record(self._topics, self._marker.mark(is_last=True)))
        tell_regularly(lambda: self.publish_marks([self._marker.mark()]))

    def deliver(self, result: Result, timeout_s: float) -> None:
        """Return once Kafka itself has the result. See `Publisher.deliver`."""
        self._publisher.deliver(result_record(self._topics, result), timeout_s)

    def close(self, timeout_s: float) -> None:
        """End. See `Publisher.close`."""
        self._publisher.close(timeout_s)


@once_per_process
def messenger_of_this_process(
    server: KafkaServer, settings: Settings, *, ack_timeout_s: float = ACK_TIMEOUT_S
) -> Messenger:
    """Return this process's messenger, which tells marks; it gives Kafka that long before it turns to the spool.

    Raises ConfigurationError when the spool cannot be used.
    """
    ours = Messenger(publisher_of_this_process(server, settings, ack_timeout_s=ack_timeout_s), topics_of(server))
    ours.tell_marks()
    return ours


def messenger_without_marks(server: KafkaServer, settings: Settings) -> Messenger:
    """Return a messenger for results that nobody expects, which needs no marks.

    Raises ConfigurationError when the spool cannot be used.
    """
    return Messenger(publisher_of_this_process(server, settings), topics_of(server))


def result_record(topics: Topics, result: Result) -> Record:
    """Return the record of a result; its key, the site's name, keeps one site's results in order."""
    return Record(topics.results, result.site.encode(), encode(result))


def event_record(topics: Topics, event: ScheduleEvent) -> Record:
    """Return the record of a schedule event for the compacted topic."""
    return Record(topics.schedule, event.key.encode(), encode_event(event))


def mark_record(topics: Topics, mark: Mark) -> Record:
    """Return the record of a mark for its compacted topic."""
    return Record(topics.marks, mark.key.encode(), encode_mark(mark))
