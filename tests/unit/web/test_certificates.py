"""Certificates of a site: those of today by their regions, and what was before."""

from datetime import timedelta

from sitemon.store.page_site import Chain, SentCertificate
from sitemon.web.certificates import certificates_of
from tests.unit.web.watches import NOW

HOUR = timedelta(hours=1)


def a_chain(region: str, subject: str, *, hours: float = 1) -> Chain:
    certificate = SentCertificate(f"CN={subject}", "CN=ca", NOW - 30 * 24 * HOUR, NOW + 60 * 24 * HOUR)
    return Chain(region, NOW - hours * 9 * HOUR, NOW - hours * HOUR, [certificate])


def test_regions_that_are_sent_the_same_stand_together() -> None:
    found = certificates_of([a_chain("us", "shop", hours=1), a_chain("eu", "shop", hours=2)], {"eu", "us"})
    [today] = found.today
    assert today.regions == ["eu", "us"]
    assert (today.first_at, today.last_at) == (NOW - 18 * HOUR, NOW - HOUR)
    assert found.earlier == []


def test_regions_that_are_sent_different_ones_stand_apart_and_both_are_of_today() -> None:
    chains = [a_chain("us", "new", hours=1), a_chain("eu", "old", hours=2), a_chain("us", "old", hours=30)]
    found = certificates_of(chains, {"eu", "us"})
    assert [(one.regions, one.certificates[0].subject) for one in found.today] == [
        (["us"], "CN=new"),
        (["eu"], "CN=old"),
    ]
    assert [(one.regions, one.certificates[0].subject) for one in found.earlier] == [(["us"], "CN=old")]


def test_what_was_sent_to_a_region_that_looks_no_longer_is_not_of_today() -> None:
    found = certificates_of([a_chain("us", "shop"), a_chain("asia", "other")], {"eu", "us"})
    assert [one.regions for one in found.today] == [["us"]]
    assert [one.regions for one in found.earlier] == [["asia"]]
