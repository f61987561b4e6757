"""What is to decide and what was decided, in the database. All that follows from a decision is one transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.incident.change import Change, What
from sitemon.incident.confirming import Wanted
from sitemon.incident.machine import Incident
from sitemon.incident.maintenance import Window, maintained
from sitemon.incident.memory import Memory, Rest
from sitemon.incident.policy import Edited, Policy
from sitemon.incident.rows import Cause, Row, in_order, merged
from sitemon.model.outcome import Outcome
from sitemon.store.connect import Connection
from sitemon.store.deciding import Deciding, as_json
from sitemon.store.errors import translated
from sitemon.store.gone import let_go, say_why, scheduled
from sitemon.store.notify import notify
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of
from sitemon.store.states import Decided, note_states

_sql: Final = load_queries("incident.sql")
_status_sql: Final = load_queries("status.sql")

_FEWEST_ROWS: Final = 10
"""Of a region at least so many are read at once: those of several slots."""

_ADDED_AT_ONCE: Final = 1_000
"""In a statement of more, the words of sites take an alerter's memory."""

_MOST_POLICIES: Final = 50
"""Of a site, the newest: all are read with each decision, and whoever may edit it could edit them every second."""

_MOST_OTHERS: Final = 2_000
"""So many sites that are in no schedule are looked at: whoever may write results could invent any number of them."""

MOST_CONFIRMING: Final = 100
"""Of a site in a minute; one that fails more often is left to the scheduled checks."""


