"""A record that Kafka never takes drags no other one with it.

kafka-python's idempotent producer fails everything that is in flight with such a record, with the same error.
"""

import random

from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.stream.producer import Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.topics import topics_of
from tests.integration.stream.conftest import Load, eventually, everything_in, is_spool_empty


def test_a_record_that_is_too_large_under_load_becomes_a_dead_letter_and_no_other_does(
    server: KafkaServer, choices: Settings, a_publisher: Publisher
) -> None:
    topics = topics_of(server)
    poison = [Record(topics.schedule, b"big%d" % seed, random.Random(seed).randbytes(3 << 20)) for seed in range(2)]
    with Load(a_publisher, server) as load:
        load.goes_on()
        for record in poison:
            a_publisher.publish([record])
            load.goes_on()
    eventually(lambda: is_spool_empty(choices))
    load.assert_all_arrived_in_order()
    letters = everything_in(server, topics.dead_letters, 2)
    assert [(letter.key, letter.value) for letter in letters] == [(record.key, record.value) for record in poison]
    assert dict(letters[0].headers)["reason"] == b"too_large"
