"""What every consumer keeps to."""

from collections.abc import Callable, Sequence

from sitemon import clock
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.consumer import Consumer, Message
from sitemon.stream.producer import Record
from tests.contract.stream.conftest import Backend, publish, read, read_until, result_value


def results(backend: Backend, numbers: range) -> list[Record]:
    return [Record(backend.topics.results, b"site%d" % (n % 9), result_value(f"site{n % 9}", n)) for n in numbers]


def next_offsets(messages: Sequence[Message]) -> dict[TopicPartition, int]:
    return {(message.topic, message.partition): message.offset + 1 for message in messages}


def values(messages: Sequence[Message]) -> list[bytes | None]:
    return sorted((message.value for message in messages), key=str)


def test_a_new_group_begins_at_the_oldest_message(backend: Backend) -> None:
    sent = results(backend, range(30))
    publish(backend.producer(), sent)
    found = read(backend.consumer(), 30)
    assert values(found) == sorted((record.value for record in sent), key=str)


def test_polls_shorter_than_a_request_join_the_group_all_the_same(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(10)))
    for group in ("one", "two", "three"):
        consumer = backend.consumer(group=group)
        found: list[Message] = []
        until_s = clock.monotonic_s() + 20
        while len(found) < 10:
            assert clock.monotonic_s() < until_s, consumer
            found += consumer.poll(0.001, 100)


def test_each_partition_is_read_in_order_without_gaps(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(60)))
    found = read(backend.consumer(), 60)
    for number in {message.partition for message in found}:
        offsets = [message.offset for message in found if message.partition == number]
        assert offsets == list(range(len(offsets)))


def test_a_poll_returns_at_most_what_was_asked_for(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(60)))
    consumer = backend.consumer()
    sizes: list[int] = []
    while sum(sizes) < 60:
        sizes.append(len(consumer.poll(5.0, 7)))
    assert max(sizes) == 7


def test_a_poll_without_messages_returns_none_after_its_timeout(backend: Backend) -> None:
    consumer = backend.consumer()
    consumer.poll(1.0, 10)
    began_s = clock.monotonic_s()
    assert list(consumer.poll(0.3, 10)) == []
    assert 0.25 < clock.monotonic_s() - began_s < 10.0


def test_what_was_not_committed_is_read_again_by_the_next_member(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(30)))
    first = backend._make_consumer((backend.topics.results,), "group")
    assert len(read(first, 30)) == 30
    first.close()
    assert len(read(backend.consumer(), 30)) == 30


def test_what_was_committed_is_not_read_again(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(30)))
    first = backend._make_consumer((backend.topics.results,), "group")
    done, rest = (found := read(first, 30))[:17], found[17:]
    first.commit(next_offsets(done))
    first.close()
    assert values(read(backend.consumer(), len(rest))) == values(rest)


def test_committing_does_not_move_what_is_read_next(backend: Backend) -> None:
    producer, consumer = backend.producer(), backend.consumer()
    publish(producer, results(backend, range(10)))
    found = read(consumer, 10)
    consumer.commit(next_offsets(found[:1]))
    publish(producer, results(backend, range(10, 12)))
    assert len(read(consumer, 2)) == 2


def test_partitions_that_are_not_assigned_are_not_committed(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(10)))
    first = backend._make_consumer((backend.topics.results,), "group")
    read(first, 10)
    first.commit({(backend.topics.results, 99): 5, ("elsewhere", 0): 3})
    first.close()
    assert len(read(backend.consumer(), 10)) == 10


def test_a_sought_partition_goes_on_from_there_and_the_others_where_they_are(backend: Backend) -> None:
    producer, consumer = backend.producer(), backend.consumer()
    publish(producer, results(backend, range(60)))
    found = read(consumer, 60)
    number = found[0].partition
    offsets = [message.offset for message in found if message.partition == number]
    assert offsets[-1] > 3
    consumer.seek((backend.topics.results, number), offsets[-1] - 2)
    again = read(consumer, 3)
    assert [(message.partition, message.offset) for message in again] == [(number, n) for n in offsets[-3:]]
    publish(producer, results(backend, range(60, 70)))
    assert len(read(consumer, 10)) == 10


def test_what_was_not_read_is_skipped_by_seeking_past_it(backend: Backend) -> None:
    topic = backend.topics.schedule
    publish(backend.producer(), [Record(topic, b"k", b"%d" % n) for n in range(50)])
    consumer = backend.consumer(topic)
    assert _some(consumer, 20) < 40
    consumer.seek((topic, 0), 40)
    assert consumer.lag == 10
    assert [message.offset for message in read(consumer, 10)] == list(range(40, 50))


