"""The confirming checks that are to be asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sitemon.incident.confirming import CONFIRMED_WITHIN_S
from sitemon.store.connect import Connection
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("confirming.sql")


class ToConfirm(NamedTuple):
    """A site, and how many checks of it are due."""

    site_id: int
    site: str
    checks: int


class Confirming(NamedTuple):
    """A check of a site by workers of a region, which is due at `slot_at`."""

    site_id: int
    site: str
    region: str
    slot_at: datetime


def sites_to_confirm(conn: Connection, most: int, fresh_s: float) -> list[ToConfirm]:
    """Return so many sites with checks that are due, and not longer than `fresh_s` ago, and that nobody asks for yet.

    Sites for which few were asked of late come first, then those that were begun with; no other order lasts.
    """
    found = rows_of(conn, _sql["sites_to_confirm"], most=most, fresh_s=fresh_s, settling_s=CONFIRMED_WITHIN_S + fresh_s)
    return [ToConfirm._make(row) for row in found]


def claim(conn: Connection, wanted: Mapping[int, int], lease_s: float, fresh_s: float) -> list[Confirming]:
    """Take so many of the checks of each site that are due, by its number, for so long: nobody else asks for them.

    What somebody else has taken since it was looked who is due is left out.
    """
    columns = {"site_ids": [*wanted], "checks": [*wanted.values()]}
    found = rows_of(conn, _sql["claim"], lease_s=lease_s, fresh_s=fresh_s, **columns)
    return [Confirming._make(row) for row in found]


def mark_sent(conn: Connection, region: str, checks: Sequence[Confirming]) -> None:
    """Say that the workers of a region were asked for these checks."""
    columns = {"site_ids": [one.site_id for one in checks], "slots_at": [one.slot_at for one in checks]}
    rows_of(conn, _sql["sent"], region=region, **columns)


def is_any_awaited(conn: Connection, fresh_s: float) -> bool:
    """Tell whether there is a check that is to be asked for, now or soon."""
    ((is_any,),) = rows_of(conn, _sql["is_any_awaited"], fresh_s=fresh_s)
    return bool(is_any)


def forget_old(conn: Connection) -> None:
    """Forget what is so old that nobody wants it again."""
    rows_of(conn, _sql["forget"])
