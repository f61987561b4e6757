"""The topics: their names, and that they exist."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from kafka import errors
from kafka.admin import KafkaAdminClient

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, SitemonError, UnreachableError
from sitemon.stream.client import client_of
from sitemon.stream.errors import kafka_errors, model_error

DEAD_LETTER_MAX_BYTES: Final = 16 << 20
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_TOPIC_EXISTS: Final = 36


class Topics(NamedTuple):
    """The names of the topics of one installation.

    `status` is reserved for the state of each site, for other programs to read; nothing writes it yet.
    """

    results: str
    schedule: str
    dead_letters: str
    status: str


def topics_of(server: KafkaServer) -> Topics:
    """Return the topics beside the configured one: ``sitemon.results`` goes with ``sitemon.schedule`` and so on."""
    prefix = server.topic.rpartition(".")[0] or server.topic
    return Topics(server.topic, f"{prefix}.schedule", f"{prefix}.dead-letters", f"{prefix}.status")


def ensure_topics(server: KafkaServer, *, retention_days: int) -> None:
    """Create the topics that are missing. One that exists is left as it is.

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


def _settings(server: KafkaServer, retention_days: int) -> Mapping[str, Mapping[str, object]]:
    """Return kafka-python's description of each topic.

    All but the results have one partition: so the schedule is read back in the order in which it was written.
    A compacted topic is only compacted up to its newest segment, hence a short one: it keeps reading it back fast.
    """
    topics = topics_of(server)
    kept = {"retention.ms": str(retention_days * _DAY_MS)}
    compacted = {"cleanup.policy": "compact", "segment.ms": str(_HOUR_MS)}
    dead_letters = kept | {"max.message.bytes": str(DEAD_LETTER_MAX_BYTES)}
    replicas = {"replication_factor": server.replication_factor}
    return {
        topics.results: {"num_partitions": server.partitions, "configs": kept} | replicas,
        topics.schedule: {"num_partitions": 1, "configs": compacted} | replicas,
        topics.dead_letters: {"num_partitions": 1, "configs": dead_letters} | replicas,
        topics.status: {"num_partitions": 1, "configs": compacted} | replicas,
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
