"""Rows and windows in any order, repeated, in any batches, come to the incidents that they come to in order."""

from datetime import datetime, timedelta
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from sitemon.incident.change import What, changes
from sitemon.incident.machine import NOTHING, Incident, fold, slot_of
from sitemon.incident.maintenance import Window, maintained
from sitemon.incident.memory import Memory, Rest, just_before, refold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row, in_order
from sitemon.incident.window import determined
from sitemon.model.outcome import Outcome
from tests.unit.incident.rows import at, rows_of

Key = tuple[datetime, str, str]
FOLDED_AGAIN = timedelta(minutes=5)


class Book:
    """What recorder and alerter do with a site, with dicts for tables."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rows: dict[Key, Row] = {}
        self.minutes: set[int] = set()
        self.kept: Memory | Rest | None = None
        self.incidents: dict[int, Incident] = {}
        self.told: list[tuple[What, int]] = []

    def take(self, batch: list[Row]) -> None:
        new = {key_of(row): row for row in batch if key_of(row) not in self.rows}
        marked = [row.slot_at for row in new.values() if not self.goes_on(row, [*new.values()])]
        self.rows |= new
        if marked:
            self.decide(min(marked))

    def goes_on(self, row: Row, batch: list[Row]) -> bool:
        """Whether the recorder does not mark this row: its region goes on seeing a site as up that is at rest."""
        known = in_order(one for one in self.rows.values() if (one.region, one.kind) == (row.region, row.kind))
        new = [one for one in batch if (one.region, one.kind) == (row.region, row.kind)]
        return (
            isinstance(self.kept, Rest)
            and row.kind != "confirm"
            and bool(known)
            and known[-1].slot_at < min(one.slot_at for one in new)
            and all(one.outcome is Outcome.UP for one in (known[-1], *new))
        )

    def maintain(self, minutes: set[int]) -> None:
        """Let these minutes be in maintenance, and no others."""
        changed = self.minutes ^ minutes
        self.minutes = minutes
        if changed and any(row.slot_at >= at(min(changed)) for row in self.rows.values()):
            self.decide(at(min(changed)))

    @property
    def folded(self) -> list[Row]:
        """The rows as they are folded."""
        windows = [Window(at(minute), at(minute + 1)) for minute in sorted(self.minutes)]
        return maintained(in_order(self.rows.values()), windows)

    def decide(self, changed_from: datetime) -> None:
        memory = self.kept.before(changed_from - FOLDED_AGAIN, {}) if isinstance(self.kept, Rest) else self.kept
        if memory is None or changed_from <= memory.until:
            memory = self.look_back(changed_from)
        later = [row for row in self.folded if row.slot_at > memory.until]
        refolded = refold(self.policy, memory, later, FOLDED_AGAIN)
        since = refolded.since
        stored = [(n, one) for n, one in self.incidents.items() if one.closed_by is None or one.closed_by > since]
        for change in changes(stored, refolded.incidents):
            number = len(self.told) if change.number is None else change.number
            self.told.append((change.what, number))
            if change.what is What.WITHDRAWN:
                del self.incidents[number]
            else:
                self.incidents[number] = change.incident
        self.kept = refolded.kept

    def look_back(self, changed_from: datetime) -> Memory:
        for minutes in (1, 3):
            rows = [row for row in self.folded if row.slot_at >= at((changed_from - at(0)).seconds / 60 - minutes)]
            state = determined(self.policy, rows, {row.region for row in self.rows.values()}, changed_from)
            if state is not None:
                return just_before(changed_from, state)
        return just_before(min(row.slot_at for row in self.rows.values()))


def key_of(row: Row) -> Key:
    return row.slot_at, row.region, row.kind


policies = st.builds(Policy, st.integers(1, 3), st.integers(1, 3))
windows = st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda drawn: {*range(drawn[0], sum(drawn))})
outcomes = st.text("uuudddmg ", min_size=8, max_size=30)


@st.composite
def confirming(draw: st.DrawFn) -> list[Row]:
    """Draw confirming checks of any slots, some of which are those of scheduled ones."""
    slots = st.tuples(st.sampled_from(["eu", "us"]), st.sampled_from("ud"), st.integers(0, 60))
    found = draw(st.lists(slots, max_size=8, unique_by=lambda slot: (slot[0], slot[2])))
    return [row for region, letter, half in found for row in rows_of(letter, region, half / 2, "confirm")]


@given(policies, outcomes, outcomes, confirming(), st.data())
def test_any_order_repetition_and_batches_come_to_the_same(
    policy: Policy, eu: str, us: str, again: list[Row], data: st.DataObject
) -> None:
    rows = [*rows_of(eu, "eu"), *rows_of(us, "us"), *again]
    arriving = data.draw(st.permutations(rows))
    repeated = data.draw(st.lists(st.sampled_from(rows), max_size=5)) if rows else []
    arriving = [*arriving, *repeated]
    book = Book(policy)
    while arriving:
        if data.draw(st.booleans()):
            # One more window, or one that is withdrawn or cut.
            book.maintain(
                getattr(book.minutes, data.draw(st.sampled_from(["union", "difference"])))(data.draw(windows))
            )
        size = data.draw(st.integers(1, len(arriving)))
        batch, arriving = arriving[:size], arriving[size:]
        book.take(batch)
        expected = fold(policy, NOTHING, book.folded).incidents
        assert sorted(book.incidents.values(), key=lambda one: one.started_at) == list(expected)


@given(policies, outcomes, outcomes, confirming())
def test_slots_in_order_withdraw_nothing(policy: Policy, eu: str, us: str, again: list[Row]) -> None:
    book = Book(policy)
    for _, rows in groupby(in_order([*rows_of(eu, "eu"), *rows_of(us, "us"), *again]), slot_of):
        book.take(list(rows))
    assert {what for what, _ in book.told} <= {What.OPENED, What.CLOSED, What.NOTED}


@given(policies, outcomes, outcomes, confirming())
def test_incidents_follow_one_another(policy: Policy, eu: str, us: str, again: list[Row]) -> None:
    incidents = fold(policy, NOTHING, in_order([*rows_of(eu, "eu"), *rows_of(us, "us"), *again])).incidents
    for earlier, later in pairwise(incidents):
        assert earlier.ended_at is not None
        assert earlier.started_at < earlier.ended_at <= later.started_at
