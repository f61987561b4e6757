"""The recorder: what is on Kafka into PostgreSQL, each message with its effect once."""
