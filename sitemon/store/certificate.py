"""Certificates that expire soon, and who was warned of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("certificate.sql")
_KEPT: Final = timedelta(days=90)


class Named(NamedTuple):
    """A site."""

    site_id: int
    name: str


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


class ExpiryWarning(NamedTuple):
    """A certificate, and the threshold of which somebody is to be warned, in days."""

    certificate: Expiring
    days: int


class Certificates(Deciding):
    """Certificates that expire soon, in the transaction in which it is decided who is warned."""

    def expiring(self, regions: Mapping[int, Collection[str]], now: datetime, before: datetime) -> list[Expiring]:
        """Return those that expire before a moment, of these sites by number, as seen from these regions.

        Of each site those first that expire first.
        """
        pairs = [(site_id, region) for site_id, names in regions.items() for region in names]
        values = {"site_ids": [site_id for site_id, _ in pairs], "regions": [region for _, region in pairs]}
        self._cursor.execute(_sql["forget"], {"site_ids": list(regions), "before": now - _KEPT})
        self._cursor.execute(_sql["expiring"], {**values, "now": now, "before": before})
        return [Expiring(*row) for row in self._cursor.fetchall()]

    def note(self, warnings: Sequence[ExpiryWarning]) -> list[ExpiryWarning]:
        """Note that somebody is warned; return those warnings that nobody else has given meanwhile."""
        values = {
            "site_ids": [one.certificate.site_id for one in warnings],
            "expire_at": [one.certificate.expires_at for one in warnings],
            "days": [one.days for one in warnings],
        }
        self._cursor.execute(_sql["note"], values)
        noted = set(self._cursor.fetchall())
        return [one for one in warnings if (one.certificate.site_id, one.certificate.expires_at) in noted]


def certificate_sites(conn: Connection, after: int, most: int) -> list[Named]:
    """Return the first sites after a number.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [Named(*row) for row in rows_of(conn, _sql["sites"], after=after, most=most)]


@contextmanager
def look_at_certificates(conn: Connection) -> Iterator[Certificates]:
    """Look at certificates, for one transaction that an error undoes.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Certificates(cursor)
