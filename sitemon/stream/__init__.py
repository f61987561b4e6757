"""The only home of Kafka: topics, producing with a spool behind it, marks, consuming, following, dead letters.

kafka-python is imported nowhere else, and none of its exceptions leaves this package: `sitemon.stream.errors`
turns each into one of `sitemon.model.errors`.
"""
