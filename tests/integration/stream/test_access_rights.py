"""The access rights of ``docs/security.md`` are those that each process needs, and let it write nothing else."""

import re
import shlex
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.stream.client import client_of
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.follower import Follower
from sitemon.stream.producer import KafkaProducer, Record
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.conftest import eventually
from tests.integration.stream.secure_kafka import PRINCIPALS, SecureKafka, login

COMMANDS: Final = re.findall(
    r"^acl (--.*)$", (Path(__file__).parents[3] / "docs/security.md").read_text(), flags=re.MULTILINE
)
WRITES: Final = {
    "beat": {"results", "schedule", "marks", "dead_letters"},
    "worker": {"results", "marks", "dead_letters"},
    "recorder": {"dead_letters"},
    "alerter": {"status"},
    "provision": set(),
}


def rights(command: str, prefix: str) -> Iterator[ACL]:
    """Read the options of ``kafka-acls.sh --add``."""
    words = shlex.split(command)
    given: dict[str, list[str]] = {}
    for option, value in zip(words[::2], words[1::2], strict=True):
        given.setdefault(option, []).append(value.replace("sitemon.", prefix))
    is_prefixed = given.pop("--resource-pattern-type", []) == ["prefixed"]
    kind = ACLResourcePatternType.PREFIXED if is_prefixed else ACLResourcePatternType.LITERAL
    resources = [(ResourceType.TOPIC, name) for name in given.pop("--topic", [])]
    resources += [(ResourceType.GROUP, name) for name in given.pop("--group", [])]
    operations = [ACLOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one).upper()] for one in given.pop("--operation")]
    principals = given.pop("--allow-principal")
    assert not given
    for resource, name in resources:
        for principal in principals:
            for operation in operations:
                pattern = ResourcePattern(resource, name, kind)
                yield ACL(principal, "*", operation, ACLPermissionType.ALLOW, pattern)


@pytest.fixture(scope="module")
def prefix(secure: SecureKafka) -> str:
    """An installation's topics, made by its `provision`, with the rights of the page."""
    prefix = f"{uuid.uuid4().hex}."
    wanted = [right for command in COMMANDS for right in rights(command, prefix)]
    with client_of(KafkaAdminClient, secure.server("PLAINTEXT")) as admin:
        admin.create_acls(wanted)
    eventually(lambda: _is_provisioned(as_user(secure, "provision", prefix)))
    return prefix


def _is_provisioned(server: KafkaServer) -> bool:
    """Try it: a broker learns of rights a little later."""
    try:
        ensure_topics(server, retention_days=2)
    except RefusedError:
        return False
    return True


def as_user(secure: SecureKafka, user: str, prefix: str) -> KafkaServer:
    client: dict[str, Any] = secure.server("SASL_PLAINTEXT", **login(user=user)).client
    return KafkaServer(client=client, topic=f"{prefix}results", partitions=2)


def test_the_page_has_a_right_for_everybody_who_needs_one() -> None:
    assert {word for command in COMMANDS for word in re.findall(r"User:(\w+)", command)} == set(PRINCIPALS)


@pytest.mark.parametrize("user", WRITES)
def test_each_writes_to_its_own_topics_and_to_no_other(secure: SecureKafka, prefix: str, user: str) -> None:
    server = as_user(secure, user, prefix)
    taken = {name for name, topic in topics_of(server)._asdict().items() if is_taken(server, topic)}
    assert taken == WRITES[user]


def is_taken(server: KafkaServer, topic: str) -> bool:
    producer = KafkaProducer(server)
    try:
        return producer.send(Record(topic, b"key", b"value"), 10.0).wait(10.0)
    except RefusedError:
        return False
    except UnreachableError as exc:  # who may write nowhere gets no number as a producer
        if "AuthorizationFailed" not in str(exc):
            raise
        return False
    finally:
        producer.close(2.0)


@pytest.mark.parametrize("user", ["beat", "worker", "recorder", "alerter"])
def test_each_sees_that_all_topics_are_there_and_is_warned_of_nothing(
    secure: SecureKafka, prefix: str, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    ensure_topics(as_user(secure, user, prefix), retention_days=2)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("sitemon")] == []


def test_the_recorder_reads_as_a_member_of_its_group_and_follows_the_others(secure: SecureKafka, prefix: str) -> None:
    server = as_user(secure, "recorder", prefix)
    topics = topics_of(server)
    with closing(KafkaConsumer(server, [topics.results], f"{prefix}recorder")) as consumer:
        eventually(lambda: consumer.poll(0.2, 10) or consumer.positions())
        consumer.commit(consumer.positions())
    followed = (topics.schedule, topics.marks, topics.dead_letters)
    with closing(Follower(server, followed, {})) as follower:
        assert {topic for topic, _ in follower.ends([topics.results, *followed])} == {topics.results, *followed}
        follower.poll(1.0, 10)


def test_a_worker_reads_nothing(secure: SecureKafka, prefix: str) -> None:
    server = as_user(secure, "worker", prefix)
    with closing(Follower(server, [topics_of(server).schedule], {})) as follower:
        eventually(lambda: is_refused(follower))


def is_refused(follower: Follower) -> bool:
    try:
        follower.poll(0.2, 10)
    except RefusedError:
        return True
    return False
