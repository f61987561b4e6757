"""A part that is killed starts again on its port, and what it acknowledged is still there."""

import psycopg2
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from sitemon.local.part import Part
from sitemon.local.ports import is_free
from sitemon.local.stack import Stack


def crash(part: Part) -> None:
    port, pid = part.port, part.pid
    part.kill()
    assert (part.is_alive, part.is_listening, is_free(port)) == (False, False, True)
    part.start()
    assert (part.is_listening, part.port, part.pid != pid) == (True, port, True)


def test_postgres_keeps_rows(own_stack: Stack) -> None:
    own_stack.postgres.start()
    _sql(own_stack, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
    crash(own_stack.postgres)
    assert _sql(own_stack, "SELECT word FROM kept") == [("here",)]


def test_redis_keeps_keys(own_stack: Stack) -> None:
    own_stack.redis.start()
    with redis.Redis.from_url(own_stack.redis.url(0)) as client:
        client.set("kept", "here")
        crash(own_stack.redis)
        assert client.get("kept") == b"here"


def test_kafka_keeps_messages(own_stack: Stack) -> None:
    own_stack.kafka.start()
    address = own_stack.environment["SITEMON_KAFKA_BOOTSTRAP_SERVERS"]
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    producer.send("kept", b"here").get(timeout=10)
    producer.close()
    crash(own_stack.kafka)
    assert _first_message(address, "kept") == b"here"


def _sql(stack: Stack, statement: str) -> list[tuple[object, ...]]:
    environment = stack.environment
    connection = psycopg2.connect(
        host=environment["SITEMON_PG_HOST"],
        port=environment["SITEMON_PG_PORT"],
        user=environment["SITEMON_DB_ADMIN_USER"],
        password=environment["SITEMON_DB_ADMIN_PASSWORD"],
        dbname=environment["SITEMON_DB_ADMIN_DATABASE"],
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _first_message(address: str, topic: str) -> object:
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=10_000)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        return next(consumer).value
    finally:
        consumer.close()
