"""A result carries its chain of certificates only when that is news."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sitemon.checks.findings import Hop, Observation
from sitemon.local.chains import Signer, new_authority, new_leaf
from sitemon.model.outcome import Outcome
from sitemon.model.result import Certificate, Phases, Result
from sitemon.model.site import Header, Site
from sitemon.worker.chains import Chains
from tests.results import a_result

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = Site(name="shop", url="https://shop.example/", headers=(Header("Authorization", "Bearer s3cret"),))


def der_of(signer: Signer) -> bytes:
    return signer.certificate.public_bytes(Encoding.DER)


def seen(*signers: Signer) -> Observation:
    hop = Hop(
        url="https://shop.example/",
        addresses=("192.0.2.1",),
        ip="192.0.2.1",
        http_code=200,
        phases_s=Phases(),
        chain=tuple(map(der_of, signers)),
        cert_expires_at=NOW + 40 * DAY if signers else None,
    )
    return Observation(
        checked_at=NOW,
        outcome=Outcome.UP,
        reason=None,
        http_code=200,
        latency_s=0.1,
        phases_s=Phases(),
        is_match_found=None,
        ip="192.0.2.1",
        http_version="1.1",
        redirects=0,
        body_bytes=1,
        cert_expires_at=hop.cert_expires_at,
        error=None,
        hops=(hop,),
    )


@pytest.fixture(scope="module")
def authority() -> Signer:
    return new_authority("an authority", begins_at=NOW - 30 * DAY, ends_at=NOW + 300 * DAY)


def leaf(authority: Signer, days: int = 40) -> Signer:
    return new_leaf(authority, hosts=["shop.example"], begins_at=NOW - DAY, ends_at=NOW + days * DAY)


def told(chains: Chains, observation: Observation, now_s: float, site: str = "shop") -> tuple[Certificate, ...] | None:
    watched = msgspec.structs.replace(SHOP, name=site)
    return chains.tell(a_result(site), watched, observation, now_s).certificates


def test_the_first_result_tells_who_issued_what_and_from_when_until_when(authority: Signer) -> None:
    certificates = told(Chains(), seen(leaf(authority), authority), 0.0)
    assert certificates is not None
    assert [(one.begins_at, one.expires_at) for one in certificates] == [
        (NOW - DAY, NOW + 40 * DAY),
        (NOW - 30 * DAY, NOW + 300 * DAY),
    ]
    assert certificates[0].issuer == certificates[1].subject == "CN=an authority"


def test_the_same_chain_is_told_of_once_an_hour(authority: Signer) -> None:
    chains, observation = Chains(), seen(leaf(authority), authority)
    assert [told(chains, observation, now_s) is not None for now_s in (0.0, 1.0, 3_599.0, 3_600.0, 3_601.0)] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_another_chain_and_another_site_are_news(authority: Signer) -> None:
    chains, observation = Chains(), seen(leaf(authority), authority)
    assert told(chains, observation, 0.0)
    assert told(chains, observation, 1.0, site="blog")
    assert told(chains, seen(leaf(authority, days=90), authority), 2.0)
    assert told(chains, observation, 3.0) is None


def test_a_server_that_has_another_chain_at_each_visit_is_told_of_a_few_times(authority: Signer) -> None:
    chains = Chains()
    found = [told(chains, seen(leaf(authority)), float(now_s)) for now_s in range(8)]
    assert sum(one is not None for one in found) == 4
    assert told(chains, seen(leaf(authority)), 4_000.0)


def test_sites_that_were_told_of_an_hour_ago_are_forgotten(authority: Signer) -> None:
    chains, observation = Chains(), seen(leaf(authority))
    for number in range(100):
        told(chains, observation, float(number), site=f"site-{number}")
    new = [f"new-{number}" for number in range(50)]
    for site in new:
        told(chains, observation, 3_600.0 + 97, site=site)
    assert [*chains._told_at_s] == ["site-98", "site-99", *new]


def test_of_too_many_sites_who_comes_last_is_told_of_until_there_is_room(
    authority: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.worker.chains._MOST_SITES", 2)
    chains, observation, other = Chains(), seen(leaf(authority)), seen(leaf(authority, days=50))
    for now_s, site in enumerate(["shop", "blog", "wiki", "wiki"]):
        assert told(chains, observation, float(now_s), site=site)
    assert told(chains, other, 4.0)
    assert [told(chains, what, 5.0) for what in (observation, other)] == [None, None]
    assert told(chains, observation, 3_601.0, site="wiki")
    assert told(chains, observation, 3_602.0, site="wiki")
    assert told(chains, observation, 3_603.0, site="wiki") is None


def test_no_name_tells_a_secret_of_the_site() -> None:
    authority = new_authority("the key is S3CRET", begins_at=NOW - DAY, ends_at=NOW + DAY)
    certificates = told(Chains(), seen(authority), 0.0)
    assert certificates is not None
    assert (certificates[0].subject, certificates[0].issuer) == ("CN=the key is ***",) * 2


def test_without_tls_there_is_nothing_to_tell() -> None:
    result = a_result("shop")
    assert Chains().tell(result, SHOP, seen(), 0.0) is result


def test_long_names_and_long_chains_are_cut(authority: Signer) -> None:
    long = new_authority("x" * 60, begins_at=NOW - DAY, ends_at=NOW + DAY)
    certificates = told(Chains(), seen(leaf(authority), *[long] * 20), 0.0)
    assert certificates is not None
    assert len(certificates) == 8
    msgspec.convert(msgspec.to_builtins(a_result("shop")), Result)
