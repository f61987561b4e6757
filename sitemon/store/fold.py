"""Making stretches of the schedule's history, and with them the rows that are derived: site by site, in slices.

Events wait in ``changed_watch`` until the stretches of their site follow from them. Stretches and rows of a site change
in one transaction, so that they agree at any time. Of very many sites that change days back, each transaction takes a
slice of time, the newest first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.stretches import (
    FOR_EVER_MS,
    Stretch,
    bounded,
    changed_from,
    first_difference_ms,
    joined,
    order_of,
    slots_between,
)
from sitemon.store.account import STRETCHES_SINCE, Account, account_of, close_again
from sitemon.store.connect import Connection
from sitemon.store.edits import Edits
from sitemon.store.errors import CanceledError, not_of_values, translated
from sitemon.store.names import WatchId, columns_of
from sitemon.store.queries import load_queries
from sitemon.store.write import begin_batch

_sql: Final = load_queries("fold.sql")

_WATCHES_AT_ONCE: Final = 1_000
_FEWER: Final = 10
"""A statement has a minute: where a thousand sites are too many for it, one is tried after three minutes."""

_SLOTS_AT_ONCE: Final = 50_000
"""A transaction deletes and derives so many rows in 1 to 3 s."""

MOST_CLOSED_SLOTS: Final = 86_400
"""So many slots that are closed an event may change: a day of one a second. What it says of earlier ones is lost."""

MOST_CHANGES: Final = 10 * MOST_CLOSED_SLOTS
"""So many slots that are closed all events of a site may change at once, and from then on one more a second."""

_DAY_MS: Final = 86_400_000


class _AtOnce(NamedTuple):
    """How much a transaction is about: of so many sites so many slots."""

    watches: int
    slots: int

    def less(self) -> "_AtOnce | None":
        """Return fewer sites, or of one a shorter slice; None when that is as short as it can be."""
        if self.watches > 1:
            return self._replace(watches=max(1, self.watches // _FEWER))
        return self._replace(slots=self.slots // _FEWER) if self.slots >= _FEWER else None


def fold(conn: Connection) -> None:
    """Make the stretches of all changed sites, and close these again; less at once where a statement takes too long.

    Raises:
        MissingPartitionError: a slot has no partition.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; what is done stays done.

    """
    until_ms: int | None = FOR_EVER_MS
    changed: Counter[WatchId] = Counter()
    edits = Edits()
    at_once = _AtOnce(_WATCHES_AT_ONCE, _SLOTS_AT_ONCE)
    while until_ms is not None:
        try:
            with not_of_values(), translated(), conn, conn.cursor() as cursor:
                until_ms = _fold_part(cursor, at_once, until_ms, changed, edits)
        except CanceledError:
            less = at_once.less()
            if less is None:
                raise
            at_once = less


def _fold_part(cursor: Cursor, at_once: _AtOnce, until_ms: int, changed: Counter[WatchId], edits: Edits) -> int | None:
    """Mend the next sites before `until_ms`, as much as one transaction should do; return before when they are left so.

    None: no site has changed. `changed` counts the closed slots of each site that is not mended in full yet, and
    `edits` are what was said of these sites.
    """
    cursor.execute(_sql["changed_watches"], {"watches": at_once.watches})
    watches = cursor.fetchall()
    if not watches:
        return None
    begin_batch(cursor)
    edits.read(cursor, watches)
    columns = columns_of(watches)
    account = account_of(cursor)
    changes = _changes(cursor, columns, edits, account)
    end_ms = min(until_ms, account.closed_ms + 1)
    from_ms = end_ms - _width_ms(changes.values(), at_once.slots)
    is_whole = from_ms <= account.from_ms or all(from_ms <= change.since_ms for change in changes.values())
    _keep_stretches(
        cursor,
        {watch: change.rows for watch, change in changes.items()},
        {
            watch: change.after if is_whole else changed_from(from_ms, change.before, change.after)
            for watch, change in changes.items()
        },
    )
    since = {watch: max(change.since_ms, from_ms) for watch, change in changes.items()}
    close_again(cursor, since, until_ms)
    slots: Counter[WatchId] = Counter()
    for watch, change in changes.items():
        from_kept_ms = max(since[watch], account.from_ms)
        slots[watch] = slots_between([*change.before, *change.after], from_kept_ms, end_ms)
    if not is_whole:
        changed.update(slots)
        return from_ms
    _move_watches(cursor, edits, account.closed_ms, changed + slots)
    cursor.execute(_sql["forget_changed"], columns)
    for watch in watches:
        del changed[watch]
    return FOR_EVER_MS


class _Change(NamedTuple):
    """The stretches of a site as they are and as they should be, which is the same before `since_ms`.

    Both only from the first one on that its edits may change. The `rows` are those before, as they are kept.
    """

    rows: Sequence[Stretch]
    before: Sequence[Stretch]
    after: Sequence[Stretch]
    since_ms: int


def _changes(cursor: Cursor, columns: Mapping[str, object], edits: Edits, account: Account) -> dict[WatchId, _Change]:
    cursor.execute(_sql["changes_left"], {**columns, "closed_ms": account.closed_ms, "most": MOST_CHANGES})
    left = {(site_id, region_id): changes for site_id, region_id, changes in cursor.fetchall()}
    rows: dict[WatchId, list[Stretch]] = defaultdict(list)
    since = {watch: edits.since_ms(watch) for watch in sorted(edits.of_watches)}
    cursor.execute(STRETCHES_SINCE, {**columns_of(since), "since_ms": list(since.values())})
    for site_id, region_id, *stretch in cursor.fetchall():
        rows[site_id, region_id].append(Stretch(*stretch))
    changes = {}
    for watch in edits.of_watches:
        before = joined(rows[watch])
        wanted = edits.wanted(watch, before)
        most = min(MOST_CLOSED_SLOTS, left.get(watch, MOST_CHANGES))
        after = bounded(_floor_ms(account, most, [*before, *wanted]), before, wanted)
        since_ms = first_difference_ms(before, after)
        # Earlier versions kept the same slots in other stretches.
        if set(after) != set(rows[watch]):
            changes[watch] = _Change(rows[watch], before, after, FOR_EVER_MS if since_ms is None else since_ms)
    return changes


def _floor_ms(account: Account, most: int, stretches: Iterable[Stretch]) -> int:
    """Return before which moment events change nothing, if they may change so many closed slots.

    Whoever writes one could have years derived by the second.
    """
    shortest_ms = min((one.interval_ms for one in stretches), default=0)
    floor_ms = account.closed_ms - most * shortest_ms
    return max(floor_ms, account.from_ms - _DAY_MS) if account.from_ms <= account.closed_ms else floor_ms


def _width_ms(changes: Iterable[_Change], slots: int) -> int:
    """Return in how much time sites have so many slots."""
    slots_a_ms = sum(1 / min(one.interval_ms for one in (*change.before, *change.after)) for change in changes)
    return int(slots / slots_a_ms) if slots_a_ms else FOR_EVER_MS


def _keep_stretches(
    cursor: Cursor, rows: Mapping[WatchId, Sequence[Stretch]], wanted: Mapping[WatchId, Sequence[Stretch]]
) -> None:
    """Make the rows of these sites those of the wanted stretches; those that stay are not written again."""
    gone = [(*watch, one.from_ms) for watch in sorted(rows) for one in set(rows[watch]).difference(wanted[watch])]
    new = [(*watch, *one) for watch in sorted(rows) for one in set(wanted[watch]).difference(rows[watch])]
    names = ("site_ids", "region_ids", "from_ms", "until_ms", "interval_ms", "patience_ms")
    cursor.execute(_sql["forget_stretches"], dict(zip(names[:3], _columns(gone, 3), strict=True)))
    cursor.execute(_sql["add_stretches"], dict(zip(names, _columns(new, len(names)), strict=True)))


def _move_watches(cursor: Cursor, edits: Edits, closed_ms: int, changed: Counter[WatchId]) -> None:
    rows = []
    for watch, own in sorted(edits.of_watches.items()):
        newest = max(own, key=order_of)
        rows.append((*watch, newest.token, newest.sequence, edits.latest_ms(watch), changed[watch]))
    names = ("site_ids", "region_ids", "tokens", "sequences", "at_ms", "changed")
    columns = dict(zip(names, _columns(rows, len(names)), strict=True))
    cursor.execute(_sql["move_watches"], {**columns, "closed_ms": closed_ms})


def _columns(rows: Sequence[Sequence[int]], width: int) -> list[list[int]]:
    return [[row[place] for row in rows] for place in range(width)]
