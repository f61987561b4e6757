"""The database's management for Celery's tasks; ``python -m sitemon.worker.managing`` maintains it.

Imported by a task that needs it, or in a process of its own: the driver and the store are 5 MiB, and checking needs
none of them.
"""

import os
import pickle
import sys
from contextlib import closing

from sitemon import clock
from sitemon.config.servers import admin_credentials, database_credentials, postgres_server
from sitemon.config.settings import Settings, settings
from sitemon.model.errors import SitemonError
from sitemon.store.connect import connect
from sitemon.store.maintain import maintain, not_ahead
from sitemon.store.partitions import Retention
from sitemon.store.provision import provision


def provision_database(choices: Settings) -> None:
    """Make the database, its roles and its schema where they are missing."""
    provision(postgres_server(), admin_credentials(), database_credentials(), Retention.of(choices))


def main() -> None:
    """Make the partitions of the coming day and drop what is past its retention; write to stdout what prevents it."""
    try:
        retention = Retention.of(settings(os.environ))
        with closing(connect(postgres_server(), database_credentials(), application_name="sitemon-maintain")) as conn:
            maintain(conn, retention, not_ahead(conn, clock.utc_now()))
    except SitemonError as exc:
        sys.stdout.buffer.write(pickle.dumps(exc))


if __name__ == "__main__":
    main()
