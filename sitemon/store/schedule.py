"""Writing the schedule's history, and who was at work: what is expected follows, and with it what is missing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.marks import Published, Reign
from sitemon.model.schedule import Away, Ended, Started, Told
from sitemon.model.stretches import Stretch, Turn, first_difference_ms, stretches_of
from sitemon.store import account
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.names import Names, WatchId, columns_of
from sitemon.store.positions import Partition, Read, move_positions
from sitemon.store.queries import load_queries
from sitemon.store.write import begin_batch, count_away

_sql: Final = load_queries("schedule.sql")

UNSAID_PATIENCE_MS: Final = 72_000
"""Beyond the interval, where a leader of an earlier version said no patience: its timeout may have been a minute."""

Said = Started | Ended | Told | Away | Reign | Published
"""What is written of topics ``sitemon.schedule`` and ``sitemon.marks``."""


def write_said(
    conn: Connection, names: Names, said: Sequence[Said], read: Mapping[Partition, Read] | None = None
) -> None:
    """Write a batch in one transaction, and close again what it changes before the account's mark.

    Neither the order in which events come nor their repetition matters. One process at a time may be at it.

    Raises:
        GapError: the database lacks what lies before these messages.
        PoisonError: the batch holds a value that can never be written.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    names.begin()
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        changed = _add_events(cursor, names, [one for one in said if isinstance(one, Started | Ended)])
        tellings = [one for one in said if isinstance(one, Told)]
        tokens = {one.token for one in said if isinstance(one, Started | Ended | Told)}
        changed |= _add_tellings(cursor, tellings, tokens)
        changed_since = _fold(cursor, changed)
        _add_aways(cursor, names, [one for one in said if isinstance(one, Away)])
        covered = _add_reigns(cursor, [one for one in said if isinstance(one, Reign)])
        _add_publishers(cursor, [one for one in said if isinstance(one, Published)])
        account.close_again(cursor, changed_since, covered)
        move_positions(cursor, read or {})
    names.keep()


