"""A provisioned database on a PostgreSQL of its own, for benches that write and ask without any other process."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sitemon.local.postgres import Postgres
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session

NOT_ROLLED_UP: Final = """
UPDATE sitemon.watermark SET hours_until_at = %(from_at)s, days_until = sitemon.day_of(%(from_at)s)
"""
"""From a moment on."""


@contextmanager
def recorders_database() -> Iterator[Connection]:
    """Run PostgreSQL in a temporary folder; give a connection of the recorder's role, ready to write batches."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        postgres = Postgres(Path(name))
        postgres.start()
        try:
            provision(postgres.server, postgres.admin, postgres.owner)
            with closing(connect(postgres.server, postgres.owner, application_name="sitemon-bench")) as conn:
                prepare_session(conn)
                yield conn
        finally:
            postgres.stop()
