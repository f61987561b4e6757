"""``sitemon migrate``: the schema of a database that is there, without an administrator."""

import os

import click

from sitemon import clock
from sitemon.cli.postgres import Postgres, with_postgres
from sitemon.cli.terminal import say
from sitemon.config.settings import settings
from sitemon.store.maintain import maintain, not_ahead
from sitemon.store.migrate import migrate
from sitemon.store.partitions import Retention


@click.command("migrate")
@with_postgres
def command(postgres: Postgres) -> None:
    """Bring the schema up to date, as the role that owns it. Again is no error."""
    retention = Retention.of(settings(os.environ))
    with postgres.connected("migrate") as conn:
        ran = migrate(conn)
        maintain(conn, retention, not_ahead(conn, clock.utc_now()))
    for migration in ran:
        say(f"ran {migration.name}")
    say(f"the schema of {postgres.credentials.database} is up to date")
