"""The account: every expected slot ends as a row. What nobody told of is derived here, where the rows are.

Up to the mark ``closed_ms`` each expected slot whose patience has ended has its row, or is counted in an away stretch.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.model.spans import HOUR_MS, Span, by_hour, united, whole_hours, without
from sitemon.model.stretches import FOR_EVER_MS
from sitemon.store import dark_stretches
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.names import WatchId, columns_of
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of
from sitemon.store.write import (
    ASKED_BETWEEN,
    AwayHours,
    Unsettled,
    begin_batch,
    count_away,
    lock_away,
    lock_states,
    merge,
    settle_states,
)

_sql: Final = load_queries("account.sql")

STRETCHES_SINCE: Final = _sql["stretches_since"]
"""The query of the stretches of some sites since a moment of each."""

_ENDING: Final = f"ending AS ({_sql['ending_stretches']})"

_COUNT_EVERY_MS: Final = 600_000
"""How often the hours of an away stretch that goes on are counted anew: each of its sites has a row an hour."""
_COUNTED_AT_ONCE_MS: Final = 6 * HOUR_MS
_WRITERS_S: Final = 10.0
"""A transaction that takes longer hangs, and would hold up the account for as long."""
_LOOK_S: Final = 0.05
_CORRECTED_AT_ONCE: Final = 10_000
"""A transaction corrects so many rows in about a second: who records the same sites waits for it."""
_WINDOW_MS: Final = 60_000
_MOST_WINDOWS: Final = 2
"""To read the rows of a window of so much takes as long as to look up a third of the slots of a step of 8 s."""


class Patiences(NamedTuple):
    """From the shortest to the longest, both included, in milliseconds."""

    shortest_ms: int
    longest_ms: int


class Account(NamedTuple):
    """Where the account stands: it begins at `from_ms`, is closed up to `closed_ms`, and counted up to `away_ms`.

    `now_ms` is PostgreSQL's clock.
    """

    from_ms: int
    closed_ms: int
    away_ms: int
    now_ms: int


def lead_reconciling(conn: Connection) -> bool:
    """Become the one session that closes the account, for as long as it lasts; return False while another is."""
    ((is_ours,),) = rows_of(conn, _sql["lead_reconciling"])
    return bool(is_ours)


def read_account(conn: Connection) -> Account:
    """Return where the account stands."""
    with translated(), conn, conn.cursor() as cursor:
        return account_of(cursor)


def account_of(cursor: Cursor) -> Account:
    """Return where the account stands, as the transaction sees it."""
    cursor.execute(_sql["account"])
    ((from_ms, closed_ms, away_ms, raw_from_ms, now_ms),) = cursor.fetchall()
    return Account(max(from_ms, raw_from_ms), closed_ms, away_ms, now_ms)


def read_publishers(conn: Connection, most: int) -> dict[str, int]:
    """Return up to when publishers that did not end in good order said that they have published; of so many at most."""
    return dict(rows_of(conn, _sql["publishers"], most=most))


def close(conn: Connection, closed_ms: int) -> int:
    """Close the account up to a moment in one transaction; return how many rows were derived.

    Raises:
        MissingPartitionError: a slot has no partition.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        account = account_of(cursor)
        if closed_ms <= account.closed_ms:
            return 0
        dark = dark_stretches.keep_new(cursor, closed_ms)
        closing = Span(account.closed_ms, closed_ms)
        missing, groups = _ways_to_look(cursor, closing)
        derived = 0
        for patiences in groups:
            from_ms = max(account.closed_ms - patiences.longest_ms + 1, account.from_ms)
            due = Span(from_ms, closed_ms - patiences.shortest_ms + 1)
            derived += _derive_in(cursor, missing, without(due, dark), closing, patiences)
        if derived:
            merge(cursor)
        cursor.execute(_sql["move_account"], {"closed_ms": closed_ms})
        return derived


def count_away_hours(conn: Connection) -> bool:
    """Count a part of what was missed in away stretches, once enough of it is closed; return whether more is left."""
    account = read_account(conn)
    if account.closed_ms - account.away_ms < _COUNT_EVERY_MS:
        return False
    _await_writers(conn)
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        counted_ms = min(account.closed_ms, account.away_ms + _COUNTED_AT_ONCE_MS)
        for shortest_ms, longest_ms in _patiences(cursor, Span(account.away_ms, counted_ms)):
            closed = Span(account.away_ms - longest_ms, counted_ms - shortest_ms)
            cursor.execute(_sql["is_away_between"], closed._asdict())
            if cursor.fetchall() == [(True,)]:
                _count_hours(cursor, closed, shortest_ms, longest_ms)
        cursor.execute(_sql["move_away"], {"away_ms": counted_ms})
        return counted_ms < account.closed_ms


