"""What sitemon says on Kafka: a result or a schedule event as the record of its topic."""

from sitemon.model.result import Result, encode
from sitemon.model.schedule import ScheduleEvent, encode_event
from sitemon.stream.producer import Record
from sitemon.stream.topics import Topics


def result_record(topics: Topics, result: Result) -> Record:
    """Return the record of a result; its key, the site's name, keeps one site's results in order."""
    return Record(topics.results, result.site.encode(), encode(result))


def event_record(topics: Topics, event: ScheduleEvent) -> Record:
    """Return the record of a schedule event for the compacted topic."""
    return Record(topics.schedule, event.key.encode(), encode_event(event))
