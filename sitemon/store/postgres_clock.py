"""PostgreSQL's clock: by it readers go, and all that decides for good what is in the database."""

from datetime import datetime

from sitemon import clock
from sitemon.model.moment import from_ms
from sitemon.server_clock import ServerClock
from sitemon.store.connect import Connection
from sitemon.store.rows import rows_of


class PostgresClock(ServerClock):
    """PostgreSQL's clock, the same for all recorders and alerters."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL")

    def look(self, conn: Connection) -> bool:
        """Ask PostgreSQL; tell whether the clocks came apart since, or together again.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        asked_ms = clock.now_ms()
        ((now_s,),) = rows_of(conn, "SELECT extract(epoch FROM clock_timestamp())::double precision")
        return self.hear(now_s, asked_ms)

    def utc_now(self) -> datetime:
        """Return what time it is by PostgreSQL, as it was asked last."""
        return from_ms(round(self() * 1e3))
