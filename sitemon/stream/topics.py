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
_KEPT: Final = "retention.ms"
_POLICY: Final = "cleanup.policy"
_BOTH: Final = "compact,delete"
_SEGMENT: Final = "segment.bytes"
_SEGMENT_BYTES: Final = 64 << 20
"""Compacting joins old segments up to this, and what is joined is deleted when the newest of it is old enough."""

_STAMPED: Final = "message.timestamp.type"
_BY_BROKER: Final = "LogAppendTime"
"""A broker refuses what a clock says that is an hour ahead of its own, and keeps it as long as that clock says."""

_BEYOND_LAG_MS: Final = 30 * _DAY_MS
"""So much longer than it is not compacted, the schedule is kept. All that holds is told anew each 6 hours."""

_LONGEST_MS: Final = 2**63 - 1


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
    """Create the topics that are missing. One that exists is left as it is, but for what earlier versions did not set.

    That is who stamps records, and of the schedule how long it is kept; what keeps more is left so. Where we may not
    see to that, a warning says so.

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
        topics = topics_of(server)
        for topic, found in _described(admin, wanted.keys() - missing.keys()).items():
            lacking = {} if found.get(_STAMPED) == _BY_BROKER else {_STAMPED: _BY_BROKER}
            if topic in {topics.schedule, topics.marks} and int(found.get(_SEGMENT, _LONGEST_MS)) > _SEGMENT_BYTES:
                lacking |= {_SEGMENT: str(_SEGMENT_BYTES)}
            if topic == topics.schedule:
                lacking |= _lacking_of_schedule(found, retention_days * _DAY_MS)
            if lacking:
                _alter(admin, topic, lacking)


def _lacking_of_schedule(found: Mapping[str, str], lag_ms: int) -> Mapping[str, str]:
    """Return what is to be set on a topic of the schedule with this configuration, to be compacted no sooner than that.

    How long it is kept is set together with the policy: else the broker's own days would hold for a moment.
    """
    longest_ms = max(lag_ms, int(found.get(_LAG, 0)))
    kept_ms = min(longest_ms + _BEYOND_LAG_MS, _LONGEST_MS)
    lacking = {} if longest_ms == int(found.get(_LAG, 0)) else {_LAG: str(lag_ms)}
    if "delete" not in found.get(_POLICY, ""):
        return lacking | {_POLICY: _BOTH, _KEPT: str(kept_ms)}
    return lacking | ({_KEPT: str(kept_ms)} if 0 <= int(found.get(_KEPT, 0)) < kept_ms else {})


def _described(admin: KafkaAdminClient, topics: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Return all that is set on topics, or holds for them where nothing is."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in sorted(topics)]
    # All of it: Tansu hangs up when it is asked for one setting.
    found = admin.describe_configs(resources, config_filter="all")["topic"] if resources else {}
    return {topic: {name: entry["value"] for name, entry in settings.items()} for topic, settings in found.items()}


def _alter(admin: KafkaAdminClient, topic: str, wanted: Mapping[str, str]) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict(wanted))
    outcome = admin.alter_configs([resource], raise_on_unknown=False)["topic"][topic]
    if outcome != "OK":
        settings = ", ".join(f"{name}={value}" for name, value in wanted.items())
        log.warning("topics.not_altered: set %s of topic %s: we may not: %s", settings, topic, outcome)


def _settings(server: KafkaServer, retention_days: int) -> Mapping[str, Mapping[str, object]]:
    """Return kafka-python's description of each topic.

    All but the results have one partition: so the schedule is read back in the order in which it was written.
    A compacted topic is only compacted up to its newest segment, hence a short one: it keeps reading it back fast.
    Of the schedule a recorder may need every event for as long as there are results that it explains. Each process has
    a mark of its own and none deletes it when it dies, and each site that is taken out leaves its end on the schedule,
    so that they would pile up: the old ones are deleted by age, but for a segment's worth.
    """
    topics = topics_of(server)
    lag_ms = retention_days * _DAY_MS
    kept = {_STAMPED: _BY_BROKER, _KEPT: str(lag_ms)}
    daily = {_STAMPED: _BY_BROKER, "segment.ms": str(_DAY_MS)}
    both = {_POLICY: _BOTH, _SEGMENT: str(_SEGMENT_BYTES)}
    schedule = daily | both | {_LAG: str(lag_ms), _KEPT: str(lag_ms + _BEYOND_LAG_MS)}
    status = daily | {_POLICY: "compact"}
    marks = kept | both | {"segment.ms": str(_HOUR_MS)}
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
