"""The last days of each site, summed anew once hours were rolled up."""

from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.places import LAST, next_range
from sitemon.store.queries import load_queries
from sitemon.store.steps import Steps

_sql: Final = load_queries("recent.sql")


def sum_recent(steps: Steps) -> bool:
    """Sum the last days of each site anew, if hours were rolled up since; return whether the turn ended before.

    Some sites a transaction, behind which nobody waits who records. Left to who is at it already; whoever comes next
    goes on where this ended. Raises what `Steps.transaction` raises.
    """
    with steps.transaction() as cursor:
        if _is_ours(cursor):
            cursor.execute(_sql["begin_recent"])
    while _sum_some(steps):
        if steps.is_over:
            return True
    return False


def make_recent_due(cursor: Cursor) -> None:
    """Let the next maintenance make the last days of each site anew."""
    cursor.execute(_sql["make_recent_due"])


def _sum_some(steps: Steps) -> bool:
    """Sum the last days of the next sites; return whether there are more for us."""
    with steps.transaction() as cursor:
        if not _is_ours(cursor):
            return False
        cursor.execute(_sql["recent_is_due"])
        for after in cursor.fetchall():
            within = next_range(cursor, after)
            cursor.execute(_sql["sum_recent"], within._asdict())
            if within.last != LAST:
                values = {"site_id": within.last_site_id, "region_id": within.last_region_id}
                cursor.execute(_sql["move_recent"], values)
                return True
            cursor.execute(_sql["recent_is_done"])
        return False


def _is_ours(cursor: Cursor) -> bool:
    cursor.execute(_sql["recent_alone"])
    return bool(cursor.fetchall() == [(True,)])
