"""``sitemon migrate``: the schema of a database that is there, without an administrator."""

import os
from contextlib import closing

import click

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.terminal import say
from sitemon.config.servers import database_credentials, postgres_server
from sitemon.config.settings import settings
from sitemon.store.connect import connect
from sitemon.store.maintain import maintain, not_ahead
from sitemon.store.migrate import migrate
from sitemon.store.partitions import Retention


@click.command("migrate")
@options.db_conn
@options.database
def command(db_conn: str | None, database: str | None) -> None:
    """Bring the schema up to date, as the role that owns it. Again is no error."""
    server, owner = postgres_server(db_conn), database_credentials(database)
    retention = Retention.of(settings(os.environ))
    with closing(connect(server, owner, application_name="sitemon-migrate")) as conn:
        ran = migrate(conn)
        maintain(conn, retention, not_ahead(conn, clock.utc_now()))
    for migration in ran:
        say(f"ran {migration.name}")
    say(f"the schema of {owner.database} is up to date")
