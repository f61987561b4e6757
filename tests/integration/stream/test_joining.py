"""Members of a group share its partitions by one joining, whatever they do between two polls."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.topics import ensure_topics, topics_of


def test_a_joining_that_ends_between_two_polls_is_not_made_again(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=1)
    with ExitStack() as stack:
        members: list[KafkaConsumer] = []
        generations = []
        for _ in range(2):
            member = KafkaConsumer(kafka_server, [topics_of(kafka_server).results], "group")
            members.append(stack.enter_context(closing(member)))
            share(members)
            generations.append(max(map(generation_of, members)))
    assert generations[1] == generations[0] + 1


def share(members: Sequence[KafkaConsumer]) -> None:
    """Poll in turn, and for shorter than a joining takes, until each has some of the partitions, and all have all."""
    until_s = clock.monotonic_s() + 60
    while not all(found := [member.positions() for member in members]) or sum(map(len, found)) != 3:
        assert clock.monotonic_s() < until_s, found
        for member in members:
            member.poll(0.001, 1)


def generation_of(member: KafkaConsumer) -> int:
    number: int = member._kafka._coordinator._generation.generation_id
    return number