def test_seeking_during_a_pause_counts_after_it(backend: Backend) -> None:
    topic = backend.topics.schedule
    publish(backend.producer(), [Record(topic, b"k", b"%d" % n) for n in range(50)])
    consumer = backend.consumer(topic)
    read(consumer, 50)
    consumer.pause()
    consumer.seek((topic, 0), 45)
    assert list(consumer.poll(0.2, 100)) == []
    consumer.resume()
    assert [message.offset for message in read(consumer, 5)] == list(range(45, 50))


def test_a_partition_that_is_not_assigned_is_not_sought(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(10)))
    consumer = backend.consumer()
    read(consumer, 10)
    consumer.seek((backend.topics.results, 99), 0)
    consumer.seek(("elsewhere", 0), 0)
    assert list(consumer.poll(0.3, 100)) == []


def test_groups_do_not_share(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(10)))
    for group in ("one", "two"):
        assert len(read(backend.consumer(group=group), 10)) == 10


def test_a_pause_returns_nothing_and_loses_nothing(backend: Backend) -> None:
    producer, consumer = backend.producer(), backend.consumer()
    publish(producer, results(backend, range(10)))
    read(consumer, 10)
    consumer.pause()
    publish(producer, results(backend, range(10, 30)))
    assert [list(consumer.poll(0.2, 100)) for _ in range(4)] == [[]] * 4
    consumer.resume()
    assert len(read(consumer, 20)) == 20


def test_a_consumer_that_is_paused_from_the_start_reads_everything_later(backend: Backend) -> None:
    publish(backend.producer(), results(backend, range(20)))
    consumer = backend.consumer()
    consumer.pause()
    assert [list(consumer.poll(0.3, 100)) for _ in range(4)] == [[]] * 4
    consumer.resume()
    assert len(read(consumer, 20)) == 20


def test_members_share_the_partitions_and_a_leaver_leaves_them_to_the_others(backend: Backend) -> None:
    producer, first = backend.producer(), backend.consumer()
    publish(producer, results(backend, range(30)))
    found = read(first, 30)
    first.commit(next_offsets(found))
    second = backend._make_consumer((backend.topics.results,), "group")
    published = 30
    seen: tuple[set[int], set[int]] = (set(), set())
    until_s = clock.monotonic_s() + 20
    while not (seen[1] and seen[0].isdisjoint(seen[1])):
        assert clock.monotonic_s() < until_s, seen
        publish(producer, results(backend, range(published, published + 9)))
        published += 9
        for consumer, partitions in zip((first, second), seen, strict=True):
            messages = consumer.poll(0.5, 1000)
            partitions.clear()
            partitions |= {message.partition for message in messages}
            consumer.commit(next_offsets(messages))
    second.close()
    everything = {0, 1, 2}
    publish(producer, results(backend, range(published, published + 27)))
    read_until(first, lambda messages: {message.partition for message in messages} == everything)


def test_of_what_another_had_meanwhile_it_is_not_known_from_where_on_it_is_read(backend: Backend) -> None:
    producer, first = backend.producer(), backend.consumer()
    publish(producer, results(backend, range(30)))
    committed = next_offsets(read(first, 30))
    first.commit(committed)
    everything = committed.keys()
    assert len(everything) == 3
    for place in everything:
        first.seek(place, 0)
    assert first.sought == dict.fromkeys(everything, 0)
    second = backend._make_consumer((backend.topics.results,), "group")
    poll_until([first, second], lambda: second.positions() and first.positions().keys() < everything)
    kept = first.positions().keys()
    assert second.committed() == committed
    second.close()
    poll_until([first], lambda: first.positions().keys() == everything)
    assert first.sought == dict.fromkeys(kept, 0)
    first.forget_sought(kept)
    assert first.sought == {}


def poll_until(consumers: list[Consumer], is_so: Callable[[], object]) -> None:
    """Let them be members, and read nothing, until it is so."""
    until_s = clock.monotonic_s() + 30
    for consumer in consumers:
        consumer.pause()
    while not is_so():
        assert clock.monotonic_s() < until_s, [consumer.positions() for consumer in consumers]
        for consumer in consumers:
            consumer.poll(0.5, 1000)
    for consumer in consumers:
        consumer.poll(0.1, 1000)


def test_lag_is_what_waits(backend: Backend) -> None:
    producer, consumer = backend.producer(), backend.consumer(backend.topics.schedule)
    publish(producer, [Record(backend.topics.schedule, b"k", b"%d" % n) for n in range(50)])
    first = _some(consumer, 20)
    assert consumer.lag == 50 - first
    read(consumer, 50 - first)
    assert consumer.lag == 0


def _some(consumer: Consumer, max_records: int) -> int:
    until_s = clock.monotonic_s() + 20
    while not (found := consumer.poll(0.5, max_records)):
        assert clock.monotonic_s() < until_s
    return len(found)
