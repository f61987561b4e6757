"""Writing what came from Kafka: one batch, one transaction, and the effect of each message once."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.result import Result
from sitemon.model.schedule import Away, Ended, Started
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.names import Names
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("write.sql")

_PIECE_BYTES: Final = 1 << 20
"""The server holds a piece in memory. psycopg2 waits for the interpreter before each, so that small ones take long."""

Change = Started | Ended | Away
"""The schedule's events that the ledger is computed from."""


class Written(NamedTuple):
    """What a batch changed: new rows, and ``missed`` ones that a real result replaced."""

    inserted: int = 0
    replaced: int = 0


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
    changes: Sequence[Change] = (),
    on_encoded: Callable[[], None] = lambda: None,
) -> Written:
    """Write a batch in one transaction, which is committed on return and undone by any error.

    Writing the same again changes nothing; a real result replaces a ``missed`` one of its key; of two real ones
    the first stays. Each key may stand once in `results`. Any number of writers may be at it. `on_encoded` is called
    when the results are rows, and the work that is left is PostgreSQL's.

    Raises:
        PoisonError: the batch holds a value that can never be written; without it, the rest can. BadRowError, which
            is one, says in which of the results.
        MissingPartitionError: a slot has no partition.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    names.begin()
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["lock_alone" if changes else "lock_shared"])
        touched = set(_write_changes(cursor, names, changes))
        written, away_sites = _write_results(cursor, names, results, on_encoded)
        _count_away(cursor, touched | set(away_sites))
    names.keep()
    return written


def _write_results(
    cursor: Cursor, names: Names, results: Sequence[Result], on_encoded: Callable[[], None]
) -> tuple[Written, Sequence[int]]:
    if not results:
        return Written(), ()
    rows = rows_of(results, names.resolve(cursor, results))
    on_encoded()
    cursor.copy_expert(_sql["copy_incoming"], io.BytesIO(rows), size=_PIECE_BYTES)
    cursor.execute(_sql["merge_results"])
    ((inserted, replaced, site_ids, region_ids, first_slots_at, away_site_ids),) = cursor.fetchall()
    if site_ids:
        unsettled = {"site_ids": site_ids, "region_ids": region_ids, "first_slots_at": first_slots_at}
        cursor.execute(_sql["settle_states"], unsettled)
    return Written(inserted, replaced), away_site_ids or ()


def _write_changes(cursor: Cursor, names: Names, changes: Sequence[Change]) -> Iterable[int]:
    """Write the schedule's events; return the sites whose away hours they may change."""
    if not changes:
        return
    regions = names.regions(cursor, {change.region for change in changes})
    # One row a key in a statement; the last one is the newest.
    events = {(event.key, event.at_ms): event for event in changes if not isinstance(event, Away)}
    aways = {away.key: away for away in changes if isinstance(away, Away)}
    if events:
        yield from _write_events(cursor, names, regions, list(events.values()))
    if aways:
        yield from _write_aways(cursor, regions, list(aways.values()))


def _write_events(
    cursor: Cursor, names: Names, regions: dict[str, int], events: Sequence[Started | Ended]
) -> Iterable[int]:
    sites = names.sites(cursor, {event.site for event in events})
    values = {
        "site_ids": [sites[event.site] for event in events],
        "region_ids": [regions[event.region] for event in events],
        "at_ms": [event.at_ms for event in events],
        "from_ms": [event.from_slot_ms if isinstance(event, Started) else None for event in events],
        "interval_ms": [event.interval_ms if isinstance(event, Started) else None for event in events],
    }
    cursor.execute(_sql["add_schedule_events"], values)
    return [site_id for (site_id,) in cursor.fetchall()]


def _write_aways(cursor: Cursor, regions: dict[str, int], aways: Sequence[Away]) -> Iterable[int]:
    values = {
        "region_ids": [regions[away.region] for away in aways],
        "from_ms": [away.from_ms for away in aways],
        "until_ms": [away.until_ms for away in aways],
    }
    cursor.execute(_sql["add_aways"], values)
    return [site_id for (site_id,) in cursor.fetchall()]


def _count_away(cursor: Cursor, site_ids: set[int]) -> None:
    if site_ids:
        cursor.execute(_sql["forget_away_hours"], {"site_ids": sorted(site_ids)})
        cursor.execute(_sql["count_away_hours"], {"site_ids": sorted(site_ids)})
