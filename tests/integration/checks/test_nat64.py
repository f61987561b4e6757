"""Where our own network leads to IPv4 addresses by IPv6 ones of its own prefix: nobody gets inside by these."""

import ipaddress
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.net import nat64
from sitemon.checks.net.addresses import OWN_NETWORK, AddressPolicy
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Endpoint, Lookup, Resolver
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.model.outcome import Reason
from sitemon.model.site import Proxy
from tests.integration.checks.conftest import site
from tests.integration.checks.test_addresses import PUBLIC_IP, PUBLIC_ONLY, Recorder, endpoint_of

BEHIND = {
    32: ("2600:64:c000:aa::", "2600:64:{0:02x}{1:02x}:{2:02x}{3:02x}::"),
    40: ("2600:64:7c0:0:aa::", "2600:64:7{0:02x}:{1:02x}{2:02x}:{3:02x}::"),
    48: ("2600:64:7:c000:0:aa00::", "2600:64:7:{0:02x}{1:02x}:{2:02x}:{3:02x}00::"),
    56: ("2600:64:7:7c0:0:aa::", "2600:64:7:7{0:02x}:{1:02x}:{2:02x}{3:02x}::"),
    64: ("2600:64:7:7:c0:0:aa00:0", "2600:64:7:7:{0:02x}:{1:02x}{2:02x}:{3:02x}00:0"),
    96: ("2600:64:7:7:7:7:c000:aa", "2600:64:7:7:7:7:{0:02x}{1:02x}:{2:02x}{3:02x}"),
}
"""By the length of the prefix: what a network's name service says of the name, and an address of four octets."""
INSIDE = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.7.8"]
PREFIXED, TEMPLATE = BEHIND[96]


def behind(template: str, ip: str) -> str:
    return str(ipaddress.ip_address(template.format(*map(int, ip.split(".")))))


class NameService:
    """Says what it is told to, of the name by which a network's prefix is learnt, when it is let to; counts that."""

    def __init__(self, *ips: str, error: int = 0) -> None:
        self.ips, self.error = ips, error
        self.asked = 0
        self.is_answering, self.is_asked = threading.Event(), threading.Event()
        self.is_answering.set()

    def __call__(self, host: str) -> tuple[Endpoint, ...]:
        assert host == nat64.NAME
        self.asked += 1
        self.is_asked.set()
        self.is_answering.wait(10)
        if self.error:
            raise socket.gaierror(self.error, "")
        return tuple(map(endpoint_of, self.ips))


class Network:
    """A process in a network of this name service; all other names stand for one address."""

    def __init__(self, names: Lookup, policy: AddressPolicy = PUBLIC_ONLY, *, others: str = PUBLIC_IP) -> None:
        self.recorder = Recorder(PUBLIC_IP)
        resolver = Resolver(lookup=lambda _: (endpoint_of(others),))
        self._dialer = Dialer(
            resolver, self.recorder, self.recorder, policy, is_own=lambda _: False, look_up_ipv6=names
        )

    def seen(self, url: str, **fields: object) -> Observation:
        return run_here(visit(site(url, **fields), self._dialer, IN_THREAD))


@pytest.mark.parametrize("length", BEHIND)
def test_what_is_inside_is_not_visited_by_the_networks_prefix(length: int) -> None:
    answer, template = BEHIND[length]
    network = Network(NameService(answer))
    for ip in INSIDE:
        found = network.seen(f"tcp://[{behind(template, ip)}]:9")
        assert (found.reason, network.recorder.ips) == (Reason.BLOCKED_ADDRESS, [])
        assert "by NAT64" in str(found.error)
    network.seen(f"tcp://[{behind(template, '8.8.8.8')}]:9")
    assert network.recorder.ips == [behind(template, "8.8.8.8")]


@pytest.mark.parametrize("url", ["http://{}:9/", "https://{}:9/", "tcp://{}:9", "tls://{}:9", "dns://{}:9/shop.test"])
@pytest.mark.parametrize("host", ["named.test", f"[{behind(TEMPLATE, '10.0.0.1')}]"])
def test_whatever_leads_there(url: str, host: str) -> None:
    network = Network(NameService(PREFIXED), others=behind(TEMPLATE, "10.0.0.1"))
    assert network.seen(url.format(host)).reason is Reason.BLOCKED_ADDRESS
    assert network.recorder.ips == []


