"""Writing what came from Kafka: one batch, one transaction, and the effect of each message once."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.model.result import Kind, Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.store.chains import note_chains
from sitemon.store.connect import Connection
from sitemon.store.copy_rows import rows_of
from sitemon.store.errors import translated
from sitemon.store.names import Names
from sitemon.store.notify import notify
from sitemon.store.positions import Read, move_positions
from sitemon.store.queries import load_queries

_sql: Final = load_queries("write.sql")

ASKED_BETWEEN: Final = _sql["asked_between"]

_MERGE: Final = "sitemon_merge_results"
_planned_at_s: Final = WeakKeyDictionary[Connection, float]()
"""When a session planned it last: that takes longer than to do it with 25 results. It outlives a transaction's end."""
_PLAN_EVERY_S: Final = 30.0
"""Tables grow, and until their statistics are made anew nothing else has it planned anew."""

_PIECE_BYTES: Final = 1 << 20
"""The server holds a piece in memory. psycopg2 waits for the interpreter before each, so that small ones take long."""


class Written(NamedTuple):
    """What a batch changed: new rows, and ``missed`` ones that another replaced; how many are of scheduled slots.

    `ahead` are of slots that lie ahead, by `ahead_s` at most.
    """

    inserted: int = 0
    replaced: int = 0
    scheduled: int = 0
    ahead: int = 0
    ahead_s: float = 0.0

    def plus(self, other: "Written") -> "Written":
        """Return what both changed."""
        return Written(
            self.inserted + other.inserted,
            self.replaced + other.replaced,
            self.scheduled + other.scheduled,
            self.ahead + other.ahead,
            max(self.ahead_s, other.ahead_s),
        )


class Unsettled(NamedTuple):
    """Watches whose states do not follow from their newest results alone.

    Of each of their results that changed and is not ``missed``, `seen_` columns have one entry.
    """

    site_ids: Sequence[int] | None
    region_ids: Sequence[int] | None
    seen_site_ids: Sequence[int] | None = None
    seen_region_ids: Sequence[int] | None = None
    seen_slots_at: Sequence[datetime] | None = None
    seen_outcomes: Sequence[str] | None = None


class AwayHours(NamedTuple):
    """Hours of a site in a region with ``from_hour ≤ hour < until_hour``, counted from the epoch."""

    site_id: int
    region_id: int
    from_hour: int
    until_hour: int


def prepare_session(conn: Connection) -> None:
    """Make what `write_batch` needs in a new connection.

    Raises:
        NotProvisionedError: our schema is not there.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["make_incoming"])


def write_batch(
    conn: Connection,
    names: Names,
    results: Sequence[Result],
    read: Mapping[TopicPartition, Read] | None = None,
    on_encoded: Callable[[], None] = lambda: None,
) -> Written:
    """Write a batch in one transaction, which is committed on return and undone by any error.

    Writing the same again changes nothing. A real result replaces a ``missed`` one of its key, and that one a derived
    one; of two of a rank the first stays. Each key may stand once in `results`. `read` says which messages these are,
    with those that hold no result. Any number of writers may be at it. `on_encoded` is called when the results are
    rows, and the work that is left is PostgreSQL's.

    Raises:
        GapError: the database lacks what lies before these messages.
        PoisonError: the batch holds a value that can never be written; without it, the rest can. BadRowError, which
            is one, says in which of the results.
        MissingPartitionError: a slot has no partition.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    names.begin()
    with translated(), conn, conn.cursor() as cursor:
        written = Written()
        move_positions(cursor, read or {})
        if results:
            begin_batch(cursor)
            numbers = names.resolve(cursor, results)
            rows = rows_of(results, numbers)
            on_encoded()
            cursor.copy_expert(_sql["copy_incoming"], io.BytesIO(rows), size=_PIECE_BYTES)
            written = merge(cursor)
            note_chains(cursor, results, numbers)
        scheduled = sum(result.kind is Kind.SCHEDULED for result in results)
        beside = sum(one.beside for one in (read or {}).values())
        tally = {"recorded": written.scheduled, "repeated": scheduled - written.scheduled + beside}
        cursor.execute(_sql["tally"], tally | {"recorder": names.recorder})
    names.keep()
    return written


def begin_batch(cursor: Cursor) -> None:
    """Let nobody move the watermarks until this transaction ends."""
    cursor.execute(_sql["lock_shared"])


def merge(cursor: Cursor) -> Written:
    """Take what is in ``incoming`` into results, states and rollups."""
    _plan_merge(cursor)
    cursor.execute(f"EXECUTE {_MERGE}")
    ((inserted, replaced, scheduled, ahead, ahead_s, is_marked, away_hours, *unsettled),) = cursor.fetchall()
    if is_marked:
        notify(cursor)
    settle_states(cursor, Unsettled(*unsettled))
    count_away(cursor, [AwayHours(site, region, hour, hour + 1) for site, region, hour in away_hours or ()])
    return Written(inserted, replaced, scheduled, ahead, ahead_s)


def _plan_merge(cursor: Cursor) -> None:
    now_s, session = clock.monotonic_s(), cursor.connection
    if now_s - _planned_at_s.get(session, -math.inf) < _PLAN_EVERY_S:
        return
    if session in _planned_at_s:
        cursor.execute(f"DEALLOCATE {_MERGE}")
        del _planned_at_s[session]
    cursor.execute(f"PREPARE {_MERGE} AS {_sql['merge_results']}")
    _planned_at_s[session] = now_s


def make_states(cursor: Cursor, places: Mapping[str, Sequence[int]]) -> None:
    """Make what states are lacking of sites in regions that have results, to be settled."""
    cursor.execute(_sql["make_states"], places)


def lock_states(cursor: Cursor, places: Mapping[str, Sequence[int] | None]) -> list[tuple[int, int]]:
    """Lock the states of sites in regions, to be settled; return of which there are any."""
    cursor.execute(_sql["lock_states"], places)
    return cursor.fetchall()


def settle_states(cursor: Cursor, unsettled: Unsettled) -> None:
    """Find the states of these sites in these regions anew.

    The transaction holds their locks since before this: else what others write of them meanwhile would not be seen.
    """
    if unsettled.site_ids:
        cursor.execute(_sql["settle_states"], unsettled._asdict())


def count_away(cursor: Cursor, hours: Sequence[AwayHours]) -> None:
    """Count anew what was missed without a row."""
    if hours:
        lock_away(cursor)
        names = ("site_ids", "region_ids", "from_hours", "until_hours")
        columns = dict(zip(names, map(list, zip(*hours, strict=True)), strict=True))
        span = {"from_hour": min(columns["from_hours"]), "until_hour": max(columns["until_hours"])}
        cursor.execute(_sql["forget_away_hours"], columns)
        cursor.execute(f"{ASKED_BETWEEN}, {_sql['count_away_hours']}", columns | span)


def lock_away(cursor: Cursor) -> None:
    """Let nobody else count what was missed without a row. It is the last lock, lest two wait for each other.

    But for those of chains: who holds one of these waits for no other.
    """
    cursor.execute(_sql["lock_away"])
