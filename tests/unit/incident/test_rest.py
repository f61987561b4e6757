"""With what a fold begins again, of a site that was at rest."""

import pytest

from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.memory import Rest, folded_on, just_before, refold
from sitemon.incident.policy import Policy
from sitemon.incident.region import UP
from tests.results import MINUTE
from tests.unit.incident.rows import at, rows_of


@pytest.fixture
def rest() -> Rest:
    """Return what is kept after rows of 20 minutes."""
    kept = refold(Policy(), just_before(at(0)), rows_of("u" * 19 + "d" + "u"), 5 * MINUTE).kept
    assert isinstance(kept, Rest)
    return kept


def test_a_late_row_is_folded_with_those_around_it(rest: Rest) -> None:
    assert rest.memory.until == at(15)
    assert rest.before(at(15), {}) == rest.before(at(11), {}) == rest.memory


def test_of_a_long_rest_rows_of_minutes_are_folded_again(rest: Rest) -> None:
    memory = rest.before(at(895), {})
    assert memory.until == at(895)
    assert memory.state.regions == {"eu": UP}


def test_a_region_that_was_not_heard_and_has_seen_it_as_up_since_counts(rest: Rest) -> None:
    assert set(rest.before(at(895), {"us": at(895), "asia": at(896)}).state.regions) == {"eu", "us"}


def test_without_new_rows_it_goes_on(rest: Rest) -> None:
    kept = refold(Policy(), rest.before(at(895), {}), [], 5 * MINUTE).kept
    assert isinstance(kept, Rest)
    assert (kept.rested_at, kept.regions) == (at(895), ("eu",))


def test_a_site_that_is_not_at_rest_has_a_memory_alone() -> None:
    assert refold(Policy(), just_before(at(0)), rows_of("ud"), 5 * MINUTE).kept == just_before(at(0))


def test_a_memory_moves_on_with_the_rows_before_a_moment() -> None:
    rows = rows_of("uddd" + "u" * 6)
    memory = just_before(at(0)).moved_on(Policy(), rows, at(3.5))
    assert memory == just_before(at(3.5), fold(Policy(), NOTHING, rows[:4]).state)
    assert memory.moved_on(Policy(), rows, at(3)) is memory


@pytest.mark.parametrize("most", [1, 2, 7, 100])
def test_a_fold_goes_on_by_some_rows_at_a_time(most: int) -> None:
    rows = rows_of("uddd" + "u" * 4 + "dduddd" + "u" * 5 + "ddd")
    memory, closed, last = folded_on(Policy(), just_before(at(0)), rows, most)
    assert len(last) == min(len(rows), most + (len(rows) - 1) % most + 1)
    assert memory.until < last[0].slot_at
    rest = fold(Policy(), memory.state, last)
    assert (rest.state, closed + rest.closed) == fold(Policy(), NOTHING, rows)