def test_no_proxy_is_asked_for_it() -> None:
    network = Network(NameService(PREFIXED))
    found = network.seen(f"http://[{behind(TEMPLATE, '10.0.0.1')}]:9/", proxy=Proxy(PUBLIC_IP, 9))
    assert (found.reason, network.recorder.ips) == (Reason.BLOCKED_ADDRESS, [])


@pytest.mark.parametrize(
    "policy", [OWN_NETWORK, AddressPolicy(is_public_only=True, allowed=(ipaddress.ip_network("10.0.0.0/8"),))]
)
def test_it_is_where_the_operator_lists_it_or_lets_all_be_visited(policy: AddressPolicy) -> None:
    network = Network(NameService(PREFIXED), policy)
    network.seen(f"tcp://[{behind(TEMPLATE, '10.0.0.1')}]:9")
    assert network.recorder.ips == [behind(TEMPLATE, "10.0.0.1")]


@pytest.mark.parametrize("answer", [socket.EAI_NODATA, socket.EAI_NONAME, socket.EAI_ADDRFAMILY])
def test_in_a_network_without_it_all_are_visited(answer: int) -> None:
    names = NameService(error=answer)
    network = Network(names)
    for _ in range(3):
        network.seen("tcp://[2600::a00:1]:9")
    assert network.recorder.ips == ["2600::a00:1"] * 3
    assert names.asked == 1


def test_while_the_name_service_does_not_tell_nothing_is_said_of_a_site() -> None:
    names = NameService(error=socket.EAI_AGAIN)
    network = Network(names)
    for _ in range(3):
        found = network.seen("tcp://[2600::1]:9")
        assert (found.is_ours, found.reason, network.recorder.ips) == (True, Reason.DNS_ERROR, [])
        assert nat64.NAME in str(found.error)
    assert names.asked == 1
    network.seen("tcp://8.8.8.8:9")
    assert network.recorder.ips == ["8.8.8.8"]


def test_half_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both families the C library returns one alone, and no error, where the name service fails for the other."""
    families: list[int] = []

    def half(host: str, port: object, family: int = 0, *_: object, **__: object) -> list[object]:
        families.append(family)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_AGAIN, "")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.0.170", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", half)
    network = Network(nat64.look_up_ipv6)
    assert network.seen("tcp://[2600::1]:9").is_ours
    assert (network.recorder.ips, families) == ([], [socket.AF_INET6])


def test_its_last_word_holds_until_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(nat64, "monotonic_s", lambda: now_s)
    names = NameService(PREFIXED)
    network = Network(names)

    def reason() -> Reason | None:
        return network.seen(f"tcp://[{behind(TEMPLATE, '10.0.0.1')}]:9").reason

    assert (reason(), names.asked) == (Reason.BLOCKED_ADDRESS, 1)
    now_s, names.error = 601.0, socket.EAI_AGAIN
    assert (reason(), names.asked) == (Reason.BLOCKED_ADDRESS, 2)
    now_s, names.error, names.ips = 612.0, 0, ("2600::1",)
    assert (reason(), names.asked) == (Reason.BLOCKED_ADDRESS, 3)
    now_s, names.error = 623.0, socket.EAI_NODATA
    assert (reason(), names.asked) == (Reason.CONNECT_ERROR, 4)


def test_a_check_that_cannot_wait_keeps_no_other_from_the_answer() -> None:
    names = NameService(error=socket.EAI_NODATA)
    names.is_answering.clear()
    network = Network(names)
    assert network.seen("tcp://[2600::1]:9", timeout_s=0.001).is_ours
    with ThreadPoolExecutor() as others:
        found = [others.submit(network.seen, "tcp://[2600::1]:9") for _ in range(4)]
        names.is_asked.wait(10)
        names.is_answering.set()
        assert not any(one.result().is_ours for one in found)
    assert (network.recorder.ips, names.asked) == (["2600::1"] * 4, 1)
