"""The servers of ``sitemon sample``: a check finds of each what the list says."""

from collections.abc import Iterator, Mapping

import msgspec
import pytest

from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import connect_tcp
from sitemon.checks.net.resolver import Endpoint
from sitemon.clock import utc_now
from sitemon.config.sites import load_sites
from sitemon.local.misbehaving import MISBEHAVIOURS, misbehaving, sites_yaml
from sitemon.local.sample import SAMPLES
from sitemon.model.outcome import REASONS, Outcome, Reason
from sitemon.model.site import Site
from tests.integration.checks.conftest import EngineFactory, observed


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Site]]:
    """The sites of the file that is written for them, while all of them run."""
    folder = tmp_path_factory.mktemp("misbehaving")
    with misbehaving(folder, utc_now()) as urls:
        file = folder / "sites.yaml"
        file.write_text(sites_yaml(urls))
        yield load_sites({}, file).by_name


def connect_on_loopback_only(endpoint: Endpoint) -> BoundedSocket:
    assert endpoint.ip == "127.0.0.1", "what is blocked must not get this far"
    return connect_tcp(endpoint)


@pytest.mark.parametrize("name", [one.name for one in MISBEHAVIOURS])
def test_a_check_finds_what_the_list_says(name: str, sites: Mapping[str, Site], make_engine: EngineFactory) -> None:
    expected = next(one.reason for one in MISBEHAVIOURS if one.name == name)
    timeout_s = sites[name].timeout_s if expected is Reason.TIMEOUT else 10.0  # a slow machine has to read much, too
    site = msgspec.structs.replace(sites[name], timeout_s=timeout_s)
    seen = observed(make_engine(connect=connect_on_loopback_only), site)
    assert (seen.reason, seen.outcome) == (expected, REASONS[expected][0] if expected else Outcome.UP), seen.error


def test_forty_and_more_misbehave_and_every_reason_is_among_them() -> None:
    reasons = [one.reason for one in MISBEHAVIOURS if one.reason is not None]
    assert len(reasons) >= 40
    assert set(reasons) == {reason for reason in Reason if REASONS[reason][0] is not Outcome.MISSED}


def test_each_has_a_name_of_its_own_also_beside_the_sites_of_the_demo() -> None:
    names = [one.name for one in (*SAMPLES, *MISBEHAVIOURS)]
    assert len(names) == len(set(names))


def test_the_sites_of_the_demo_stay_fourteen() -> None:
    assert len(SAMPLES) == 14
