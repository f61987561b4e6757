"""What is to be seen of the account in the database, for tests."""

from typing import Any

from sitemon.store.connect import Connection
from tests.databases import rows
from tests.integration.store.events import start
from tests.results import MINUTE


def derived(conn: Connection) -> list[float]:
    """Return the minutes of the slots that have a derived row."""
    found = rows(conn, "SELECT slot_at FROM sitemon.result WHERE is_derived ORDER BY slot_at")
    return [(slot_at - start()) / MINUTE for (slot_at,) in found]


def reasons(conn: Connection) -> list[str]:
    """Return why slots were missed."""
    query = "SELECT DISTINCT reason FROM sitemon.results WHERE outcome = 'missed' ORDER BY 1"
    return [reason for (reason,) in rows(conn, query)]


def counts(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what is up and missed by hours and by days; and what is expected, missed and wrong in the ledger."""
    sums = (
        "SELECT sum(up), sum(missed) FROM sitemon.uptime_hourly",
        "SELECT sum(up), sum(missed) FROM sitemon.uptime_daily",
    )
    ledger = "SELECT sum(expected), sum(missed), sum(unaccounted), sum(unexpected) FROM sitemon.ledger"
    return [rows(conn, query)[0] for query in (*sums, ledger)]


def state(conn: Connection) -> list[tuple[Any, ...]]:
    """Return of each site its outcome, since when, its newest slot, why, and when it was seen."""
    return rows(conn, "SELECT outcome, since_at, slot_at, reason, seen_at FROM sitemon.site_status")
