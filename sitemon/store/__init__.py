"""The only home of PostgreSQL: connecting, the schema, writing what came from Kafka, and reading for people."""
