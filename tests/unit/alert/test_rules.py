"""What of a site's configuration decides about its incidents."""

from datetime import timedelta

from sitemon.alert.rules import rules_of_site
from sitemon.model.site import Site

SITES = {
    site.name: site
    for site in (
        Site(name="shop", url="https://shop.example/", depends_on=("balancer", "cache")),
        Site(name="balancer", url="tcp://balancer.example:443", depends_on=("line",)),
        Site(name="cache", url="tcp://cache.example:6379", depends_on=("line",), enabled=False),
        Site(name="line", url="tcp://line.example:443", interval_ms=10_000, timeout_s=5.0, down_after=2),
    )
}


def test_a_site_depends_on_all_that_lie_behind_each_other_and_are_watched() -> None:
    assert rules_of_site(SITES["shop"], SITES).gateways == ("balancer", "line")
    assert rules_of_site(SITES["line"], SITES).gateways == ()
    assert rules_of_site(None, SITES).gateways == ()


def test_an_outage_takes_one_more_interval_than_failures_the_timeout_and_the_way_here() -> None:
    assert rules_of_site(SITES["line"], SITES).settles == timedelta(seconds=3 * 10 + 5 + 5)
