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
    unnoted.offline("eu", Turn(AT, 5, 6), 0.0)
    return unnoted


def since(unnoted: Unnoted, now_s: float) -> list[datetime]:
    """Return since when sites are to be decided anew."""
    return [one.since for one in unnoted.put_off(["eu"], now_s)]


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


def test_sites_are_decided_anew_by_it_once_that_is_committed_and_again_once_it_is_held_no_more(
    unnoted: Unnoted,
) -> None:
    assert since(unnoted, 1.0) == [AT]
    put_off = unnoted.put_off(["eu"], 2.0)
    assert since(unnoted, 2.0) == [AT]
    unnoted.decided_anew(put_off)
    assert unnoted.put_off(["eu"], 299.0) == []
    assert unnoted.held(299.0) == [Outage("eu", AT)]
    assert since(unnoted, 300.0) == [AT]
    assert unnoted.held(300.0) == []


def test_where_a_noted_one_seemed_over_and_is_not_sites_are_decided_anew_though_nothing_is_to_be_noted() -> None:
    unnoted, noted, back_at = Unnoted(), Outage("eu", AT), AT + 5 * MINUTE
    unnoted.online("eu", AT, Turn(back_at, 5, 6))
    unnoted.decided_anew(unnoted.put_off(["eu"], 1.0))
    unnoted.offline("eu", Turn(back_at + MINUTE, 5, 6), 2.0)
    assert unnoted.left_of("eu", noted) == noted
    unnoted.noted(["eu"])
    put_off = unnoted.put_off(["eu"], 3.0)
    assert [one.since for one in put_off] == [back_at]
    unnoted.decided_anew(put_off)
    unnoted.left_of("eu", noted)
    assert list(unnoted) == []


def test_sites_that_were_decided_by_an_outage_are_decided_anew_where_others_noted_another_one(unnoted: Unnoted) -> None:
    unnoted.decided_anew(unnoted.put_off(["eu"], 1.0))
    noted = Outage("eu", AT + 5 * MINUTE, AT + 9 * MINUTE)
    assert unnoted.left_of("eu", noted) == noted
    assert unnoted.held(2.0) == []
    put_off = unnoted.put_off(["eu"], 2.0)
    assert [one.since for one in put_off] == [AT]
    assert list(unnoted) == ["eu"]
    unnoted.decided_anew(put_off)
    assert since(unnoted, 3.0) == list(unnoted) == []


def test_and_where_others_noted_a_later_end_of_it() -> None:
    unnoted, back_at = Unnoted(), AT + 5 * MINUTE
    unnoted.online("eu", AT, Turn(back_at, 5, 6))
    unnoted.decided_anew(unnoted.put_off(["eu"], 1.0))
    noted = Outage("eu", AT, AT + 9 * MINUTE)
    assert unnoted.left_of("eu", noted) == noted
    assert since(unnoted, 2.0) == [back_at]


def test_what_is_noted_is_not_decided_anew_once_more(unnoted: Unnoted) -> None:
    unnoted.decided_anew(unnoted.put_off(["eu"], 1.0))
    unnoted.noted(["eu"])
    assert since(unnoted, 2.0) == list(unnoted) == []
