"""Which addresses may be visited."""

import ipaddress
from collections.abc import Callable
from typing import Final

import pytest

from sitemon.checks.net.addresses import AddressPolicy, Reach, reach_of, refusal, server_of
from sitemon.checks.net.metadata_services import ADDRESSES


def six_to_four(ip: str) -> str:
    return str(ipaddress.IPv6Address((0x2002 << 112) | int(ipaddress.IPv4Address(ip)) << 80))


def teredo(ip: str) -> str:
    return str(ipaddress.IPv6Address((0x20010000 << 96) | (int(ipaddress.IPv4Address(ip)) ^ 0xFFFFFFFF)))


def local_nat64(ip: str) -> str:
    number = int(ipaddress.IPv4Address(ip))
    return str(ipaddress.IPv6Address(0x64FF9B0001 << 80 | (number >> 16) << 64 | (number & 0xFFFF) << 40))


def local_nat64_of_56(ip: str) -> str:
    number = int(ipaddress.IPv4Address(ip))
    return str(ipaddress.IPv6Address(0x64FF9B0001AB << 72 | (number >> 24) << 64 | (number & 0xFFFFFF) << 32))


def local_nat64_of_64(ip: str) -> str:
    return str(ipaddress.IPv6Address(0x64FF9B0001 << 80 | int(ipaddress.IPv4Address(ip)) << 24))


OF_LOCAL_NAT64: Final = (local_nat64, local_nat64_of_56, local_nat64_of_64)
FORMS: Final = [
    "::ffff:{}".format,
    "::ffff:0:{}".format,
    "64:ff9b::{}".format,
    "64:ff9b:1::{}".format,
    *OF_LOCAL_NAT64,
    six_to_four,
    teredo,
]
BLOCKED = [
    "0.0.0.1",
    "0.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "ff02::1",
    "64:ff9b:1::",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd00:42::42",
    "fd00:100::100:200",
    "fd00:a9fe:a9fe::1",
    "fd00:c1::a9fe:a9fe",
    "fd20:ce::254",
    "100.80.80.80",
    "100.96.0.96",
    "168.63.129.16",
    "192.0.0.192",
    "2001:db8::5efe:169.254.169.254",
    "fd12::200:5efe:100.100.100.200",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fd00:42::41",
    "100.96.0.95",
    "192.0.0.191",
]
PUBLIC = [
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "223.255.255.255",
    "168.63.129.15",
    "2600::1",
    "2a00:1450::1",
    "64:ff9b:1:808:8:800::",
]


@pytest.mark.parametrize(("ips", "reach"), [(BLOCKED, Reach.BLOCKED), (PRIVATE, Reach.PRIVATE), (PUBLIC, Reach.PUBLIC)])
def test_an_address_reaches_as_far_as_the_registries_say(ips: list[str], reach: Reach) -> None:
    assert {ip: reach_of(ip) for ip in ips} == dict.fromkeys(ips, reach)


@pytest.mark.parametrize("form", FORMS)
def test_an_ipv4_address_inside_an_ipv6_one_counts(form: Callable[[str], str]) -> None:
    assert reach_of(form("169.254.169.254")) is Reach.BLOCKED
    assert reach_of(form("10.1.2.3")) is Reach.PRIVATE
    assert reach_of(form("8.8.8.8")) is Reach.PUBLIC
    of_ipv4 = [ip for place in ADDRESSES if "." in (ip := place.removesuffix("/32"))]
    assert len(of_ipv4) >= 5
    assert {reach_of(form(ip)) for ip in of_ipv4} == {Reach.BLOCKED}


@pytest.mark.parametrize("form", ["{}".format, *(form for form in FORMS if form not in OF_LOCAL_NAT64)])
def test_it_is_the_same_server(form: Callable[[str], str]) -> None:
    assert server_of(form("198.18.7.8")) == "198.18.7.8"


@pytest.mark.parametrize("written", ["2001:db8::1", "2001:DB8:0::0:1", "2001:db8::0.0.0.1", "2001:db8::1%eth0"])
def test_a_server_is_the_same_however_its_address_is_written(written: str) -> None:
    assert server_of(written) == "2001:db8::1"


def test_the_deprecated_compatible_form_counts_too() -> None:
    assert reach_of("::169.254.169.254") is Reach.BLOCKED
    assert reach_of("::10.1.2.3") is Reach.PRIVATE


def test_a_metadata_service_is_never_visited_whatever_networks_are_allowed() -> None:
    everything = AddressPolicy(is_public_only=True, allowed=tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0"))))
    for place, source in ADDRESSES.items():
        ip = place.partition("/")[0]
        assert refusal(ip, came_from_public=False, policy=everything) == (
            f"{ip} is a cloud's metadata service and never visited"
        )
        assert ": https://" in source


NOT_GLOBAL: Final = (
    *("192.0.0.8", "192.88.99.1", "198.18.0.1", "240.0.0.1", "2001:2::1", "2001:10::1", "100:0:0:1::1", "2002::1"),
    *("64:ff9b:1::1", "2001:db8::1", "3fff::1", "5f00::1"),
)
"""RFC 6890 and its updates: what is not globally reachable, beside the networks that everybody knows."""


@pytest.mark.parametrize("ip", NOT_GLOBAL)
def test_what_iana_calls_not_globally_reachable_is_not_public(ip: str) -> None:
    assert reach_of(ip) is not Reach.PUBLIC


def test_what_is_no_address_is_not_judged() -> None:
    with pytest.raises(ValueError, match="shop"):
        reach_of("shop.example")


def test_a_blocked_address_is_refused_however_it_was_come_by() -> None:
    for came_from_public in (False, True):
        words = refusal("::ffff:169.254.169.254", came_from_public=came_from_public)
        assert words is not None
        assert "metadata" in words


def test_a_private_address_is_refused_only_to_a_public_site() -> None:
    assert refusal("10.0.0.1", came_from_public=False) is None
    assert refusal("10.0.0.1", came_from_public=True) == "a public site redirects to the private address 10.0.0.1"
    assert refusal("8.8.8.8", came_from_public=True) is None


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "fd00::1"])
def test_where_only_public_addresses_are_visited_a_private_one_needs_to_be_on_the_list(ip: str) -> None:
    public = AddressPolicy(is_public_only=True)
    networks = ("10.0.0.0/8", "127.0.0.0/8", "::1/128", "fd00::/8")
    listed = AddressPolicy(is_public_only=True, allowed=tuple(map(ipaddress.ip_network, networks)))
    words = refusal(ip, came_from_public=False, policy=public)
    assert words is not None
    assert "SITEMON_ADDRESS_POLICY" in words
    assert refusal(ip, came_from_public=False, policy=listed) is None
    assert refusal(ip, came_from_public=True, policy=listed) is not None


def test_where_only_public_addresses_are_visited_the_others_stay_as_they_are() -> None:
    public = AddressPolicy(is_public_only=True, allowed=(ipaddress.ip_network("0.0.0.0/0"),))
    assert refusal("8.8.8.8", came_from_public=True, policy=public) is None
    assert refusal("169.254.169.254", came_from_public=False, policy=public) is not None
