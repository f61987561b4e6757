"""What it costs to find out what is missing, beside what it costs to record a result.

python -m bench reconciling
"""

import statistics
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec import structs

from bench.database import recorders_database
from bench.figures import Bench, Figure, Measured
from bench.recording_scene import a_result
from sitemon import clock
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.result import Result
from sitemon.model.schedule import Started
from sitemon.schedule.slots import next_slot_ms
from sitemon.store.account import close, count_away_hours
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import write_notices
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch

SITES: Final = 100_000
INTERVAL_MS: Final = 60_000
PATIENCE_MS: Final = INTERVAL_MS + 22_000
STEP_MS: Final = 8_000
MINUTES: Final = 5
AT_ONCE: Final = 5_000
OFF: Final = timedelta(hours=24)

# Autovacuum does so within a minute, while here five minutes are recorded in half a minute.
_SUMMARIZE: Final = """
    SELECT brin_summarize_new_values(inhrelid)
    FROM pg_inherits
    WHERE inhparent = 'sitemon.result_by_time'::regclass
"""


class _Place:
    """A database with a schedule of 100,000 sites, of which each slot up to a moment has its result."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._names = Names()
        self.start_ms = to_ms(clock.utc_now()) - int(OFF.total_seconds() * 1_000) - 3_600_000
        self._set("UPDATE sitemon.account SET from_ms = %s, closed_ms = %s, away_ms = %s", *[self.start_ms] * 3)
        start_at = from_ms(self.start_ms)
        hour_at = start_at.replace(minute=0, second=0, microsecond=0)
        self._set("UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", hour_at, start_at.date())

    def schedule(self) -> None:
        """Tell of all sites."""
        events = [
            Started(
                site=f"site-{site}",
                region="default",
                at_ms=self.start_ms,
                token=1,
                sequence=site + 1,
                interval_ms=INTERVAL_MS,
                from_slot_ms=next_slot_ms(f"site-{site}", INTERVAL_MS, self.start_ms),
                patience_ms=PATIENCE_MS,
            )
            for site in range(SITES)
        ]
        for first in range(0, SITES, AT_ONCE):
            write_notices(self.conn, self._names, events[first : first + AT_ONCE])
        self._set("INSERT INTO sitemon.reign VALUES (1, %s, %s)", self.start_ms, self.start_ms + MINUTES * 60_000)

    def record(self) -> float:
        """Record the results of some minutes as a recorder does; return the CPU seconds of PostgreSQL."""
        slots = sorted(
            (first_ms + minute * INTERVAL_MS, site)
            for site in range(SITES)
            for first_ms in [next_slot_ms(f"site-{site}", INTERVAL_MS, self.start_ms)]
            for minute in range(MINUTES)
        )
        began_s = self.cpu_s()
        for first in range(0, len(slots), AT_ONCE):
            part = [_result(site, slot_ms) for slot_ms, site in slots[first : first + AT_ONCE]]
            write_batch(self.conn, self._names, part)
        self._set("ANALYZE")
        self._set(_SUMMARIZE)
        return (self.cpu_s() - began_s) / len(slots)

    def close_up_to(self, until_ms: int, step_ms: int) -> int:
        """Close the account step by step; return how many rows were derived."""
        derived, closed_ms = 0, self.closed_ms()
        while closed_ms < until_ms:
            closed_ms = min(until_ms, closed_ms + step_ms)
            derived += close(self.conn, closed_ms)
            while count_away_hours(self.conn):
                pass
        return derived

    def cpu_s(self) -> float:
        """Return the CPU seconds of our server process so far."""
        return int(Path(f"/proc/{self.conn.get_backend_pid()}/schedstat").read_text().split()[0]) / 1e9

    def missed(self) -> int:
        """Return how many slots the ledger counts as derived, after it was found to be even."""
        with self.conn, self.conn.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT sum(derived), sum(unaccounted) + sum(unexpected) FROM sitemon.ledger")
            ((derived, uneven),) = cursor.fetchall()
        assert uneven == 0, f"{uneven} slots are uneven"
        return int(derived)

    def closed_ms(self) -> int:
        """Return up to when the account is closed."""
        with self.conn, self.conn.cursor() as cursor:
            cursor.execute("SELECT closed_ms FROM sitemon.account")
            return int(cursor.fetchall()[0][0])

    def _set(self, statement: str, *values: object) -> None:
        with self.conn, self.conn.cursor() as cursor:
            cursor.execute(statement, values)


def _result(site: int, slot_ms: int) -> Result:
    slot_at = from_ms(slot_ms)
    return structs.replace(a_result(site % 1_000, slot_at, slot_at, is_up=True), site=f"site-{site}")


def _steps_us(place: _Place) -> tuple[list[float], int]:
    """Close the minutes that are recorded, 8 s at a time; return CPU microseconds a slot of each, and rows derived."""
    first_ms, last_ms = place.start_ms + PATIENCE_MS, place.start_ms + MINUTES * 60_000 + PATIENCE_MS
    derived = place.close_up_to(first_ms, STEP_MS)
    costs = []
    for until_ms in range(first_ms + STEP_MS, last_ms - STEP_MS, STEP_MS):
        began_s = place.cpu_s()
        derived += place.close_up_to(until_ms, STEP_MS)
        costs.append((place.cpu_s() - began_s) / (SITES * STEP_MS / INTERVAL_MS) * 1e6)
    derived += place.close_up_to(last_ms - STEP_MS, STEP_MS)
    return costs, derived


def _catch_up_s(place: _Place) -> tuple[float, int]:
    """Close a day in which nobody was at work; return the seconds that it took, and the slots that were missed.

    As the recorder does: the account is closed to its end, a second at a time, then counted, then rolled up.
    """
    began_s = clock.monotonic_s()
    roll_up(
        Steps(place.conn), clock.utc_now()
    )  # a recorder that comes back does this at once, as far as the account goes
    width_ms, until_ms = STEP_MS, place.start_ms + int(OFF.total_seconds() * 1_000)
    closed_ms = place.closed_ms()
    while closed_ms < until_ms:
        step_began_s = clock.monotonic_s()
        closed_ms = min(until_ms, closed_ms + width_ms)
        close(place.conn, closed_ms)
        width_ms = width_ms * 2 if clock.monotonic_s() - step_began_s < 1.0 else max(STEP_MS, width_ms // 2)
    while count_away_hours(place.conn):
        pass
    roll_up(Steps(place.conn), clock.utc_now())
    return clock.monotonic_s() - began_s, place.missed()


def measure() -> Measured:
    """Record some minutes of 100,000 sites, find that nothing is missing, then a day in which everything is."""
    with recorders_database() as conn:
        place = _Place(conn)
        place.schedule()
        recorded_us = place.record() * 1e6
        costs, derived = _steps_us(place)
        assert derived == 0, f"{derived} rows were derived though each slot has its result"
        caught_up_s, missed = _catch_up_s(place)
    step_us = statistics.median(costs)
    return Measured(
        [
            Figure("a slot that has its row", step_us, "us of PostgreSQL's CPU", goal=4.0),
            Figure("a slot reconciled / a result recorded, PostgreSQL's CPU", step_us / recorded_us, "ratio"),
            Figure("a day off of 100,000 sites", caught_up_s, "s", goal=60.0),
        ],
        [f"{missed:,} slots were missed in that day"],
    )


BENCH: Final[Bench] = Bench(
    name="reconciling",
    question="What does it cost to find out what is missing?",
    method=(
        "PostgreSQL of the local stack with its defaults; 100,000 sites a minute, 5 minutes recorded in batches of "
        "5,000, then closed 8 s at a time, as the recorder does, once the BRIN index is summarized. CPU of the one "
        "server process, by the kernel. Then a "
        "day in which no beat led: ten minutes of rows, the rest counted."
    ),
    measure=measure,
)
