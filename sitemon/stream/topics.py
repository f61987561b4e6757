"""The topics: their names, and that they exist."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.stream.client import client_of
from sitemon.stream.errors import kafka_errors, model_error

log = logging.getLogger(__name__)

DEAD_LETTER_MAX_BYTES: Final = 16 << 20
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_TOPIC_EXISTS: Final = 36
_LAG: Final = "min.compaction.lag.ms"


class Topics(NamedTuple):
    """The names of the topics of one installation."""

    results: str
    schedule: str
    dead_letters: str
    marks: str
    status: str


def topics_of(server: KafkaServer) -> Topics:
    """Return the topics beside the configured one.

    ``sitemon.results`` goes with ``sitemon.schedule`` and so on, any other name, ``checks``, with ``checks.schedule``.
    """
    prefix = server.topic.removesuffix(".results") or server.topic
    names = (f"{prefix}.{name}" for name in ("schedule", "dead-letters", "marks", "status"))
    return Topics(server.topic, *names)


def ensure_topics(server: KafkaServer, *, retention_days: int) -> None:
    """Create the topics that are missing. One that exists is left as it is, but for the schedule's compaction.

    Of the schedule nothing may be compacted within the retention; where we may not see to that, a warning says so.

    Raises:
        RefusedError: some are missing and we may not create them; it names them.
        UnreachableError: no server answers.

    """
    wanted = _settings(server, retention_days)
    with kafka_errors(), client_of(KafkaAdminClient, server) as admin:
        missing = {topic: wanted[topic] for topic in wanted.keys() - set(admin.list_topics())}
        if missing:
            answer = admin.create_topics(missing, raise_errors=False)
            failed = [topic for topic in answer["topics"] if topic["error_code"] not in {0, _TOPIC_EXISTS}]
            if (failure := failure_to_create(failed)) is not None:
                raise failure
            admin.wait_for_topics(list(missing))
        topic = topics_of(server).schedule
        if topic not in missing:
            _delay_compaction(admin, topic, retention_days * _DAY_MS)


def _delay_compaction(admin: KafkaAdminClient, topic: str, least_ms: int) -> None:
    """See to it that the topic is compacted no sooner than that; one that is compacted later still is left so."""
    # All of them: Tansu hangs up when it is asked for one.
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    found = described["topic"][topic].get(_LAG)
    if found is not None and int(found["value"]) >= least_ms:
        return
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {_LAG: str(least_ms)})
    outcome = admin.alter_configs([wanted], raise_on_unknown=False)["topic"][topic]
    if outcome != "OK":
        log.warning("topics.not_altered: set %s of topic %s to %s: we may not: %s", _LAG, topic, least_ms, outcome)


def _settings(server: KafkaServer, retention_days: int) -> Mapping[str, Mapping[str, object]]:
    """Return kafka-python's description of each topic.

    All but the results have one partition: so the schedule is read back in the order in which it was written.
    A compacted topic is only compacted up to its newest segment, hence a short one: it keeps reading it back fast.
    Of the schedule a recorder may need every event for as long as there are results that it explains. Each process has
    a mark of its own and none deletes it when it dies, so that they would pile up: the old ones are deleted by age.
    """
    topics = topics_of(server)
    kept = {"retention.ms": str(retention_days * _DAY_MS)}
    schedule = {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS), _LAG: str(retention_days * _DAY_MS)}
    status = {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS)}
    marks = kept | {"cleanup.policy": "compact,delete", "segment.ms": str(_HOUR_MS)}
    dead_letters = kept | {"max.message.bytes": str(DEAD_LETTER_MAX_BYTES)}
    replicas = {"replication_factor": server.replication_factor}
    return {
        topics.results: {"num_partitions": server.partitions, "configs": kept} | replicas,
        topics.schedule: {"num_partitions": 1, "configs": schedule} | replicas,
        topics.dead_letters: {"num_partitions": 1, "configs": dead_letters} | replicas,
        topics.marks: {"num_partitions": 1, "configs": marks} | replicas,
        topics.status: {"num_partitions": 1, "configs": status} | replicas,
    }


def failure_to_create(failed: Iterable[Mapping[str, Any]]) -> SitemonError | None:
    """Return what a broker's answer for each topic means: a refusal when trying again does not help, None for none."""
    failures = [(topic, model_error(_error_of(topic))) for topic in failed]
    if not failures:
        return None
    reasons = ", ".join(sorted(f"{topic['name']} ({error})" for topic, error in failures))
    kind = RefusedError if any(isinstance(error, RefusedError) for _, error in failures) else UnreachableError
    return kind(f"topics are missing and cannot be created: {reasons}")


def _error_of(topic: Mapping[str, Any]) -> Exception:
    error: Exception = errors.for_code(topic["error_code"])(topic["error_message"] or "")
    return error