def forget_history(conn: Connection) -> None:
    """Delete what no longer asks for a slot that is kept, and marks of before.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["forget_history"])


def _add_events(cursor: Cursor, names: Names, events: Sequence[Started | Ended]) -> set[WatchId]:
    """Add events; return the watches whose stretches they may change."""
    if not events:
        return set()
    sites = names.sites(cursor, {event.site for event in events})
    regions = names.regions(cursor, {event.region for event in events})
    # Each once in a statement.
    once = {(event.key, event.token, event.sequence, event.at_ms): event for event in events}.values()
    values: dict[str, list[int | None]] = {
        "site_ids": [sites[event.site] for event in once],
        "region_ids": [regions[event.region] for event in once],
        "tokens": [event.token for event in once],
        "sequences": [event.sequence for event in once],
        "at_ms": [event.at_ms for event in once],
        "from_ms": [event.from_slot_ms if isinstance(event, Started) else None for event in once],
        "interval_ms": [event.interval_ms if isinstance(event, Started) else None for event in once],
        "patience_ms": [_patience_ms(event) if isinstance(event, Started) else None for event in once],
    }
    cursor.execute(_sql["add_empty_targets"], values)
    cursor.execute(_sql["add_schedule_events"], values)
    return {(site_id, region_id) for site_id, region_id in cursor.fetchall()}


def _patience_ms(event: Started) -> int:
    return event.patience_ms or event.interval_ms + UNSAID_PATIENCE_MS


def _add_tellings(cursor: Cursor, tellings: Sequence[Told], tokens: set[int]) -> set[WatchId]:
    """Add closing marks; return the watches that a telling does not name, if all of it is there now."""
    if tellings:
        values = {
            "tokens": [told.token for told in tellings],
            "sequences": [told.sequence for told in tellings],
            "firsts": [told.first for told in tellings],
            "at_ms": [told.at_ms for told in tellings],
        }
        cursor.execute(_sql["add_tellings"], values)
    unnamed: set[WatchId] = set()
    if not tokens:
        return unnamed
    cursor.execute(_sql["complete_tellings"], {"tokens": sorted(tokens)})
    for token, sequence, first, at_ms in cursor.fetchall():
        telling = {"token": token, "sequence": sequence, "first": first, "at_ms": at_ms}
        cursor.execute(_sql["unnamed_watches"], telling)
        unnamed |= {(site_id, region_id) for site_id, region_id in cursor.fetchall()}
    return unnamed


def _fold(cursor: Cursor, watches: set[WatchId]) -> dict[WatchId, int]:
    """Make the stretches of these watches of their histories; return since when each of them differs."""
    if not watches:
        return {}
    columns = columns_of(watches)
    turns: dict[WatchId, list[Turn]] = defaultdict(list)
    cursor.execute(_sql["turns"], columns)
    for site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, patience_ms in cursor.fetchall():
        turns[site_id, region_id].append(Turn(token, sequence, at_ms, from_ms, interval_ms or 0, patience_ms or 0))
    before: dict[WatchId, list[Stretch]] = defaultdict(list)
    cursor.execute(_sql["stretches"], columns)
    for site_id, region_id, *stretch in cursor.fetchall():
        before[site_id, region_id].append(Stretch(*stretch))
    after = {watch: stretches_of(turns[watch]) for watch in watches}
    _move_watches(cursor, turns)
    changed_since = {
        watch: since_ms
        for watch, stretches in after.items()
        if (since_ms := first_difference_ms(before[watch], stretches)) is not None
    }
    _keep_stretches(cursor, {watch: after[watch] for watch in changed_since})
    return changed_since


def _keep_stretches(cursor: Cursor, stretches: Mapping[WatchId, Sequence[Stretch]]) -> None:
    if not stretches:
        return
    cursor.execute(_sql["forget_stretches"], columns_of(stretches))
    rows = [(*watch, *stretch) for watch in sorted(stretches) for stretch in stretches[watch]]
    if rows:
        names = ("site_ids", "region_ids", "from_ms", "until_ms", "interval_ms", "patience_ms")
        cursor.execute(_sql["add_stretches"], dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _move_watches(cursor: Cursor, turns: Mapping[WatchId, Sequence[Turn]]) -> None:
    rows = []
    for watch in sorted(turns):
        newest = max(turns[watch])
        rows.append((*watch, newest.token, newest.sequence, max(turn.at_ms for turn in turns[watch])))
    names = ("site_ids", "region_ids", "tokens", "sequences", "at_ms")
    cursor.execute(_sql["move_watches"], dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


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
    }
    cursor.execute(_sql["add_aways"], values)
    count_away(cursor, [site_id for (site_id,) in cursor.fetchall()])


def _add_reigns(cursor: Cursor, reigns: Sequence[Reign]) -> list[tuple[int, int]]:
    """Add reigns; return what they cover that was not covered before: from and until, both included."""
    if not reigns:
        return []
    once: dict[int, Reign] = {}
    for reign in reigns:
        kept = once.get(reign.token, reign)
        once[reign.token] = Reign(
            token=reign.token,
            from_ms=min(kept.from_ms, reign.from_ms),
            until_ms=max(kept.until_ms, reign.until_ms),
        )
    values = {
        "tokens": sorted(once),
        "from_ms": [once[token].from_ms for token in sorted(once)],
        "until_ms": [once[token].until_ms for token in sorted(once)],
    }
    cursor.execute(_sql["add_reigns"], values)
    return [(from_ms, until_ms) for from_ms, until_ms in cursor.fetchall()]


def _add_publishers(cursor: Cursor, marks: Sequence[Published]) -> None:
    if not marks:
        return
    once: dict[str, Published] = {}
    for mark in marks:
        kept = once.get(mark.publisher, mark)
        once[mark.publisher] = Published(
            publisher=mark.publisher,
            up_to_ms=max(kept.up_to_ms, mark.up_to_ms),
            made=max(kept.made, mark.made),
            is_last=kept.is_last or mark.is_last,
        )
    values = {
        "names": sorted(once),
        "up_to_ms": [once[name].up_to_ms for name in sorted(once)],
        "made": [once[name].made for name in sorted(once)],
        "are_last": [once[name].is_last for name in sorted(once)],
    }
    cursor.execute(_sql["add_publishers"], values)
