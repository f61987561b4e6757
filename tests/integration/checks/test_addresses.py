"""Which addresses a check connects to. No test reaches a blocked address: what connects here only takes notes."""

import ipaddress
import socket

import pytest

import sitemon
from sitemon.checks.engine.of_process import engine_for
from sitemon.checks.net.addresses import AddressPolicy
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import connect_tcp
from sitemon.checks.net.resolver import Endpoint, look_up
from sitemon.config.settings import Settings
from sitemon.local.behaviours import answering, redirecting, response
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Proxy
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, site

HOME = Endpoint(socket.AF_INET, ("127.0.0.1", 0))
PUBLIC_IP = "93.184.216.34"
PUBLIC_ONLY = AddressPolicy(is_public_only=True)


def endpoint_of(ip: str) -> Endpoint:
    return Endpoint(socket.AF_INET6, (ip, 0, 0, 0)) if ":" in ip else Endpoint(socket.AF_INET, (ip, 0))


class Recorder:
    """Keeps in mind where it was asked to connect; connects to loopback only, for others on whose behalf it may."""

    def __init__(self, *stand_ins: str) -> None:
        self.ips: list[str] = []
        self._stand_ins = ("127.0.0.1", *stand_ins)

    def __call__(self, endpoint: Endpoint) -> BoundedSocket:
        self.ips.append(endpoint.ip)
        if endpoint.ip not in self._stand_ins:
            raise ConnectionRefusedError("not in a test")
        return connect_tcp(HOME.at(endpoint.address[1]))


BLOCKED = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "0.0.0.0",  # noqa: S104 - nobody listens there
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
]
"""By themselves, IPv4-mapped, behind NAT64, by 6to4."""


@pytest.mark.parametrize("ip", BLOCKED)
def test_an_address_that_is_never_visited_is_never_connected_to(
    ip: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    recorder = Recorder()
    engine = make_engine(connect=recorder, connect_udp=recorder, lookup=lambda _: (endpoint_of(ip),))
    host = f"[{ip}]" if ":" in ip else ip
    redirecting_site = serve(redirecting({"/": f"http://{host}:9/"}))
    ways = {
        f"http://{host}:9/": 1,
        redirecting_site.url(): 2,
        "http://rebound.test:9/": 1,
        f"https://{host}:9/": 1,
        f"tcp://{host}:9": 1,
        f"tls://{host}:9": 1,
        f"dns://{host}:9/shop.test": 1,
    }
    for url, hops in ways.items():
        seen = observed(engine, site(url))
        assert (seen.outcome, seen.reason, len(seen.hops)) == (Outcome.DOWN, Reason.BLOCKED_ADDRESS, hops), url
    assert recorder.ips == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://2852039166:9/",
        "http://0xa9fea9fe:9/",
        "http://169.16689662:9/",
        "http://0251.0376.0251.0376:9/",
        "http://169.254.169.254.:9/",
        "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④:9/",
        "http://169。254。169。254:9/",
        "http://[fe80::1%25lo]:9/",
        "tcp://0xa9.0xfe.43518:9",
        "dns://2852039166:9/shop.test",
    ],
)
def test_an_address_in_disguise_is_no_way_around(url: str, make_engine: EngineFactory) -> None:
    recorder = Recorder()
    seen = observed(make_engine(connect=recorder, connect_udp=recorder), site(url))
    assert recorder.ips == []
    assert seen.reason in (Reason.BLOCKED_ADDRESS, Reason.DNS_ERROR, Reason.CONNECT_ERROR)


def test_a_link_local_address_is_refused_as_one_also_with_a_zone(make_engine: EngineFactory) -> None:
    seen = observed(make_engine(), site("http://[fe80::1%25eth9]/"))
    assert (seen.reason, seen.error) == (Reason.BLOCKED_ADDRESS, "fe80::1 is link-local and never visited")


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "017700000001", "localhost", "[::ffff:7f00:1]"])
def test_a_private_address_in_disguise_is_no_way_around_either(host: str, make_engine: EngineFactory) -> None:
    recorder = Recorder()
    seen = observed(make_engine(connect=recorder, policy=PUBLIC_ONLY), site(f"http://{host}:9/"))
    assert (seen.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])


