"""What is known of names that were looked up: whose domain they are of, and which were quick."""

import pytest

from sitemon.checks.net import known_names
from sitemon.checks.net.known_names import KnownNames, Speed, domain_of


def test_of_names_that_were_answered_the_last_ones_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_names, "_MOST_KNOWN_QUICK", 2)
    known = KnownNames()
    for host, is_found in (("1.test", True), ("2.test", True), ("1.test", True), ("3.test", True), ("4.test", False)):
        known.note(host, known.names_of("", host), is_slow=False, is_found=is_found)
    hosts = [f"{number}.test" for number in range(1, 5)]
    assert [host for host in hosts if known.speed_of(known.names_of("", host)) is Speed.QUICK] == ["1.test", "3.test"]


def test_of_domains_that_had_a_name_of_too_many_addresses_the_last_ones_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_names, "_MOST_KNOWN_SLOW", 2)
    known = KnownNames()
    for domain in ("1.test", "2.test", "1.test", "3.test", "3.test"):
        known.note_dear("a.yaml", f"www.{domain}")
    hosts = [f"{number}.test" for number in range(1, 4)]
    assert [host for host in hosts if known.is_dear(known.names_of("a.yaml", host))] == ["1.test", "3.test"]
    assert not known.is_dear(known.names_of("b.yaml", "1.test"))


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.test", "shop.test"),
        ("a.b.shop.test.", "shop.test"),
        ("WWW.Shop.TEST", "shop.test"),
        ("shop.test", "shop.test"),
        ("www.shop.co.uk", "shop.co.uk"),
        ("www.bank.co.uk", "bank.co.uk"),
        ("bbc.uk", "bbc.uk"),
        ("www.shop.de", "shop.de"),
        ("localhost", "localhost"),
    ],
)
def test_names_that_are_sold_apart_are_domains_apart(host: str, domain: str) -> None:
    assert domain_of(host) == domain
