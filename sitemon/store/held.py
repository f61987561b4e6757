"""Incidents of which nobody was told, since they lie, or may lie, behind those of other sites."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.dependence import Gateway
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("held.sql")


class Behind(Deciding):
    """A transaction in which it is decided whether sites lie behind others."""

    def gateways(
        self, settles: Mapping[str, timedelta], now: datetime, after: Collection[tuple[str, datetime]] = ()
    ) -> dict[str, Gateway]:
        """Return what is known of these sites; `settles` says how long an outage of each takes to be decided.

        Of outages that is those that last and the last one that is over, and of sites that are in `after`, with the
        beginning of an incident that is over, the first 100 that were not over before it, and as many windows.
        """
        unseen: tuple[Any, ...] = (None, False, None, None)
        found: dict[str, tuple[Any, ...]] = dict.fromkeys(settles, unseen)
        found |= {name: tuple(state) for name, *state in self._ask("gateways", names=list(settles), now=now)}
        # Only then: what another alerter decides meanwhile is undecided above, or seen here.
        outages: dict[str, list[tuple[datetime, datetime | None]]] = {name: [] for name in settles}
        moments = {"of": [name for name, _ in after], "after": [moment for _, moment in after]}
        for name, began_at, ended_at in self._ask("outages", names=list(settles), **moments):
            outages[name].append((began_at, ended_at))
        windows: dict[str, list[tuple[datetime, datetime]]] = {name: [] for name in settles}
        for name, from_at, until_at in self._ask("windows", now=now, **moments) if after else ():
            windows[name].append((from_at, until_at))
        return {
            name: Gateway._make((name, outages[name], *found[name], settles[name], windows[name])) for name in settles
        }

    def _ask(self, name: str, **values: object) -> list[Any]:
        self._cursor.execute(_sql[name], values)
        return self._cursor.fetchall()


class Held(Behind):
    """Those of some incidents of which nobody was told, with the names of their sites; they are ours meanwhile.

    `decided_at` is when they were decided, `behind` are the sites behind which they lay when that was looked at last;
    `undecided_from` are the earliest slots of their sites of which rows are not decided on yet, `newest` the newest of
    which there are any.
    """

    def __init__(self, cursor: Cursor, numbers: Sequence[int]) -> None:
        super().__init__(cursor)
        self.incidents: list[tuple[str, int, Incident]] = []
        self.decided_at: dict[int, datetime] = {}
        self.behind: dict[int, str | None] = {}
        self._unsettled: set[int] = set()
        self.undecided_from: dict[int, datetime | None] = {}
        self.newest: dict[int, datetime] = {}
        found = self._ask("held_incidents", incident_ids=list(numbers))
        for site, number, started_at, opened_by, regions, *rest in found:
            *cause, ended_at, closed_by, decided_at, behind, is_unsettled, undecided_from, newest = rest
            incident = Incident(started_at, opened_by, tuple(regions), Cause(*cause), ended_at, closed_by)
            self.incidents.append((site, number, incident))
            self.decided_at[number] = decided_at
            self.behind[number] = behind
            self._unsettled |= {number} if is_unsettled else set()
            self.undecided_from[number] = undecided_from
            self.newest[number] = newest or opened_by

    def put_behind(self, behind: Mapping[int, str | None]) -> None:
        """Say of incidents behind which site they lie, where that is another one than before, or was not settled."""
        changed = {n: name for n, name in behind.items() if name != self.behind[n] or n in self._unsettled}
        if changed:
            values = {"incident_ids": list(changed), "behind": list(changed.values())}
            self._cursor.execute(_sql["put_behind"], values)

    def tell(self, numbers: Sequence[int]) -> None:
        """Let people be told of these incidents from now on."""
        self._cursor.execute(_sql["tell"], {"incident_ids": list(numbers)})


def held_numbers(conn: Connection, of_a_site: int) -> list[int]:
    """Return the numbers of incidents of which nobody was told, of each site so many that are over, by turns.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [number for (number,) in rows_of(conn, _sql["held_numbers"], of_a_site=of_a_site)]


@contextmanager
def take_held(conn: Connection, numbers: Sequence[int]) -> Iterator[Held]:
    """Take those of these incidents of which nobody was told, for one transaction.

    Those of sites that another alerter has are passed over.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Held(cursor, numbers)
