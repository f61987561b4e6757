"""An address that we had too little of something to try is passed over, and says nothing of the site."""

import contextlib
import errno
from collections.abc import Iterator

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.resolver import Endpoint
from tests.integration.checks.test_dialer import V4, Network, dial, exchange, names


@pytest.fixture
def network() -> Iterator[Network]:
    with contextlib.closing(Network()) as made:
        yield made


def dial_any(dialer: Dialer) -> BoundedSocket:
    return dial(dialer, exchange(0.5), "shop.test", 80, came_from_public=False)


def test_an_address_with_too_many_sockets_of_ours_is_passed_over(network: Network) -> None:
    network.answering = {V4[0], V4[1]}
    dialer = Dialer(names(V4[0], V4[1]), network, most_at_address=1)
    first = dial_any(dialer)
    dial_any(dialer)
    with pytest.raises(OwnError):
        dial_any(dialer)
    first.close()
    first.close()
    network.answering = set()
    with pytest.raises(OwnError):
        dial_any(dialer)
    assert network.ips == [V4[0], V4[1], V4[0]]


def test_who_is_refused_at_once_leaves_the_address_to_others(network: Network) -> None:
    dialer = Dialer(names(V4[0]), network, most_at_address=1)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            dial_any(dialer)


@pytest.mark.parametrize("other", ["refuses", "is silent"])
def test_that_no_other_answers_is_no_word_on_the_site_then(network: Network, other: str) -> None:
    network.answering, network.silent = {V4[0]}, {V4[1]} if other == "is silent" else set()
    dialer = Dialer(names(V4[0], V4[1]), network, most_at_address=1)
    dial_any(dialer)
    with pytest.raises(OwnError):
        dial_any(dialer)
    assert network.ips == [V4[0], V4[1]]


@pytest.mark.parametrize("other", ["refuses", "is silent"])
def test_nor_is_it_where_we_had_no_file_for_one(network: Network, other: str) -> None:
    network.silent = {V4[1]} if other == "is silent" else set()

    def connect(endpoint: Endpoint) -> BoundedSocket:
        if endpoint.ip == V4[0]:
            raise OSError(errno.EMFILE, "Too many open files")
        return network(endpoint)

    with pytest.raises(OSError, match="Too many open files"):
        dial_any(Dialer(names(V4[0], V4[1]), connect))
    assert network.ips == [V4[1]]
