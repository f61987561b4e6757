"""This machine's own addresses, also public ones: Linux leads there through loopback, past what stands before it."""

import errno
import ipaddress
import socket
import struct
from types import SimpleNamespace
from unittest.mock import MagicMock, Mock

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.findings import Observation
from sitemon.checks.net import own_addresses
from sitemon.checks.net.addresses import OWN_NETWORK, Address, AddressPolicy
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.own_addresses import is_own
from sitemon.checks.net.resolver import Resolver
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.model.outcome import Reason
from sitemon.model.site import Proxy
from tests.integration.checks.conftest import site
from tests.integration.checks.test_addresses import PUBLIC_IP, PUBLIC_ONLY, Recorder, endpoint_of

OWN, OWN_6 = "8.8.4.4", "2600:1::5"
OTHER = "8.8.4.5"
LISTED = AddressPolicy(is_public_only=True, allowed=(ipaddress.ip_network("8.8.4.0/24"),))


def has(address: Address) -> bool:
    """Stand in for the kernel of a machine that has two public addresses."""
    return str(address) in (OWN, OWN_6)


def seen(url: str, recorder: Recorder, policy: AddressPolicy = PUBLIC_ONLY, *ips: str, **fields: object) -> Observation:
    """Check a URL on that machine; names lead to `ips`."""
    resolver = Resolver(lookup=lambda _: tuple(map(endpoint_of, ips)))
    dialer = Dialer(resolver, recorder, recorder, policy, is_own=has)
    return run_here(visit(site(url, **fields), dialer, IN_THREAD))


@pytest.mark.parametrize("host", [OWN, f"[{OWN_6}]", f"[::ffff:{OWN}]", "0x08.0x08.0x04.0x04", "ours.test"])
@pytest.mark.parametrize("url", ["http://{}:9/", "https://{}:9/", "tcp://{}:9", "tls://{}:9", "dns://{}:9/shop.test"])
def test_they_are_not_visited_where_only_public_ones_may_be(url: str, host: str) -> None:
    recorder = Recorder()
    found = seen(url.format(host), recorder, PUBLIC_ONLY, OWN)
    assert (found.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])
    assert found.error is not None
    assert "an address of this machine" in found.error


def test_of_a_name_that_leads_there_too_the_other_address_is_visited() -> None:
    recorder = Recorder()
    seen("tcp://shop.test:9", recorder, PUBLIC_ONLY, OWN, OTHER)
    assert recorder.ips == [OTHER]


def test_no_proxy_is_asked_for_them() -> None:
    recorder = Recorder(PUBLIC_IP)
    found = seen(f"http://{OWN}:9/", recorder, PUBLIC_ONLY, proxy=Proxy(PUBLIC_IP, 9))
    assert (found.reason, recorder.ips) == (Reason.BLOCKED_ADDRESS, [])


@pytest.mark.parametrize("policy", [LISTED, OWN_NETWORK])
def test_they_are_where_the_operator_lists_them_or_lets_all_be_visited(policy: AddressPolicy) -> None:
    for host in (OWN, "ours.test"):
        recorder = Recorder()
        seen(f"tcp://{host}:9", recorder, policy, OWN)
        assert recorder.ips == [OWN]


def test_the_kernel_is_asked_only_where_only_public_ones_may_be_visited() -> None:
    kernel, recorder = Mock(return_value=False), Recorder()
    for policy, asked in ((OWN_NETWORK, 0), (LISTED, 0), (PUBLIC_ONLY, 1)):
        dialer = Dialer(Resolver(), recorder, recorder, policy, is_own=kernel)
        run_here(visit(site(f"tcp://{OWN}:9"), dialer, IN_THREAD))
        assert kernel.call_count == asked


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_kernel_knows_them(ip: str) -> None:
    """From 127.0.0.1 Linux connects to 127.0.0.2, as it does to any but the first address of an interface."""
    assert is_own(ipaddress.ip_address(ip))


@pytest.mark.parametrize("ip", ["192.0.2.1", "255.255.255.255", "2001:db8::1"])
def test_and_those_of_others(ip: str) -> None:
    assert not is_own(ipaddress.ip_address(ip))


def test_where_the_kernel_cannot_be_asked_nothing_is_said_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_addresses, "socket", Mock(wraps=socket, socket=Mock(side_effect=PermissionError)))
    recorder = Recorder()
    dialer = Dialer(Resolver(), recorder, recorder, PUBLIC_ONLY)
    found = run_here(visit(site(f"tcp://{OWN}:9"), dialer, IN_THREAD))
    assert (found.is_ours, recorder.ips) == (True, [])
    assert found.error is not None
    assert "netlink" in found.error


def kernel_that_answers(monkeypatch: pytest.MonkeyPatch, kind: int, code: int) -> None:
    """Have the kernel answer by a message of this kind, which begins with a number."""
    answer = struct.pack("=IHHII", 20, kind, 0, 0, 0) + struct.pack("=i", code)
    kernel = MagicMock(recv=Mock(return_value=answer))
    kernel.__enter__.return_value = kernel
    stand_in = SimpleNamespace(**{**vars(socket), "socket": Mock(return_value=kernel)})
    monkeypatch.setattr(own_addresses, "socket", stand_in)


NLMSG_ERROR, NLMSG_DONE = 2, 3


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_where_no_way_leads_there_is_nothing_of_ours(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    kernel_that_answers(monkeypatch, NLMSG_ERROR, -code)
    assert not is_own(ipaddress.ip_address(OTHER))


@pytest.mark.parametrize(
    ("kind", "code"),
    [(NLMSG_ERROR, -errno.EPERM), (NLMSG_ERROR, -errno.EOPNOTSUPP), (NLMSG_ERROR, 0), (NLMSG_DONE, 0)],
)
def test_where_the_kernel_does_not_say_nothing_is_said_of_the_site(
    monkeypatch: pytest.MonkeyPatch, kind: int, code: int
) -> None:
    kernel_that_answers(monkeypatch, kind, code)
    recorder = Recorder()
    found = run_here(visit(site(f"tcp://{OWN}:9"), Dialer(Resolver(), recorder, recorder, PUBLIC_ONLY), IN_THREAD))
    assert (found.is_ours, recorder.ips) == (True, [])
    assert "does not say" in str(found.error)


def test_the_address_of_which_it_does_is_visited() -> None:
    """As where it knows no IPv6."""
    recorder = Recorder()

    def is_own_of(address: Address) -> bool:
        if address.version == 6:
            raise OwnError(Reason.CONNECT_ERROR, "")
        return False

    resolver = Resolver(lookup=lambda _: (endpoint_of(OWN_6), endpoint_of(OTHER)))
    dialer = Dialer(resolver, recorder, recorder, PUBLIC_ONLY, is_own=is_own_of)
    run_here(visit(site("tcp://shop.test:9"), dialer, IN_THREAD))
    assert recorder.ips == [OTHER]
