"""The database's management for Celery's tasks.

Imported when a task needs it: the driver and the store are 5 MiB, and few of a worker's processes ever manage.
"""

from contextlib import closing

from sitemon import clock
from sitemon.config.servers import admin_credentials, database_credentials, postgres_server
from sitemon.config.settings import Settings
from sitemon.store.connect import connect
from sitemon.store.maintain import maintain, not_ahead
from sitemon.store.partitions import Retention
from sitemon.store.provision import provision


def provision_database(choices: Settings) -> None:
    """Make the database, its roles and its schema where they are missing."""
    provision(postgres_server(), admin_credentials(), database_credentials(), Retention.of(choices))


def maintain_database(choices: Settings) -> None:
    """Make the partitions of the coming day and drop what is past its retention."""
    with closing(connect(postgres_server(), database_credentials(), application_name="sitemon-maintain")) as conn:
        maintain(conn, Retention.of(choices), not_ahead(conn, clock.utc_now()))
