"""``sitemon provision``: everything that sitemon needs on its servers."""

import os

import click

from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import admin_credentials, database_credentials, kafka_server, postgres_server
from sitemon.config.settings import settings
from sitemon.store.partitions import Retention
from sitemon.store.provision import provision
from sitemon.stream.topics import ensure_topics, topics_of


@click.command("provision")
@options.db_conn
@options.admin
@options.kafka
@options.database
def command(db_conn: str | None, admin: str | None, kafka: str | None, database: str | None) -> None:
    """Make role, database, schema, partitions and Kafka topics where they are missing. Again is no error."""
    server, administrator, owner = postgres_server(db_conn), admin_credentials(admin), database_credentials(database)
    stream, choices = kafka_server(kafka), settings(os.environ)
    provision(server, administrator, owner, Retention.of(choices))
    ensure_topics(stream, retention_days=choices.topic_retention_days)
    say(f"ready: database {owner.database}, topics {', '.join(topics_of(stream))}")
