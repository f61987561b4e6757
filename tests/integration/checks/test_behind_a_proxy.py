"""Where a site behind a proxy may lead: the proxy connects, so that the name is all that we have."""

import errno
import ipaddress
import socket
import threading
from collections.abc import Mapping
from typing import Final

import pytest

from sitemon.checks.net.addresses import AddressPolicy
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Endpoint, Lookup, Resolver
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.local.behaviours import redirecting
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Proxy
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, punctual_s, site

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "shop.test": ("198.51.100.1", "93.184.216.34"),
    "other.test": ("93.184.216.35",),
    "inside.test": ("10.0.0.1",),
    "deeper.test": ("192.168.0.1", "fd12::1"),
    "both.test": ("93.184.216.36", "10.0.0.2"),
    "metadata.test": ("169.254.169.254",),
    "allowed.test": ("10.1.0.1",),
    "many.test": (*(f"93.184.216.{number}" for number in range(200)), "10.0.0.1"),
}
PUBLIC_ONLY: Final = AddressPolicy(
    is_public_only=True, allowed=tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "10.1.0.0/16")))
)


def lookup(host: str) -> tuple[Endpoint, ...]:
    ips = NAMES.get(host)
    if ips is None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return tuple(Endpoint(socket.AF_INET6 if ":" in ip else socket.AF_INET, (ip, 0)) for ip in ips)


def lookup_nothing(host: str) -> tuple[Endpoint, ...]:
    raise socket.gaierror(socket.EAI_AGAIN, "no name server")


@pytest.mark.parametrize(
    ("first", "following"),
    [
        ("shop.test", "inside.test"),
        ("shop.test", "both.test"),
        ("shop.test", "many.test"),
        ("shop.test", "metadata.test"),
        ("shop.test", "metadata.google.internal"),
        ("shop.test", "METADATA.google.internal."),
        ("shop.test", "localhost"),
        ("shop.test", "admin.localhost"),
        ("shop.test", "wiki"),
        ("shop.test", "wiki.corp"),
        ("shop.test", "printer.local"),
        ("shop.test", "10.0.0.1"),
        ("unknown.test", "inside.test"),
        ("unknown.test", "localhost"),
        ("inside.test", "metadata.test"),
        ("wiki.corp", "metadata.test"),
    ],
)
def test_a_redirect_behind_a_proxy_does_not_get_inside(
    first: str, following: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    proxy = serve(redirecting({f"http://{first}/": f"http://{following}/"}))
    seen = observed(make_engine(lookup=lookup), site(f"http://{first}/", proxy=Proxy("127.0.0.1", proxy.port)))
    assert (seen.reason, len(seen.hops)) == (Reason.BLOCKED_ADDRESS, 2), seen.error
    assert [asked.target for asked in proxy.asked] == [f"http://{first}/"]


@pytest.mark.parametrize(
    ("first", "following", "known"),
    [
        ("shop.test", "other.test", lookup),
        ("shop.test", "unknown.test", lookup),
        ("inside.test", "deeper.test", lookup),
        ("inside.test", "wiki.corp", lookup),
        ("wiki.corp", "inside.test", lookup),
        ("wiki", "localhost", lookup),
        ("10.0.0.1", "inside.test", lookup),
        ("shop.test", "www.shop.test", lookup_nothing),
    ],
)
def test_other_redirects_behind_a_proxy_are_followed(
    first: str, following: str, known: Lookup, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    proxy = serve(redirecting({f"http://{first}/": f"http://{following}/"}))
    seen = observed(make_engine(lookup=known), site(f"http://{first}/", proxy=Proxy("127.0.0.1", proxy.port)))
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 1), seen.error


def test_once_outside_no_redirect_leads_back_inside(make_engine: EngineFactory, serve: ServerFactory) -> None:
    places = {"http://inside.test/": "http://shop.test/", "http://shop.test/": "http://deeper.test/"}
    proxy = serve(redirecting(places))
    seen = observed(make_engine(lookup=lookup), site("http://inside.test/", proxy=Proxy("127.0.0.1", proxy.port)))
    assert (seen.reason, len(seen.hops)) == (Reason.BLOCKED_ADDRESS, 3), seen.error


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["metadata.google.internal", "Metadata.Google.Internal", "metadata.goog."])
def test_a_proxy_is_not_asked_for_a_metadata_service_by_its_name(
    host: str, scheme: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    proxy = serve(redirecting({}))
    seen = observed(make_engine(lookup=lookup), site(f"{scheme}://{host}/", proxy=Proxy("127.0.0.1", proxy.port)))
    assert (seen.reason, proxy.asked) == (Reason.BLOCKED_ADDRESS, [])


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("shop.test", Reason.BLOCKED_ADDRESS),
        ("other.test", None),
        ("unknown.test", None),
        ("inside.test", Reason.BLOCKED_ADDRESS),
        ("allowed.test", None),
        ("localhost", Reason.BLOCKED_ADDRESS),
        ("wiki.corp", Reason.BLOCKED_ADDRESS),
    ],
)
def test_where_only_public_addresses_are_visited_that_holds_for_names_behind_a_proxy_too(
    host: str, reason: Reason | None, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    proxy = serve(redirecting({}))
    engine = make_engine(lookup=lookup, policy=PUBLIC_ONLY)
    seen = observed(engine, site(f"http://{host}/", proxy=Proxy("127.0.0.1", proxy.port)))
    assert (seen.reason, len(proxy.asked)) == (reason, 0 if reason else 1), seen.error


def test_a_name_that_we_do_not_come_to_look_up_is_not_left_to_the_proxy(serve: ServerFactory) -> None:
    is_over = threading.Event()

    def silent(host: str) -> tuple[Endpoint, ...]:
        is_over.wait()
        return lookup(host)

    resolver = Resolver(threads=1, lookup=silent)
    with pytest.raises(TimeoutError):
        run_here(resolver.resolve("shop.test", IN_THREAD, 0.5))
    proxy = serve(redirecting({}))
    watched = site("http://inside.test/", proxy=Proxy("127.0.0.1", proxy.port))
    seen = run_here(visit(watched, Dialer(resolver, policy=PUBLIC_ONLY), IN_THREAD))
    is_over.set()
    assert (seen.is_ours, proxy.asked) == (True, []), seen.error


def test_nor_is_one_that_the_system_could_not_look_up(serve: ServerFactory) -> None:
    def fail(_: str) -> tuple[Endpoint, ...]:
        raise OSError(errno.EBUSY, "without a free file")

    proxy = serve(redirecting({}))
    watched = site("http://inside.test/", proxy=Proxy("127.0.0.1", proxy.port))
    seen = run_here(visit(watched, Dialer(Resolver(lookup=fail), policy=PUBLIC_ONLY), IN_THREAD))
    assert (seen.is_ours, proxy.asked) == (True, []), seen.error


def test_a_name_server_that_is_silent_is_not_waited_for_long(make_engine: EngineFactory, serve: ServerFactory) -> None:
    is_over = threading.Event()

    def silent(host: str) -> tuple[Endpoint, ...]:
        is_over.wait()
        return lookup_nothing(host)

    proxy = serve(redirecting({"http://shop.test/": "http://other.test/"}))
    seen = observed(make_engine(lookup=silent), site("http://shop.test/", proxy=Proxy("127.0.0.1", proxy.port)))
    is_over.set()
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 1), seen.error
    assert 1 <= seen.phases_s.dns <= seen.latency_s
    assert punctual_s(seen) < 3
