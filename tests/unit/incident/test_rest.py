"""With what a fold begins again, of a site that was at rest."""

import pytest

from sitemon.incident.memory import Rest, just_before, refold
from sitemon.incident.policy import Policy
from sitemon.incident.region import UP
from tests.unit.incident.rows import at, rows_of


@pytest.fixture
def rest() -> Rest:
    """Return what is kept after rows of 20 minutes."""
    kept = refold(Policy(), just_before(at(0)), rows_of("u" * 19 + "d" + "u")).kept
    assert isinstance(kept, Rest)
    return kept


def test_a_late_row_is_folded_with_those_around_it(rest: Rest) -> None:
    assert rest.memory.until == at(15)
    assert rest.before(at(20), {}) == rest.before(at(16), {}) == rest.memory


def test_of_a_long_rest_rows_of_minutes_are_folded_again(rest: Rest) -> None:
    memory = rest.before(at(900), {})
    assert memory.until == at(895)
    assert memory.state.regions == {"eu": UP}


def test_a_region_that_was_not_heard_and_has_seen_it_as_up_since_counts(rest: Rest) -> None:
    assert set(rest.before(at(900), {"us": at(895), "asia": at(896)}).state.regions) == {"eu", "us"}


def test_without_new_rows_it_goes_on(rest: Rest) -> None:
    kept = refold(Policy(), rest.before(at(900), {}), []).kept
    assert isinstance(kept, Rest)
    assert (kept.rested_at, kept.regions) == (at(895), ("eu",))


def test_a_site_that_is_not_at_rest_has_a_memory_alone() -> None:
    assert refold(Policy(), just_before(at(0)), rows_of("ud")).kept == just_before(at(0))
