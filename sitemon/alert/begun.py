"""Where the folds of sites begin of which rows changed, and the rows that are folded."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.alert.rules import SiteRules, of_regions, ours
from sitemon.incident.connectivity import Outages, is_cut, without_outages
from sitemon.incident.machine import Incident, slot_of
from sitemon.incident.memory import Memory, Refolded, Rest, before_rows, folded_on, just_before, refold
from sitemon.incident.policy import Policies
from sitemon.incident.rows import Row
from sitemon.incident.window import determined
from sitemon.store.incident import Taken

_WINDOWS: Final = (timedelta(minutes=15), timedelta(hours=6), timedelta(days=3))
"""How far rows are looked at for where a fold may begin, before all of them are."""

_FEW_ROWS: Final = 1_000
"""A site of which more are to be read is decided apart: those of all sites that are decided at once take 80 MB."""

_ROWS_APART: Final = 10_000
"""Of a site that is decided apart so many are read at a time: a second at most."""


class Begun(NamedTuple):
    """Where a fold begins, and its rows. If others were folded before them, those since `since` `closed` incidents."""

    memory: Memory
    rows: Sequence[Row]
    closed: tuple[Incident, ...] = ()
    since: datetime | None = None

    @property
    def newest_at(self) -> datetime:
        """The slot up to which it folds."""
        return self.rows[-1].slot_at if self.rows else self.memory.until

    def refolded(self, policies: Policies, folded_again: timedelta) -> Refolded:
        """Fold the rows."""
        rows = [row for row in self.rows if row.slot_at > self.memory.until]
        found = refold(policies, self.memory, rows, folded_again)
        return found._replace(incidents=self.closed + found.incidents, since=self.since or found.since)


def begin(
    taken: Taken, rules: Mapping[int, SiteRules], policies: Mapping[int, Policies], *, is_apart: bool
) -> tuple[dict[int, Begun], list[int]]:
    """Return where folds begin, and their rows, and the sites with many of these, which are to be decided apart.

    Of one that is, some are folded at a time: in further turns, as long as there are such of before what changed.
    """
    most = _ROWS_APART if is_apart else _FEW_ROWS
    known = _known(taken, rules)
    waiting = {n: moment for n, moment in taken.changed_from.items() if n not in known}
    found, crowded = _looked_back(taken, rules, policies, waiting, most)
    left: set[int] = set() if is_apart else crowded
    memories = known | _oldest(taken, rules, {n: waiting[n] for n in waiting.keys() - found.keys() - left})
    read, full_at = _rows(taken, rules, {n: memory.until for n, memory in memories.items()}, most)
    for site_id, memory in memories.items():
        first, until_at = memory, taken.changed_from[site_id] - rules[site_id].folded_again
        if is_apart or site_id in waiting:
            first = memory.moved_on(policies[site_id], read[site_id], min(until_at, full_at.get(site_id, until_at)))
        if site_id not in full_at:
            found[site_id] = Begun(first, read[site_id])
        elif not is_apart:
            left.add(site_id)
        elif first is not memory:
            taken.remember({site_id: first})
            left.add(site_id)
        else:
            read[site_id].clear()
            found[site_id] = _folded_on(taken, rules[site_id], policies[site_id], site_id, memory)
    in_turn = [site_id for site_id in taken.names if site_id in left]
    if in_turn:
        taken.put_off(in_turn)
    return {site_id: found[site_id] for site_id in taken.changed_from}, in_turn


def _known(taken: Taken, rules: Mapping[int, SiteRules]) -> dict[int, Memory]:
    """Return what was kept of sites whose rows changed after it."""
    return {
        site_id: of_regions(memory, rules[site_id])
        for site_id, changed_from in taken.changed_from.items()
        if (memory := _kept(taken, site_id, changed_from, rules[site_id].folded_again)) and memory.until < changed_from
    }


def _looked_back(
    taken: Taken,
    rules: Mapping[int, SiteRules],
    policies: Mapping[int, Policies],
    waiting: Mapping[int, datetime],
    most: int,
) -> tuple[dict[int, Begun], set[int]]:
    """Return where the folds of sites begin of which nothing was kept of before these moments, and their rows.

    And those sites that have more than so many rows since where it might be.
    """
    found: dict[int, Begun] = {}
    crowded: set[int] = set()
    for window in _WINDOWS:
        others = waiting.keys() - found.keys() - crowded
        read, full_at = _rows(taken, rules, {site_id: waiting[site_id] - window for site_id in others}, most)
        crowded |= full_at.keys()
        for site_id in others - crowded:
            regions = ours(taken.regions[site_id], rules[site_id])
            state = determined(policies[site_id], read[site_id], regions, waiting[site_id])
            if state is not None:
                found[site_id] = Begun(just_before(waiting[site_id], state), read[site_id])
    return found, crowded


def _oldest(taken: Taken, rules: Mapping[int, SiteRules], waiting: Mapping[int, datetime]) -> dict[int, Memory]:
    """Return what is known of before the oldest rows of these sites: which incidents lasted."""
    if not waiting:
        return {}
    first_at = {**waiting} | taken.first_slots(waiting)
    known = taken.incidents({site_id: just_before(moment).until for site_id, moment in first_at.items()})
    return {
        site_id: of_regions(before_rows(moment, [one for _, one in known[site_id]]), rules[site_id])
        for site_id, moment in first_at.items()
    }


def _folded_on(taken: Taken, rules: SiteRules, policies: Policies, site_id: int, memory: Memory) -> Begun:
    """Return where the last rows of a site begin, after all others since a moment, which are not kept."""
    most = _ROWS_APART // 2
    regions = ours(taken.regions[site_id], rules)
    read = (row for row in taken.stream(site_id, memory.until, regions, most) if row.slot_at > memory.until)
    outages = Outages(taken.connectivity.outages(dict.fromkeys(regions, memory.until)))
    last, closed, rows = folded_on(policies, memory, without_outages(read, outages), most)
    return Begun(last, rows, closed, memory.until)


def _rows(
    taken: Taken,
    rules: Mapping[int, SiteRules],
    from_at: Mapping[int, datetime],
    most: int,
) -> tuple[dict[int, list[Row]], dict[int, datetime]]:
    if not from_at:
        return {}, {}
    regions = {site_id: ours(taken.regions[site_id], rules[site_id]) for site_id in from_at}
    found, full_at = taken.rows(from_at, regions, most)
    cut = sorted((row for rows in found.values() for row in rows if is_cut(row)), key=slot_of, reverse=True)
    outages = Outages(taken.connectivity.outages({row.region: row.slot_at for row in cut}))
    return {site_id: [*without_outages(rows, outages)] for site_id, rows in found.items()}, full_at


def _kept(taken: Taken, site_id: int, changed_from: datetime, folded_again: timedelta) -> Memory | None:
    kept = taken.kept.get(site_id)
    if isinstance(kept, Rest):
        return kept.before(changed_from - folded_again, taken.up_since[site_id])
    return kept
