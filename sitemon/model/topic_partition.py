"""A partition of a Kafka topic."""

TopicPartition = tuple[str, int]
"""A topic and the number of one of its partitions."""
