"""Certificates that expire soon, and who was warned of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("certificate.sql")
_KEPT: Final = timedelta(days=90)


class Expiring(NamedTuple):
    """A certificate of a site; `warned_days` is the last threshold of which somebody was warned, in days.

    `is_scheduled`: the schedule has the site.
    """

    site_id: int
    site: str
    url: str
    expires_at: datetime
    warned_days: int | None
    is_scheduled: bool


class Due(NamedTuple):
    """A certificate, and the threshold of which somebody is to be warned, in days."""

    certificate: Expiring
    days: int


class Certificates(Deciding):
    """The certificates that expire before a moment, in the transaction in which it is decided who is warned."""

    def __init__(self, cursor: Cursor, now: datetime, before: datetime) -> None:
        super().__init__(cursor)
        cursor.execute(_sql["forget"], {"before": now - _KEPT})
        cursor.execute(_sql["expiring"], {"now": now, "before": before})
        self.expiring = [Expiring(*row) for row in cursor.fetchall()]

    def note(self, warnings: Sequence[Due]) -> list[Due]:
        """Note that somebody is warned; return those warnings that nobody else has given meanwhile."""
        values = {
            "site_ids": [one.certificate.site_id for one in warnings],
            "expire_at": [one.certificate.expires_at for one in warnings],
            "days": [one.days for one in warnings],
        }
        self._cursor.execute(_sql["note"], values)
        noted = set(self._cursor.fetchall())
        return [one for one in warnings if (one.certificate.site_id, one.certificate.expires_at) in noted]


@contextmanager
def look_at_certificates(conn: Connection, now: datetime, before: datetime) -> Iterator[Certificates]:
    """Look at the certificates that expire before a moment, for one transaction that an error undoes.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Certificates(cursor, now, before)
