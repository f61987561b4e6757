"""Slots that lie ahead, and come."""

from datetime import timedelta

from sitemon.store.connect import Connection
from sitemon.store.slots_ahead import take_what_came
from tests.databases import execute

MANY = 2_000
"""Watches of which what came is taken in one transaction."""
DAY_AHEAD = timedelta(hours=20)
"""Added to a slot of `this_hour`, it gives one that nobody reaches while the tests run."""


def bring_nearer(conn: Connection, by: timedelta = DAY_AHEAD) -> None:
    """Let all slots that lie ahead be so much earlier, as when so much time has passed."""
    for table in ("result", "slot_ahead"):
        what_is_ahead = f"sitemon.{table} SET slot_at = slot_at - %s WHERE slot_at > now() + '1 minute'::interval"
        execute(conn, f"UPDATE {what_is_ahead}", (by,))


def let_come(conn: Connection, by: timedelta = DAY_AHEAD) -> None:
    """Let so much time pass, and a recorder take what has come by then."""
    bring_nearer(conn, by)
    while take_what_came(conn, MANY):
        pass
