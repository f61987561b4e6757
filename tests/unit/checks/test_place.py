"""What counts as one place."""

from sitemon.checks.place import place_of
from sitemon.model.site import Proxy, Site

PROXY = Proxy("proxy.example", 3128)
BEHIND = Site(name="shop", url="http://shop.example/", proxy=PROXY)
HOSTS = [f"host-{number}.example" for number in range(200)]


def test_all_hosts_behind_a_proxy_are_a_few_places_of_the_proxy() -> None:
    places = {place_of(BEHIND, host, port) for host in HOSTS for port in (80, 443)}
    assert len(places) == 5


def test_a_host_behind_a_proxy_is_always_at_the_same_place() -> None:
    assert {place_of(BEHIND, HOSTS[0], 80) for _ in range(10)} == {place_of(BEHIND, HOSTS[0], 80)}


def test_another_proxy_and_the_host_itself_are_other_places() -> None:
    direct = Site(name="shop", url="http://shop.example/")
    other = Site(name="shop", url="http://shop.example/", proxy=Proxy("proxy.example", 3129))
    assert len({place_of(one, "shop.example", 80) for one in (BEHIND, direct, other)}) == 3