def count_away_before(cursor: Cursor, from_ms: int) -> None:
    """Have what was missed in away stretches from a moment before the account on counted by `count_away_hours`."""
    cursor.execute(_sql["move_away_back"], {"from_ms": from_ms})


def _await_writers(conn: Connection) -> None:
    """Wait until the batches that are being written now are committed or undone.

    One that began before the account was closed leaves it to us to count its slots, and we would not see its rows.
    """
    before = _writers(conn)
    until_s = clock.monotonic_s() + _WRITERS_S
    while before & _writers(conn) and clock.monotonic_s() < until_s:
        clock.sleep(_LOOK_S)


def _writers(conn: Connection) -> set[str]:
    return {transaction for (transaction,) in rows_of(conn, _sql["writers"])}


def close_again(cursor: Cursor, changed_since: Mapping[WatchId, int], until_ms: int) -> None:
    """Mend what is closed of sites whose stretches changed since a moment, as far as they changed before `until_ms`."""
    account = account_of(cursor)
    since = {watch: max(since_ms, account.from_ms) for watch, since_ms in changed_since.items()}
    end_ms = min(until_ms, account.closed_ms + 1)
    reopened = {watch: since_ms for watch, since_ms in since.items() if since_ms < end_ms}
    if changed_since:
        dark_stretches.keep(cursor, dark_stretches.keep_new(cursor, account.closed_ms))  # in a region that is new too
    if reopened:
        _close_watches(cursor, account.closed_ms, reopened, end_ms)
        until_hour = (end_ms - 1) // HOUR_MS + 1
        hours = [AwayHours(*watch, since_ms // HOUR_MS, until_hour) for watch, since_ms in reopened.items()]
        count_away(cursor, hours)


def correct_reasons(conn: Connection, covered: Iterable[Span]) -> None:
    """Mend why slots were missed, in time, in order, of which only now is known that a beat was there.

    Each transaction looks at an hour, however many pieces of it are covered, and mends a part of its rows. In a dark
    stretch there are none.
    """
    with translated(), conn, conn.cursor() as cursor:
        account = account_of(cursor)
        dark = dark_stretches.kept_spans(cursor)
    within = (Span(max(one.from_ms, account.from_ms), min(one.until_ms, account.closed_ms + 1)) for one in covered)
    lit = (part for span in within for part in without(span, dark))
    for parts in by_hour(lit):
        while _correct_some(conn, parts):
            pass


def _correct_some(conn: Connection, parts: Sequence[Span]) -> bool:
    """Mend some of the reasons in parts of an hour; return whether there were any."""
    values = dark_stretches.span_columns(parts) | {
        "first_ms": parts[0].from_ms,
        "end_ms": parts[-1].until_ms,
        "rows": _CORRECTED_AT_ONCE,
    }
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        cursor.execute(_sql["correct_reasons"], values)
        ((is_any, *unsettled),) = cursor.fetchall()
        if is_any:
            _settle(cursor, unsettled)
        return bool(is_any)


def light(conn: Connection, width_ms: int) -> bool:
    """Make rows of a part of what was counted as dark, and is covered by reigns now; return whether more is left.

    Reigns that come late may cover hours of all sites: one transaction looks at those of so much time. What is left is
    still counted.
    """
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        account = account_of(cursor)
        kept, wanted = dark_stretches.kept_and_wanted(cursor, account.closed_ms)
        lit = [part for span in kept for part in without(span, wanted) if part.from_ms < account.closed_ms]
        if not lit:
            return False
        parts = _up_to(lit, lit[0].from_ms + width_ms, account.closed_ms)
        dark_stretches.keep(cursor, [left for span in kept for left in without(span, parts)])
        _close_parts(cursor, account, parts)
        return parts != lit


def _up_to(spans: Sequence[Span], until_ms: int, closed_ms: int) -> Sequence[Span]:
    """Return what of spans lies before a moment; all, if that is not closed: beyond it there is nothing to look at."""
    if until_ms > closed_ms:
        return spans
    return [Span(span.from_ms, min(span.until_ms, until_ms)) for span in spans if span.from_ms < until_ms]


def _close_watches(cursor: Cursor, closed_ms: int, since: Mapping[WatchId, int], until_ms: int) -> None:
    """Delete what is derived of these watches and should not be, and derive what should."""
    values = columns_of(since) | {
        "since_ms": [since[watch] for watch in sorted(since)],
        "until_ms": until_ms,
        "closed_ms": closed_ms,
    }
    asked = f"stretch AS MATERIALIZED ({STRETCHES_SINCE}), asked AS ({_sql['asked_of_watches']})"
    cursor.execute(f"WITH {asked} {_sql['wrong_derived']}", values)
    # Rows before states, as recorders lock them: else each would wait for the other.
    gone = _delete_derived(cursor, cursor.fetchall(), until_ms)
    if _derive(cursor, f"{asked}, missing AS MATERIALIZED ({_sql['missing_of_watches']})", values):
        merge(cursor)
    cursor.execute(_sql["forget_empty"], values)
    _settle(cursor, gone)


def _delete_derived(
    cursor: Cursor, wrong: Sequence[tuple[int, int, int]], until_ms: int
) -> Sequence[Sequence[int] | None]:
    """Delete derived rows before a moment, given by site, region and slot; return what is to be settled."""
    if not wrong:
        return [], []
    site_ids, region_ids, slots_ms = zip(*wrong, strict=True)
    cursor.execute(
        _sql["delete_derived"],
        {
            "site_ids": list(site_ids),
            "region_ids": list(region_ids),
            "slots_ms": list(slots_ms),
            "first_ms": min(slots_ms),
            "until_ms": until_ms,
        },
    )
    return cursor.fetchall()[0]


def _settle(cursor: Cursor, unsettled: Sequence[Sequence[int] | None]) -> None:
    """Settle states of sites whose derived rows were changed here: which sites, in which regions."""
    site_ids, region_ids = unsettled
    lock_states(cursor, {"site_ids": site_ids, "region_ids": region_ids})
    settle_states(cursor, Unsettled(site_ids, region_ids))


def _ways_to_look(cursor: Cursor, closing: Span) -> tuple[str, list[Patiences]]:
    """Return by which query missing slots are found whose patience ends in a time, and in which groups of patiences."""
    values = {**_ends_in(closing), "width_ms": _WINDOW_MS, "groups": _MOST_WINDOWS + 1}
    cursor.execute(f"WITH RECURSIVE {_ENDING}, {_sql['patience_groups']}", values)
    groups = [Patiences(*group) for group in cursor.fetchall()]
    if len(groups) <= _MOST_WINDOWS:
        return "missing_by_window", groups
    return "missing_by_slot", [Patiences(groups[0].shortest_ms, groups[-1].longest_ms)]


def _derive_in(cursor: Cursor, missing: str, lit: Iterable[Span], closed: Span, patiences: Patiences) -> int:
    """Derive what a query finds missing in parts of time, of slots whose patience ended in another.

    Returns how many there were; they are to be merged.
    """
    values = {**_ends_in(closed), **patiences._asdict()}
    found = f"{_ENDING}, due AS MATERIALIZED ({_sql['due_in_window']}), missing AS MATERIALIZED ({_sql[missing]})"
    return sum(_derive(cursor, found, {**values, **part._asdict()}) for part in lit)


def _ends_in(time: Span) -> dict[str, int]:
    """Return what says that a patience ends after the beginning of a time, and up to its end."""
    return {"after_ms": time.from_ms, "up_to_ms": time.until_ms}


def _close_parts(cursor: Cursor, account: Account, parts: Iterable[Span]) -> None:
    """Derive the rows of parts of time that no dark stretch holds any more, and count their hours anew."""
    lit = [Span(part.from_ms, min(part.until_ms, account.closed_ms)) for part in parts]
    if _derive_in(cursor, "missing_by_window", lit, Span(0, account.closed_ms), Patiences(0, FOR_EVER_MS)):
        merge(cursor)
    for hours in united(whole_hours(part) for part in lit):
        _count_hours(cursor, hours, 0, FOR_EVER_MS)


def _derive(cursor: Cursor, missing: str, values: Mapping[str, object]) -> int:
    """Put a derived row in ``incoming`` for each slot that is ``missing``; return how many there were."""
    cursor.execute(f"WITH {missing} {_sql['derive']}", values)
    return cursor.rowcount


def _count_hours(cursor: Cursor, span: Span, shortest_ms: int, longest_ms: int) -> None:
    """Count anew the hours of a time, of sites whose patience lies between these."""
    lock_away(cursor)
    values = {
        "from_hour": span.from_ms // HOUR_MS,
        "until_hour": span.until_ms // HOUR_MS + 1,
        "shortest_ms": shortest_ms,
        "longest_ms": longest_ms,
    }
    cursor.execute(_sql["forget_away_hours_between"], values)
    cursor.execute(f"{ASKED_BETWEEN}, {_sql['count_away_hours_between']}", values)


def _patiences(cursor: Cursor, closed: Span) -> list[Patiences]:
    """Return the patiences that end in a time for any slot, in groups of an hour from shortest to longest."""
    cursor.execute(f"WITH {_ENDING} {_sql['patiences']}", _ends_in(closed))
    groups: list[Patiences] = []
    for (patience_ms,) in cursor.fetchall():
        if groups and patience_ms - groups[-1].shortest_ms <= HOUR_MS:
            groups[-1] = groups[-1]._replace(longest_ms=patience_ms)
        else:
            groups.append(Patiences(patience_ms, patience_ms))
    return groups
