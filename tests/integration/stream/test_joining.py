"""Members of a group share its partitions by one joining, whatever they do between two polls."""

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.topics import ensure_topics, topics_of


def test_a_joining_that_ends_between_two_polls_is_not_made_again(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=1)
    members = [KafkaConsumer(kafka_server, [topics_of(kafka_server).results], "group") for _ in range(2)]
    until_s = clock.monotonic_s() + 60
    while sum(len(member.positions()) for member in members) != 3 or not all(member.positions() for member in members):
        assert clock.monotonic_s() < until_s
        for member in members:
            member.poll(0.001, 1)
    generations = [generation_of(member) for member in members]
    for member in members:
        member.close()
    assert max(generations) <= 2


def generation_of(member: KafkaConsumer) -> int:
    number: int = member._kafka._coordinator._generation.generation_id
    return number
