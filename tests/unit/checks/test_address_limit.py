"""How many sockets the sites of a file may have at once to one address and port."""

import itertools
from collections.abc import Iterable

import pytest

from sitemon.checks.net.address_limit import most_at_address
from sitemon.config.settings import PUBLIC, Settings
from sitemon.schedule.slots import splay_ms


def test_where_a_file_may_have_any_number_of_sites_there_is_no_limit() -> None:
    assert most_at_address(Settings()) is None


def most_under_way(names: Iterable[str]) -> int:
    """Return how many are at most under way at once when each, due once a minute, hangs for 10 s."""
    begins_ms = [splay_ms(name, 60_000) + minute_ms for name in names for minute_ms in (0, 60_000)]
    ends_ms = [begin_ms + 10_000 for begin_ms in begins_ms]
    changes = sorted([(ms, -1) for ms in ends_ms] + [(ms, 1) for ms in begins_ms])
    return max(itertools.accumulate(change for _, change in changes))


@pytest.mark.parametrize(
    "choices", [Settings(address_policy=PUBLIC), Settings(sites_per_file=5_000), Settings(sites_per_file=400)]
)
@pytest.mark.parametrize("name", ["shop-{}", "{}.example.com", "https://shop.example/{}", "customer {}"])
def test_a_file_whose_sites_all_hang_behind_one_address_has_each_of_them_checked_every_minute(
    choices: Settings, name: str
) -> None:
    most, most_sites = most_at_address(choices), choices.most_sites_of_file
    assert most is not None
    assert most_sites is not None
    assert most_under_way(map(name.format, range(most_sites))) <= most


@pytest.mark.parametrize(("checks_per_host", "most"), [(1, 50), (20, 100), (40, 200)])
def test_a_small_file_has_five_times_as_many_there_as_at_a_host(checks_per_host: int, most: int) -> None:
    assert most_at_address(Settings(sites_per_file=200, checks_per_host=checks_per_host)) == most
