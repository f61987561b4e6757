"""Each key keeps the partition that it would have by the library's own rule, and so do its results their order."""

import random

from kafka.partitioner import DefaultPartitioner

from sitemon.stream.producer import _ByKey


class Cluster:
    """What a partitioner asks."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


def test_a_key_has_the_partition_of_the_default_rule() -> None:
    ours, theirs = _ByKey(), DefaultPartitioner()
    source = random.Random(3)
    for partitions in (1, 3, 12, 100):
        cluster = Cluster(partitions)
        for _ in range(200):
            key = source.randbytes(source.randrange(40))
            expected = theirs.partition("t", key, key, b"v", b"v", cluster)
            assert ours.partition("t", key, key, b"v", b"v", cluster) == expected
