"""An address that we had too little of something to try is passed over, and says nothing of the site."""

import contextlib
import errno
from collections.abc import Iterator

import pytest

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
