"""Writing the schedule's history, and who was at work: what is expected follows, and with it what is missing."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.marks import Published, Reign
from sitemon.model.schedule import Away, Ended, Started, Told
from sitemon.model.spans import Span
from sitemon.model.topic_partition import TopicPartition
from sitemon.store.account import account_of, correct_reasons, count_away_before
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError, not_of_values, translated
from sitemon.store.fold import fold
from sitemon.store.names import Names, WatchId, columns_of
from sitemon.store.positions import Read, move_positions
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of
from sitemon.store.write import begin_batch

log = logging.getLogger(__name__)

_sql: Final = load_queries("schedule.sql")

UNSAID_PATIENCE_MS: Final = 72_000
"""Beyond the interval, where a leader of an earlier version said no patience: its timeout may have been a minute."""

_LATEST_MS: Final = 86_400_000
"""How late an event may come behind a newer one of its site, out of the spool of a beat that is no more."""

_FEW_SLOTS: Final = 10
"""An edit that reaches back for more is folded with all before it, since slots that stand alone are bounded for all."""

_MOST_AWAYS: Final = 1_000
"""So many stretches of earlier versions' leaders are kept: each is compared with all sites of its region."""

_MOST_TELLINGS: Final = 10_000
"""So many complete ones are kept, of which a leader makes one every 6 hours: each fold reads all of them."""

_MOST_WAITING: Final = 1_000
"""So many that wait for events are kept, the newest: with each event all of its token are looked at. A leader has one
at a time, and that only while its events come out of its spool."""
_FORGOTTEN_AT_ONCE: Final = 50_000

_MOST_REIGNS: Final = 10_000
"""So many that do not meet are kept: each step of the account reads all of them, which takes it some 20 ms."""

_DEAD_KEPT: Final = 10_000
_DEAD_AT_ONCE: Final = 20_000
"""Nothing is closed while so many publishers are forgotten, which takes about a second."""

Notice = Started | Ended | Told | Away | Reign | Published
"""What is written of topics ``sitemon.schedule`` and ``sitemon.marks``."""


def write_notices(
    conn: Connection, names: Names, notices: Sequence[Notice], read: Mapping[TopicPartition, Read] | None = None
) -> None:
    """Write a batch in one transaction, and mend before and after it what it changes before the account's mark.

    Where a statement takes too long, halves are written, one after the other.
    Neither the order in which events come nor their repetition matters, but for an event that comes more than a day
    later than a newer one of its site: it counts as lost. One process at a time may be at it.

    Raises:
        GapError: the database lacks what lies before these messages.
        PoisonError: the batch holds a value that can never be written.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; `sitemon.store.fold.fold` goes on.

    """
    _write_in_parts(conn, names, notices, read or {})
    fold(conn)


def _write_in_parts(
    conn: Connection, names: Names, notices: Sequence[Notice], read: Mapping[TopicPartition, Read]
) -> None:
    try:
        _write(conn, names, notices, read)
    except CanceledError:
        middle = len(notices) // 2
        if not middle:
            raise
        _write_in_parts(conn, names, notices[:middle], {})
        _write_in_parts(conn, names, notices[middle:], read)


def _write(conn: Connection, names: Names, notices: Sequence[Notice], read: Mapping[TopicPartition, Read]) -> None:
    names.begin()
    reigns = [one for one in notices if isinstance(one, Reign)]
    if reigns:
        # Before they are written: what is not mended when this ends is known by them when they are read again.
        covered = _newly_covered(conn, reigns)
        with not_of_values():
            correct_reasons(conn, covered)
    tokens = {one.token for one in notices if isinstance(one, Started | Ended | Told)}
    if tokens:
        _forget_waiting(conn)
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        changed = _add_events(cursor, names, [one for one in notices if isinstance(one, Started | Ended)])
        tellings = [one for one in notices if isinstance(one, Told)]
        changed |= dict.fromkeys(_add_tellings(cursor, tellings, tokens), False)
        if changed:
            are_later = [changed[watch] for watch in sorted(changed)]
            cursor.execute(_sql["note_changed"], {**columns_of(changed), "are_later": are_later})
        _add_aways(cursor, names, [one for one in notices if isinstance(one, Away)])
        _add_reigns(cursor, reigns)
        _add_publishers(cursor, [one for one in notices if isinstance(one, Published)])
        move_positions(cursor, read)
    names.keep()


