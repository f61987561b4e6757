"""Slots are counted in UTC: where the clocks of people change, theirs do not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sitemon.model.moment import to_ms
from sitemon.model.schedule import Watch
from tests.unit.schedule.events import plan_of

CHANGES = {
    "to winter time": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "to summer time": datetime(2026, 3, 29, 1, tzinfo=UTC),
}
TEN_MINUTES_MS = 600_000


@pytest.fixture(autouse=True)
def _in_helsinki(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Helsinki")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("change", CHANGES)
def test_the_night_of_a_change_has_as_many_slots_as_any_other(change: str) -> None:
    begin_ms, end_ms = (to_ms(CHANGES[change] + timedelta(hours=hours)) for hours in (-2, 2))
    plan = plan_of({Watch("shop", "default"): TEN_MINUTES_MS}, begin_ms)
    slots = [slot_ms for now_ms in range(begin_ms, end_ms, 60_000) for *_, slot_ms in plan.due(now_ms + 60_000)[0]]
    assert len(slots) == 24
    assert {later - earlier for earlier, later in pairwise(slots)} == {TEN_MINUTES_MS}
