"""How far a host name leads by itself."""

import pytest

from sitemon.checks.net.addresses import Reach
from sitemon.checks.net.host_names import reach_of_name
from sitemon.checks.net.metadata_services import NAMES

PRIVATE = ["localhost", "LOCALHOST.", "a.localhost", "wiki", "nas.local", "wiki.corp", "home.arpa", "nas.home.arpa"]
PUBLIC = ["shop.example", "localhost.example", "metadata.google.internal.example", "notlocal.example", "corp.example"]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_name_of_private_networks_is_known(host: str) -> None:
    assert reach_of_name(host) is Reach.PRIVATE


@pytest.mark.parametrize("host", PUBLIC)
def test_any_other_name_may_lead_outside(host: str) -> None:
    assert reach_of_name(host) is Reach.PUBLIC


def test_a_metadata_service_is_known_by_its_name_however_that_is_written() -> None:
    for name, source in NAMES.items():
        assert ": https://" in source
        for host in (name, name.upper(), f"{name}."):
            assert reach_of_name(host) is Reach.BLOCKED
