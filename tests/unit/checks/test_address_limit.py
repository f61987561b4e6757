"""How many sockets the sites of a file may have at once to one address and port."""

import pytest

from sitemon.checks.net.dialer import most_at_address
from sitemon.config.settings import PUBLIC, Settings


def test_where_a_file_may_have_any_number_of_sites_there_is_no_limit() -> None:
    assert most_at_address(Settings()) is None


@pytest.mark.parametrize(
    "choices", [Settings(address_policy=PUBLIC), Settings(sites_per_file=5_000), Settings(sites_per_file=100)]
)
def test_a_file_whose_sites_all_hang_behind_one_address_has_each_of_them_checked_every_minute(
    choices: Settings,
) -> None:
    most, most_sites = most_at_address(choices), choices.most_sites_of_file
    assert most is not None
    assert most_sites is not None
    usual_timeout_s, usual_interval_s = 10, 60
    assert most * usual_interval_s >= most_sites * usual_timeout_s


@pytest.mark.parametrize(("checks_per_host", "most"), [(1, 34), (20, 100), (40, 200)])
def test_a_small_file_has_five_times_as_many_there_as_at_a_host(checks_per_host: int, most: int) -> None:
    assert most_at_address(Settings(sites_per_file=200, checks_per_host=checks_per_host)) == most