def test_a_public_site_may_not_redirect_into_the_local_network(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    server = serve(redirecting({"/": "http://127.0.0.1:{port}/end", "/out": "http://public.test:{port}/end"}))
    engine = make_engine(connect=Recorder(PUBLIC_IP), lookup=lambda _: (endpoint_of(PUBLIC_IP),))
    seen = observed(engine, site(server.url(host="public.test")))
    assert (seen.reason, seen.redirects) == (Reason.BLOCKED_ADDRESS, 1)
    assert [asked.target for asked in server.asked] == ["/"]
    assert observed(engine, site(server.url("/out"))).outcome is Outcome.UP


def test_a_public_site_may_not_redirect_inside_by_way_of_another_public_one(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    locations = {"/": "http://public.test:{port}/again", "/again": "http://inside.test:{port}/end"}
    server = serve(redirecting(locations))
    engine = make_engine(
        connect=Recorder(PUBLIC_IP),
        lookup=lambda host: (HOME if host == "inside.test" else endpoint_of(PUBLIC_IP),),
    )
    seen = observed(engine, site(server.url(host="public.test")))
    assert (seen.reason, seen.redirects) == (Reason.BLOCKED_ADDRESS, 2)


def test_private_sites_may_redirect_among_themselves(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(redirecting({"/": "http://inside.test:{port}/end"}))
    engine = make_engine(connect=Recorder("10.0.0.1"), lookup=lambda _: (endpoint_of("10.0.0.1"),))
    assert observed(engine, site(server.url())).outcome is Outcome.UP


def test_a_name_that_leads_elsewhere_at_the_next_hop_is_looked_at_again(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    """DNS rebinding: public when it is asked first, inside when the redirect comes back to it."""
    answers = iter([(endpoint_of(PUBLIC_IP),), (HOME,)])
    server = serve(redirecting({"/": "/end"}))
    recorder = Recorder(PUBLIC_IP)
    seen = observed(make_engine(connect=recorder, lookup=lambda _: next(answers)), site(server.url(host="public.test")))
    assert (seen.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [PUBLIC_IP])


def test_a_name_that_stands_for_a_blocked_and_a_good_address_leads_to_the_good_one(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    recorder = Recorder()
    both = tuple(endpoint_of(ip) for ip in ("169.254.169.254", "127.0.0.1"))
    engine = make_engine(connect=recorder, lookup=lambda _: both)
    server = serve(answering(response()))
    assert observed(engine, site(server.url(host="rebound.test"))).outcome is Outcome.UP
    assert recorder.ips == ["127.0.0.1"]


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_private_addresses_are_not_visited_where_only_public_ones_may_be(ip: str, make_engine: EngineFactory) -> None:
    recorder = Recorder()
    engine = make_engine(connect=recorder, connect_udp=recorder, policy=PUBLIC_ONLY)
    host = f"[{ip}]" if ":" in ip else ip
    for url in (f"http://{host}:9/", f"tcp://{host}:9", f"tls://{host}:9", f"dns://{host}:9/shop.test"):
        seen = observed(engine, site(url))
        assert (seen.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])
        assert seen.error is not None
        assert "SITEMON_ADDRESS_POLICY" in seen.error


def test_public_addresses_are_visited_where_only_public_ones_may_be(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    engine = make_engine(connect=Recorder(PUBLIC_IP), lookup=lambda _: (endpoint_of(PUBLIC_IP),), policy=PUBLIC_ONLY)
    url = serve(answering(response())).url(host="public.test")
    assert observed(engine, site(url)).outcome is Outcome.UP


def test_networks_on_the_list_are_visited_too_but_not_from_a_public_site(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    policy = AddressPolicy(is_public_only=True, allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    server = serve(redirecting({"/": "/end", "/in": "http://127.0.0.1:{port}/end"}))
    engine = make_engine(connect=Recorder(PUBLIC_IP), lookup=lambda _: (endpoint_of(PUBLIC_IP),), policy=policy)
    assert observed(engine, site(server.url())).outcome is Outcome.UP
    assert observed(engine, site(server.url("/in", host="public.test"))).reason is Reason.BLOCKED_ADDRESS
    assert observed(engine, site("http://10.0.0.1:9/")).reason is Reason.BLOCKED_ADDRESS


def test_no_list_opens_what_is_never_visited(make_engine: EngineFactory) -> None:
    recorder = Recorder()
    everything = tuple(ipaddress.ip_network(network) for network in ("0.0.0.0/0", "::/0"))
    engine = make_engine(connect=recorder, policy=AddressPolicy(is_public_only=True, allowed=everything))
    for host in ("169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"):
        assert observed(engine, site(f"http://{host}:9/")).reason is Reason.BLOCKED_ADDRESS
    assert recorder.ips == []


def test_the_environment_says_it_for_a_check_from_python(serve: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    url = serve(answering(response())).url()
    assert sitemon.check(url).outcome is Outcome.UP
    monkeypatch.setenv("SITEMON_ADDRESS_POLICY", "public")
    assert sitemon.check(url).reason is Reason.BLOCKED_ADDRESS
    monkeypatch.setenv("SITEMON_ADDRESS_ALLOW", "127.0.0.0/8")
    assert sitemon.check(url).outcome is Outcome.UP


def test_the_settings_say_it_for_the_engine_of_a_process(serve: ServerFactory) -> None:
    url = serve(answering(response())).url()
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)
    for choices, outcome in (
        (Settings(), Outcome.UP),
        (Settings(address_policy="public"), Outcome.DOWN),
        (Settings(address_policy="public", address_allow=loopback), Outcome.UP),
    ):
        engine = engine_for(choices)
        assert observed(engine, site(url)).outcome is outcome
        engine.close(5)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "64:ff9b::a9fe:a9fe", "proxy.test"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_at_an_address_that_is_never_visited_is_not_asked(
    scheme: str, host: str, make_engine: EngineFactory
) -> None:
    recorder = Recorder()
    lookup = (lambda _: (endpoint_of("169.254.169.254"),)) if host == "proxy.test" else look_up
    engine = make_engine(connect=recorder, lookup=lookup)
    seen = observed(engine, site(f"{scheme}://93.184.216.34:9/", proxy=Proxy(host, 9)))
    assert (seen.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])


def test_a_private_proxy_is_asked_only_where_private_addresses_are_visited(make_engine: EngineFactory) -> None:
    recorder = Recorder()
    engine = make_engine(connect=recorder, policy=PUBLIC_ONLY)
    seen = observed(engine, site("http://93.184.216.34:9/", proxy=Proxy("127.0.0.1", 9)))
    assert (seen.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])
