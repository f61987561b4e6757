"""A site over its regions: what its state is, since when, and in which order sites come."""

from datetime import timedelta

import pytest

from sitemon.web.sites import fold_sites, rank, state_of
from tests.unit.web.watches import NOW, a_watch


def since(minutes: float) -> object:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ("up:9", ("up", 9)),
        ("down:3", ("down", 3)),
        ("unknown:3", ("unknown", 3)),
        ("up:9 up:4", ("up", 4)),
        ("down:7 down:3 up:9", ("down", 3)),
        ("down:7 up:9", ("degraded", 7)),
        ("down:7 up:9 up:9", ("degraded", 7)),
        ("down:7 unknown:1 unknown:2", ("down", 7)),
        ("unknown:7 unknown:2", ("unknown", 2)),
        ("up:9 unknown:1", ("up", 9)),
        ("degraded:5 up:9", ("degraded", 5)),
        ("maintenance:5 maintenance:6", ("maintenance", 5)),
    ],
)
def test_a_site_is_what_more_than_half_of_those_with_a_view_say(regions: str, expected: tuple[str, float]) -> None:
    words = [region.split(":") for region in regions.split()]
    watches = [a_watch(state=state, minutes=float(minutes), region=f"r{n}") for n, (state, minutes) in enumerate(words)]
    state, minutes = expected
    assert state_of(watches) == (state, since(minutes))


def test_the_worst_comes_first_then_the_name() -> None:
    states = {"b": "up", "a": "up", "d": "down", "e": "unknown", "c": "degraded", "f": "maintenance"}
    sites = fold_sites(a_watch(name, state) for name, state in states.items())
    assert [site.name for site in sites] == ["d", "e", "c", "f", "a", "b"]


def test_of_sites_that_are_known_so_none_is_made_anew() -> None:
    same, other = a_watch("a"), a_watch("b")
    known = {site.name: site for site in fold_sites([same, other, a_watch("c")])}
    down = a_watch("b", "down")
    sites = fold_sites([same, down, a_watch("c", region="eu"), a_watch("c", region="us")], known)
    assert [site.name for site in sites] == ["b", "a", "c"]
    assert sites[0].watches == (down,)
    assert sites[1] is known["a"]
    assert [watch.region for watch in sites[2].watches] == ["eu", "us"]


def test_a_state_of_a_newer_version_is_not_hidden_at_the_end() -> None:
    assert rank("on fire") < rank("down")


def test_a_sites_evidence_is_that_of_its_worst_region() -> None:
    (site,) = fold_sites([a_watch(region="eu"), a_watch(state="down", region="us", reason="timeout")])
    assert (site.state, site.evidence.region, site.evidence.reason) == ("degraded", "us", "timeout")