class Taken(Deciding):
    """Sites that are ours until the transaction ends: their rows and incidents are read and changed through this.

    `names` are their names by number, `changed_from` the earliest slot of which a row changed since the last decision;
    of the regions in `regions` there are results, and those in `up_since` have seen them as up since then. `kept` is
    what was kept of them.
    """

    def __init__(self, cursor: Cursor, lock: str, **which: object) -> None:
        super().__init__(cursor)
        self.names: dict[int, str] = dict(self._all(lock, **which))
        self.changed_from: dict[int, datetime] = {}
        self._places: dict[int, int] = {}
        for site_id, place, changed_from in self._of_ours("take_marks"):
            self._places[site_id], self.changed_from[site_id] = place, changed_from
        self.regions: dict[int, set[str]] = {site_id: set() for site_id in self.names}
        self.up_since: dict[int, dict[str, datetime]] = {site_id: {} for site_id in self.names}
        for site_id, region, up_since in self._of_ours("regions_of"):
            self.regions[site_id].add(region)
            if up_since is not None:
                self.up_since[site_id][region] = up_since
        rests = {site_id: _rest(*columns) for site_id, *columns in self._of_ours("rests")}
        memories = {site_id: _memory(until, state) for site_id, until, state in self._of_ours("states")}
        self.kept = {site_id: kept for site_id, kept in (rests | memories).items() if kept}

    def scheduled(self, site_ids: Sequence[int]) -> dict[int, datetime | None]:
        """Return which of these sites are in the schedule, or were, and since when they surely are no more."""
        return scheduled(self._cursor, site_ids)

    def say_why(self, numbers: Sequence[int]) -> None:
        """Write at these incidents that they ended since their sites were taken out."""
        say_why(self._cursor, numbers)

    def let_go(self, site_ids: Sequence[int]) -> None:
        """Hold nothing of these sites any longer, which were taken out."""
        let_go(self._cursor, site_ids)

    def policies(self, current: Mapping[int, Policy | None], now: datetime) -> dict[int, Edited]:
        """Return the thresholds of these sites over time; note those of today that are others than the newest noted.

        An edit holds from `now` on; the first that is kept of a site, for all rows before, too. None: nobody says
        otherwise today.
        """
        noted: dict[int, list[tuple[datetime, Policy]]] = {site_id: [] for site_id in current}
        for site_id, from_at, down_after, up_after in self._all(
            "policies", site_ids=list(current), most=_MOST_POLICIES
        ):
            noted[site_id].append((from_at, Policy(down_after, up_after)))
        new = {
            n: policy or Policy()
            for n, policy in current.items()
            if not noted[n] or policy not in (None, noted[n][-1][1])
        }
        for site_id, policy in new.items():
            noted[site_id].append((now, policy))
        rows = ({"site_id": n, "from_at": now} | msgspec.structs.asdict(policy) for n, policy in new.items())
        if new:
            self._do("add_policies", policies=as_json(rows))
            self._do("forget_policies", site_ids=list(new), most=_MOST_POLICIES)
        return {site_id: Edited(tuple(edits)) for site_id, edits in noted.items()}

    def put_off(self, site_ids: Sequence[int]) -> None:
        """Leave it to a later transaction to decide on these sites; they keep their places."""
        from_at = [self.changed_from.pop(site_id) for site_id in site_ids]
        places = [self._places[site_id] for site_id in site_ids]
        self._do("put_off", site_ids=list(site_ids), places=places, from_at=from_at)

    def first_slots(self, before: Mapping[int, datetime]) -> dict[int, datetime]:
        """Return the oldest slots before these moments of which rows of these sites are kept."""
        return dict(self._all("first_slots", site_ids=list(before), before_at=list(before.values())))

    def rows(
        self, from_at: Mapping[int, datetime], regions: Mapping[int, Collection[str]], most: int
    ) -> tuple[dict[int, list[Row]], dict[int, datetime]]:
        """Return rows of these sites in regions, of slots from these moments on, in order, as maintenance makes them.

        Of a site that has about so many, and may have more, the first ones: before a slot, which is returned too.
        """
        found: dict[int, list[Row]] = {site_id: [] for site_id in from_at}
        limits = {n: max(_FEWEST_ROWS, most // max(1, len(regions[n]))) for n in from_at}
        pairs = [(site_id, region) for site_id in from_at for region in regions[site_id]]
        read = self._all(
            "rows",
            site_ids=[site_id for site_id, _ in pairs],
            regions=[region for _, region in pairs],
            from_at=[from_at[site_id] for site_id, _ in pairs],
            most=[limits[site_id] for site_id, _ in pairs],
        )
        full_at = _full_at(((site_id, region, slot_at) for site_id, slot_at, region, *_ in read), limits)
        for site_id, slot_at, region, kind, outcome, *cause, ended_at in read:
            if site_id not in full_at or slot_at < full_at[site_id]:
                found[site_id].append(Row(slot_at, region, kind, Outcome(outcome), Cause(*cause), ended_at))
        return self._maintained({site_id: in_order(rows) for site_id, rows in found.items()}), full_at

    def _maintained(self, rows: Mapping[int, list[Row]]) -> dict[int, list[Row]]:
        """Return rows of sites, which are in order, as maintenance makes them."""
        columns = {
            "site_ids": [site_id for site_id, own in rows.items() if own],
            "first_at": [own[0].slot_at for own in rows.values() if own],
            "last_at": [own[-1].slot_at for own in rows.values() if own],
        }
        windows = defaultdict[int, list[Window]](list)
        for site_id, *window in self._all("windows", **columns):
            windows[site_id].append(Window(*window))
        return {site_id: maintained(own, windows[site_id]) for site_id, own in rows.items()}

    def stream(self, site_id: int, from_at: datetime, regions: Collection[str], most: int) -> Iterator[Row]:
        """Yield all rows of a site in regions from a moment on, as `rows` returns them; so many are read ahead."""

        def of_region(region: str) -> Iterator[Row]:
            full_at = {site_id: from_at}
            while full_at:
                found, full_at = self.rows(full_at, {site_id: [region]}, most // len(regions))
                yield from found[site_id]

        return merged(map(of_region, regions))

    def incidents(self, since: Mapping[int, datetime]) -> dict[int, list[tuple[int, Incident]]]:
        """Return of these sites the incidents that are open after these moments, or ended by a later row."""
        found: dict[int, list[tuple[int, Incident]]] = {site_id: [] for site_id in since}
        columns = {"site_ids": list(since), "since_at": list(since.values()), "first_since_at": min(since.values())}
        for site_id, number, started_at, opened_by, regions, *rest in self._all("incidents_since", **columns):
            *cause, ended_at, closed_by = rest
            incident = Incident(started_at, opened_by, tuple(regions), Cause(*cause), ended_at, closed_by)
            found[site_id].append((number, incident))
        return found

    def write(self, changes: Sequence[tuple[int, Change[int]]]) -> list[int]:
        """Let the incidents of these sites be as they are now; return their numbers, in the order given."""
        new = [(site_id, change) for site_id, change in changes if change.number is None]
        found = []
        for place in range(0, len(new), _ADDED_AT_ONCE):
            some = new[place : place + _ADDED_AT_ONCE]
            columns = as_json({"site_id": site_id} | _columns(change.incident) for site_id, change in some)
            found += self._all("add_incidents", incidents=columns)
        numbers = {(site_id, started_at): number for site_id, started_at, number in found}
        known = {change.number: change for _, change in changes if change.number is not None}
        corrected = [number for number, change in known.items() if change.what in {What.MOVED, What.WITHDRAWN}]
        if corrected:
            self._do("unsettle_those_behind", incident_ids=corrected)
        withdrawn = [number for number, change in known.items() if change.what is What.WITHDRAWN]
        self._do("withdraw_incidents", incident_ids=withdrawn)
        moved = (
            {"incident_id": number} | _columns(change.incident)
            for number, change in known.items()
            if change.what is not What.WITHDRAWN
        )
        self._do("move_incidents", incidents=as_json(moved))
        if withdrawn:
            self._do("hand_on_acknowledgements", incident_ids=withdrawn)
        return [
            numbers[site_id, change.incident.started_at] if change.number is None else change.number
            for site_id, change in changes
        ]

    def hold(self, numbers: Sequence[int]) -> None:
        """Let nobody be told of these incidents before it is known whether they lie behind others."""
        if numbers:
            self._do("hold", incident_ids=list(numbers))

    def confirm(self, wanted: Mapping[int, Sequence[Wanted]]) -> None:
        """Let these checks of these sites be asked for, and none of those that were wanted before and are no more.

        One that was wanted before is not asked for again.
        """
        if others := [site_id for site_id, checks in wanted.items() if not checks]:
            self._do("cancel_confirming", site_ids=others)
        rows = [{"site_id": site_id} | check._asdict() for site_id, checks in wanted.items() for check in checks]
        if rows:
            self._do("add_confirming", wanted=as_json(rows), most=MOST_CONFIRMING)
            notify(self._cursor)

    def _of_ours(self, name: str) -> list[Any]:
        """Ask of all sites that are ours; mostly there are none."""
        return self._all(name, site_ids=list(self.names)) if self.names else []

    def remember(self, kept: Mapping[int, Memory | Rest]) -> None:
        """Keep what the next decision of these sites begins with."""
        rests = {site_id: one for site_id, one in kept.items() if isinstance(one, Rest)}
        memories = {site_id: one for site_id, one in kept.items() if isinstance(one, Memory)}
        if memories:
            self._do("forget_rests", site_ids=list(memories))
            self._do("keep_states", states=as_json({"site_id": n} | _kept(one) for n, one in memories.items()))
        if rests:
            rows = (
                {"site_id": n, "rested_at": one.rested_at, "regions": one.regions} | _kept(one.memory)
                for n, one in rests.items()
            )
            self._do("forget_states", site_ids=list(rests))
            self._do("keep_rests", rests=as_json(rows))

    def note_states(self, states: Mapping[int, Decided]) -> None:
        """Keep the states of these sites, and what is to be told of those that changed."""
        note_states(self._cursor, states)
        self._cursor.execute(_status_sql["note_changes"], {"site_ids": list(states)})


class Reminding(Deciding):
    """Those of some incidents that are open, of which nobody knows, with their sites' names; they are ours meanwhile.

    `ages_s` says how long ago a channel was told of an incident, `open_for_s` how long ago an incident was decided. The
    sites of those in `scheduled` are in the schedule.
    """

    def __init__(self, cursor: Cursor, numbers: Sequence[int]) -> None:
        super().__init__(cursor)
        self.incidents: list[tuple[str, int, Incident]] = []
        self.open_for_s: dict[int, float] = {}
        self.scheduled: set[int] = set()
        found = self._all("open_incidents", incident_ids=list(numbers))
        for site, number, age_s, is_scheduled, started_at, opened_by, regions, *cause in found:
            self.scheduled |= {number} if is_scheduled else set()
            self.incidents.append((site, number, Incident(started_at, opened_by, tuple(regions), Cause(*cause))))
            self.open_for_s[number] = age_s
        said = self._all("said_ages", incident_ids=[number for _, number, _ in self.incidents])
        self.ages_s: dict[tuple[int, str], float] = {(number, channel): age_s for number, channel, age_s in said}


class Open(NamedTuple):
    """An open incident, in the order in which they are read."""

    site_id: int
    number: int


def open_numbers(conn: Connection, after: Open, most: int) -> list[Open]:
    """Return the first open incidents after one, of those of which somebody was told, and nobody knows.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [Open(*row) for row in rows_of(conn, _sql["open_numbers"], **after._asdict(), most=most)]


@contextmanager
def take_open(conn: Connection, numbers: Sequence[int]) -> Iterator[Reminding]:
    """Take those of these incidents that are open, for one transaction, but for those that another alerter has.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Reminding(cursor, numbers)


class Undecided(NamedTuple):
    """A site of which something is to decide."""

    site_id: int
    name: str


def undecided_sites(conn: Connection) -> tuple[list[Undecided], list[Undecided]]:
    """Return the sites of which something is to decide: those in the schedule, and the first of others.

    Those that have waited longest come first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["undecided_sites"], {"others": _MOST_OTHERS})
        scheduled: list[Undecided] = []
        others: list[Undecided] = []
        for site_id, name, is_scheduled in cursor:
            (scheduled if is_scheduled else others).append(Undecided(site_id, name))
        return scheduled, others


@contextmanager
def take_sites(conn: Connection, site_ids: Sequence[int]) -> Iterator[Taken]:
    """Take those of these sites of which something is to decide, for one transaction that an error undoes.

    Any number may be at it: a site that another one has is passed over.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Taken(cursor, "lock_sites", site_ids=list(site_ids))


@contextmanager
def take_site(conn: Connection, site_id: int) -> Iterator[Taken]:
    """Take this site, if no other one has it, as `take_sites` does.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        yield Taken(cursor, "lock_site", site_id=site_id)


def _full_at(slots: Iterable[tuple[int, str, datetime]], limits: Mapping[int, int]) -> dict[int, datetime]:
    """Return up to which slots all rows are there, of sites that have so many in a region."""
    by_region: defaultdict[tuple[int, str], list[datetime]] = defaultdict(list)
    for site_id, region, slot_at in slots:
        by_region[site_id, region].append(slot_at)
    found: dict[int, datetime] = {}
    for (site_id, _), of_region in by_region.items():
        if len(of_region) == limits[site_id]:
            found[site_id] = min(max(of_region), found.get(site_id, max(of_region)))
    return found


def _memory(until: datetime, state: object) -> Memory | None:
    """Return what was kept; nothing of what another version kept otherwise: then the rows are read again."""
    try:
        return msgspec.convert({"state": state, "until": until}, Memory)
    except msgspec.ValidationError:
        return None


def _rest(until: datetime, state: object, rested_at: datetime, regions: Sequence[str]) -> Rest | None:
    memory = _memory(until, state)
    return Rest(memory, rested_at, tuple(regions)) if memory else None


def _kept(memory: Memory) -> dict[str, object]:
    return {"until_at": memory.until, "state": memory.state}


def _columns(incident: Incident) -> dict[str, object]:
    return msgspec.structs.asdict(incident.cause) | {
        "started_at": incident.started_at,
        "opened_by_at": incident.opened_by,
        "regions": incident.regions,
        "ended_at": incident.ended_at,
        "closed_by_at": incident.closed_by,
    }
