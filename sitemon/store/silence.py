"""Which sites nobody looks at, and whether anything is recorded at all."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("silence.sql")
NAMED: Final = 5
ELSEWHERE: Final = "other regions"
"""As which one those count that were not asked for by name."""

_PAUSE: Final = timedelta(minutes=15)
"""How long after it was told that sites are not looked at it is not told of further ones."""


class Silence(NamedTuple):
    """Why so many sites have not been looked at, some of them by name.

    `cause` is the reason of what was missed, or ``not_recorded``; `region` is empty where it is the same in all. Of one
    that was not told, all sites are `further` ones; some time after it was told, `known` are those that were not looked
    at then either, and `further` all others.
    """

    cause: str
    region: str
    since_at: datetime
    sites: int = 0
    named: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    further: tuple[str, ...] = ()


class Silences(Deciding):
    """One transaction in which it is decided what is said."""

    def lasting(self, regions: Collection[str]) -> list[Silence]:
        """Return what there is now, in these regions each for itself, in all others together."""
        asked = {"named": NAMED, "pause": _PAUSE, "regions": [*regions], "elsewhere": ELSEWHERE}
        self._cursor.execute(_sql["silent"], asked)
        return [
            Silence(cause, region, since_at, sites, *map(tuple, names))
            for cause, region, sites, since_at, *names in self._cursor.fetchall()
        ]

    def told(self) -> list[Silence]:
        """Return what was said to last, what was said first before all others."""
        self._cursor.execute(_sql["open_silences"])
        return [Silence(*row) for row in self._cursor.fetchall()]

    def tell(self, silence: Silence) -> bool:
        """Note that it is said, or said again of further sites; return False where another alerter does."""
        return self._note("tell_silence", silence)

    def end(self, silence: Silence) -> bool:
        """Note that it is said to be over; return False where another alerter does."""
        return self._note("end_silence", silence)

    def _note(self, name: str, silence: Silence) -> bool:
        self._cursor.execute(_sql[name], {**silence._asdict(), "pause": _PAUSE})
        return bool(self._cursor.fetchall())


@contextmanager
def take_silences(conn: Connection) -> Iterator[Silences]:
    """Look for sites at which nobody looks, in one transaction.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Silences(cursor)


def is_recording(conn: Connection) -> bool:
    """Tell whether results arrive in the database, as often as the site asks for that is looked at most often.

    A site at which nobody looks while others are looked at, as in a region that has no workers, asks for nothing.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    ((found,),) = rows_of(conn, _sql["is_recording"])
    return bool(found)