def forget_history(conn: Connection, sites: int, after_site: int = 0) -> int:
    """Delete what nothing can change or ask for any more of so many sites; return the number of the last one.

    After the last of all it also deletes old marks, and returns 0. Whatever else was on Kafka a day before the
    account's mark is read.

    Raises:
        CanceledError: it took too long; of fewer sites it may not.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["last_of_next_sites"], {"after": after_site, "sites": sites})
        ((last_site,),) = cursor.fetchall()
        if last_site is None:
            cursor.execute(_sql["forget_marks"])
            return 0
        known_ms = account_of(cursor).closed_ms - _LATEST_MS
        cursor.execute(_sql["forget_history"], {"after": after_site, "last": last_site, "known_ms": known_ms})
        return int(last_site)


def forget_publishers(conn: Connection, living: Sequence[str]) -> bool:
    """Delete a part of the publishers beside these, but for the newest; what they made is kept; return whether any."""
    found = rows_of(conn, _sql["forget_publishers"], living=living, kept=_DEAD_KEPT, at_once=_DEAD_AT_ONCE)
    return found != [(0,)]


def _add_events(cursor: Cursor, names: Names, events: Sequence[Started | Ended]) -> dict[WatchId, bool]:
    """Add events; return the watches whose stretches they may change, and whether they only go on with these."""
    if not events:
        return {}
    sites = names.sites(cursor, {event.site for event in events})
    regions = names.regions(cursor, {event.region for event in events})
    # Each once in a statement.
    once = {(event.key, event.token, event.sequence, event.at_ms): event for event in events}.values()
    values: dict[str, Sequence[object]] = {
        "site_ids": [sites[event.site] for event in once],
        "region_ids": [regions[event.region] for event in once],
        "tokens": [event.token for event in once],
        "sequences": [event.sequence for event in once],
        "at_ms": [event.at_ms for event in once],
        "from_ms": [event.from_slot_ms if isinstance(event, Started) else None for event in once],
        "interval_ms": [event.interval_ms if isinstance(event, Started) else None for event in once],
        "patience_ms": [_patience_ms(event) if isinstance(event, Started) else None for event in once],
        "labels": [_labels(event) if isinstance(event, Started) else None for event in once],
    }
    cursor.execute(_sql["add_empty_targets"], values)
    cursor.execute(_sql["add_schedule_events"], {**values, "few": _FEW_SLOTS})
    return {(site_id, region_id): is_later for site_id, region_id, is_later in cursor.fetchall()}


def _patience_ms(event: Started) -> int:
    return event.patience_ms or event.interval_ms + UNSAID_PATIENCE_MS


def _labels(event: Started) -> str | None:
    return json.dumps(event.labels) if event.labels else None


def _forget_waiting(conn: Connection) -> None:
    """Let few tellings wait for events, however many came before; in transactions that keep nobody from recording."""
    forgotten, some = 0, _FORGOTTEN_AT_ONCE
    while some == _FORGOTTEN_AT_ONCE:
        ((some,),) = rows_of(conn, _sql["forget_waiting"], most=_MOST_WAITING, at_once=_FORGOTTEN_AT_ONCE)
        forgotten += some
    if forgotten:
        log.warning("reconciler.tellings_forgotten: %d, beside the %d that wait for events", forgotten, _MOST_WAITING)


def _add_tellings(cursor: Cursor, tellings: Sequence[Told], tokens: set[int]) -> set[WatchId]:
    """Add closing marks; return the watches that some telling does not name of which all is there now."""
    if tellings:
        values = {
            "tokens": [told.token for told in tellings],
            "sequences": [told.sequence for told in tellings],
            "firsts": [told.first for told in tellings],
            "at_ms": [told.at_ms for told in tellings],
        }
        cursor.execute(_sql["add_tellings"], values)
    if not tokens:
        return set()
    cursor.execute(_sql["complete_tellings"], {"tokens": sorted(tokens)})
    complete = cursor.fetchall()
    if not complete:
        return set()
    columns = {"tokens": [token for token, _ in complete], "sequences": [sequence for _, sequence in complete]}
    cursor.execute(_sql["unnamed_watches"], columns)
    unnamed = {(site_id, region_id) for site_id, region_id in cursor.fetchall()}
    cursor.execute(_sql["forget_tellings"], {"most": _MOST_TELLINGS})
    if cursor.rowcount:
        log.warning("reconciler.tellings_forgotten: %d, beside the %d that are kept", cursor.rowcount, _MOST_TELLINGS)
    return unnamed


def _add_aways(cursor: Cursor, names: Names, aways: Sequence[Away]) -> None:
    if not aways:
        return
    regions = names.regions(cursor, {away.region for away in aways})
    # One row a key in a statement; the last one is the newest.
    once = {away.key: away for away in aways}.values()
    values = {
        "region_ids": [regions[away.region] for away in once],
        "from_ms": [away.from_ms for away in once],
        "until_ms": [away.until_ms for away in once],
        "most": _MOST_AWAYS,
    }
    cursor.execute(_sql["add_aways"], values)
    ((from_ms, passed_over),) = cursor.fetchall()
    if from_ms is not None:
        count_away_before(cursor, from_ms)
    if passed_over:
        log.warning("reconciler.aways_passed_over: %d, beside the %d that are kept", passed_over, _MOST_AWAYS)


def _newly_covered(conn: Connection, reigns: Sequence[Reign]) -> Sequence[Span]:
    """Return what reigns cover, once they are added, that is not covered now."""
    return [Span(*row) for row in rows_of(conn, _sql["newly_covered"], **_columns(reigns))]


def _add_reigns(cursor: Cursor, reigns: Sequence[Reign]) -> None:
    if reigns:
        cursor.execute(_sql["add_reigns"], {**_columns(reigns), "most": _MOST_REIGNS})


def _columns(reigns: Sequence[Reign]) -> Mapping[str, Sequence[int]]:
    return {
        "tokens": [reign.token for reign in reigns],
        "from_ms": [reign.from_ms for reign in reigns],
        "until_ms": [reign.until_ms for reign in reigns],
    }


def _add_publishers(cursor: Cursor, marks: Sequence[Published]) -> None:
    if not marks:
        return
    values = {
        "names": [mark.publisher for mark in marks],
        "up_to_ms": [mark.up_to_ms for mark in marks],
        "made": [mark.made for mark in marks],
        "are_last": [mark.is_last for mark in marks],
    }
    cursor.execute(_sql["add_publishers"], values)
