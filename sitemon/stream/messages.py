"""What sitemon says on Kafka: a result or a schedule event as the record of its topic."""

from collections.abc import Callable, Sequence

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.model.result import Result, encode
from sitemon.model.schedule import ScheduleEvent, encode_event
from sitemon.stream.producer import Record
from sitemon.stream.publisher import PATIENCE_S, Publisher, publisher_of_this_process
from sitemon.stream.topics import Topics, topics_of


class Messenger:
    """Publishes results and schedule events. What its methods promise and raise is `Publisher`'s."""

    def __init__(self, publisher: Publisher, topics: Topics) -> None:
        self._publisher = publisher
        self._topics = topics

    def publish_results(self, results: Sequence[Result], *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Return once the results are safe. See `Publisher.publish`."""
        self._publisher.publish([result_record(self._topics, result) for result in results], give_up=give_up)

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        """Return once the schedule's events are safe. See `Publisher.publish`."""
        self._publisher.publish([event_record(self._topics, event) for event in events])

    def deliver(self, result: Result, timeout_s: float) -> None:
        """Return once Kafka itself has the result. See `Publisher.deliver`."""
        self._publisher.deliver(result_record(self._topics, result), timeout_s)

    def close(self, timeout_s: float) -> None:
        """End. See `Publisher.close`."""
        self._publisher.close(timeout_s)


def messenger_of_this_process(server: KafkaServer, settings: Settings, *, patience_s: float = PATIENCE_S) -> Messenger:
    """Return a messenger on this process's publisher, which gives Kafka that long before it turns to the spool.

    Raises ConfigurationError when the spool cannot be used.
    """
    return Messenger(publisher_of_this_process(server, settings, patience_s=patience_s), topics_of(server))


def result_record(topics: Topics, result: Result) -> Record:
    """Return the record of a result; its key, the site's name, keeps one site's results in order."""
    return Record(topics.results, result.site.encode(), encode(result))


def event_record(topics: Topics, event: ScheduleEvent) -> Record:
    """Return the record of a schedule event for the compacted topic."""
    return Record(topics.schedule, event.key.encode(), encode_event(event))
