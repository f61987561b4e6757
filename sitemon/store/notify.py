"""Being told by PostgreSQL that there is something to do: LISTEN and NOTIFY."""

import select
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.errors import translated

CHANNEL: Final = "sitemon_undecided"
_NOTIFY: Final = f"SELECT pg_notify('{CHANNEL}', '') WHERE pg_notification_queue_usage() < 0.5"
"""While the queue is full, who notifies cannot commit; any reader can fill it (PostgreSQL manual, NOTIFY)."""
_GATHER_S: Final = 0.05


def notify(cursor: Cursor) -> None:
    """Tell those who listen, once the transaction has committed. While the queue is half full, they see themselves."""
    cursor.execute(_NOTIFY)


def listen(conn: Connection) -> None:
    """Be told from now on. Who does not go on to `wait_for_notice` fills PostgreSQL's queue, or our memory.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")


def wait_for_notice(conn: Connection, timeout_s: float) -> None:
    """Wait until somebody says that there is something to do, or for so long. No notice is told twice.

    Those of a moment are told together: any reader may notify without end.

    Raises:
        UnreachableError: the connection broke.

    """
    with translated():
        if select.select([conn], [], [], timeout_s)[0]:
            clock.sleep(_GATHER_S)
        conn.poll()
        conn.notifies.clear()
