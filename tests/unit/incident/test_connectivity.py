"""When a region is offline, and when it is online again."""

import random
from itertools import pairwise

import msgspec
import pytest

from sitemon.incident.connectivity import (
    LEAST_HOSTS,
    Outage,
    Outages,
    Seen,
    Turn,
    _moments,
    back_online,
    gone_offline,
    without_outages,
)
from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Cause, Row, in_order
from tests.unit.incident.rows import at, minute_of, rows_of

Sites = list[tuple[int, float, float, str]]


def region(*sites: tuple[int, float, float, str]) -> list[Seen]:
    """Return what a region sees: of so many sites their newest slots, since when they are so, ``cut`` or ``well``."""
    return [
        Seen(
            f"{state}-{slot}-{since}-{n}.example",
            at(slot + n / 100),
            at(since if since < slot else slot + n / 100),
            state == "cut",
        )
        for count, slot, since, state in sites
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([(20, 5, 0, "well")], None),
        ([(4, 5, 5, "cut")], None),
        ([(5, 5, 5, "cut")], Turn(at(5), 5, 5)),
        ([(10, 5, 5, "cut"), (20, 4, 0, "well")], Turn(at(5), 10, 10)),
        ([(10, 5, 5, "cut"), (10, 5, 0, "well")], None),
        ([(10, 5, 5, "cut"), (9, 5, 0, "well")], Turn(at(5), 10, 19)),
        # Those that failed before, when most were well, say nothing anew.
        ([(5, 5, 5, "cut"), (3, 5.5, 1, "cut"), (20, 4, 0, "well")], Turn(at(5), 5, 5)),
        # Nor when nothing is left that was well in between.
        ([(8, 25, 25, "cut"), (1, 25.5, 1, "cut")], Turn(at(25), 8, 8)),
        # One by one, they began at once.
        ([(4, 40, 40, "cut"), (4, 40, 33, "cut"), (4, 40, 26, "cut"), (4, 40, 1, "cut")], Turn(at(26), 12, 12)),
    ],
)
def test_it_is_offline_when_most_that_it_looks_at_fails_at_once(sites: Sites, expected: object) -> None:
    assert gone_offline(region(*sites), None) == expected


def test_one_server_with_many_sites_is_one_host() -> None:
    many = [seen._replace(host="one.example") for seen in region((50, 5, 5, "cut"))]
    assert gone_offline(many, None) is None


def test_what_failed_before_it_was_online_again_does_not_make_it_offline_again() -> None:
    sites = region((40, 5, 5, "cut"), (2, 9, 9, "well"))
    assert gone_offline(sites, None) is not None
    assert gone_offline(sites, at(9)) is None


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([(10, 5, 5, "cut")], None),
        ([(10, 5, 5, "cut"), (1, 9, 9, "well")], None),
        ([(10, 5, 5, "cut"), (2, 9, 9, "well")], Turn(at(9), 2, 2)),
        ([(10, 5, 5, "cut"), (8, 9, 9, "well"), (1, 9.5, 5, "cut")], Turn(at(9), 8, 9)),
        ([(10, 10, 5, "cut"), (3, 9, 9, "well")], None),
        # What could be reached all the time is no sign that the rest can be.
        ([(10, 5, 5, "cut"), (4, 6, 0, "well")], None),
    ],
)
def test_it_is_online_when_most_that_it_looks_at_is_well_again(sites: Sites, expected: object) -> None:
    assert back_online(region(*sites), at(5)) == expected


def test_what_an_offline_region_could_not_reach_says_nothing() -> None:
    rows = rows_of("uddddduu")
    outages = Outages([Outage("eu", at(1), at(6)), Outage("us", at(0))])
    assert [row.outcome for row in without_outages(rows, outages)] == ["up", *["missed"] * 5, "up", "up"]
    assert fold(Policy(), NOTHING, without_outages(rows, outages)).incidents == ()
    later = Outages([Outage("eu", at(4))])
    assert fold(Policy(), NOTHING, without_outages(rows, later)).incidents[0].started_at == at(1)


def test_of_many_outages_that_one_is_looked_up_that_may_cover_a_row() -> None:
    looked_at = []

    class Counted(Outage):
        def covers(self, row: Row) -> bool:
            looked_at.append(self.from_at)
            return super().covers(row)

    outages = Outages([Counted("eu", at(n), at(n + 0.5)) for n in reversed(range(1_000))])
    rows = [row for row in rows_of("d" * 1_001) if row.slot_at != at(0)]
    assert {row.outcome for row in without_outages(rows, outages)} == {"missed", "down"}
    assert looked_at == [*map(at, range(1, 1_000)), at(999)]


def test_an_answer_counts_though_the_region_is_offline() -> None:
    refused = [msgspec.structs.replace(row, cause=Cause("http_status", 503)) for row in rows_of("ddd")]
    assert [*without_outages(refused, Outages([Outage("eu", at(0))]))] == refused


def test_the_view_of_an_offline_region_does_not_count_at_once() -> None:
    rows = in_order([*rows_of("uudd", "eu"), *rows_of("uddd", "us")])
    assert fold(Policy(), NOTHING, rows).incidents == ()
    incidents = fold(Policy(), NOTHING, without_outages(rows, Outages([Outage("eu", at(2))]))).incidents
    assert [(minute_of(one.started_at), one.regions) for one in incidents] == [(1, ("us",))]


@pytest.mark.parametrize("count", [0, 4, 5, 6, 7, 8, 100, 12_345])
def test_not_every_moment_is_looked_at_but_the_first_is(count: int) -> None:
    moments = [at(n) for n in range(count)]
    random.Random(count).shuffle(moments)
    found = list(_moments(moments, LEAST_HOSTS))
    assert len(found) < 25
    assert all(later > earlier for later, earlier in pairwise(found))
    if count >= LEAST_HOSTS:
        assert (found[0], found[-1]) == (at(count - LEAST_HOSTS), at(0))
