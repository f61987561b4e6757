"""What is left to be noted of a region's outages."""

from datetime import UTC, datetime, timedelta

import pytest

from sitemon.alert.unnoted import Unnoted
from sitemon.incident.connectivity import Outage, Turn

MINUTE = timedelta(minutes=1)
AT = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def unnoted() -> Unnoted:
    """A region has gone offline."""
    unnoted = Unnoted()
    unnoted.offline("eu", Turn(AT, 5, 6))
    return unnoted


def test_that_a_region_was_back_ends_no_outage_that_another_alerter_noted_later(unnoted: Unnoted) -> None:
    unnoted.left_of("eu", Outage("eu", AT, None))
    unnoted.online("eu", AT, Turn(AT + MINUTE, 5, 6))
    assert unnoted.left_of("eu", Outage("eu", AT, None)) == Outage("eu", AT, AT + MINUTE)
    later = Outage("eu", AT + 5 * MINUTE, None)
    assert unnoted.left_of("eu", later) == later
    assert list(unnoted) == []


def test_nor_does_it_where_the_first_outage_was_noted_by_nobody(unnoted: Unnoted) -> None:
    unnoted.online("eu", AT, Turn(AT + MINUTE, 5, 6))
    later = Outage("eu", AT + 5 * MINUTE, None)
    assert unnoted.left_of("eu", later) == later
    assert list(unnoted) == []


def test_it_ends_one_that_another_alerter_noted_before(unnoted: Unnoted) -> None:
    unnoted.online("eu", AT, Turn(AT + 5 * MINUTE, 5, 6))
    assert unnoted.left_of("eu", Outage("eu", AT + MINUTE, None)) == Outage("eu", AT + MINUTE, AT + 5 * MINUTE)
