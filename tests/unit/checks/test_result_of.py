"""What a check found as a result: of what we may have failed ourselves, that nobody looked."""

from datetime import timedelta

import msgspec
import pytest

from sitemon import clock
from sitemon.checks.findings import Observation
from sitemon.checks.judge.observed import not_made
from sitemon.checks.result_of import result_of
from sitemon.model.outcome import Reason
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site
from tests.results import a_missed

SHOP = Site(name="shop", url="https://shop.example/", match="in stock")
AT = clock.utc_now()


def found(seen: Observation) -> Result:
    return result_of(seen, SHOP, region="default", kind=Kind.ADHOC, slot_at=AT)


def failed(reason: Reason, *, lag_s: float = 0.0, is_ours: bool = False) -> Observation:
    changed = {"reason": reason, "latency_s": 1.0, "lag_s": lag_s, "is_ours": is_ours, "ip": "192.0.2.1"}
    return msgspec.structs.replace(not_made(AT, SHOP), **changed)


@pytest.mark.parametrize("seen", [failed(Reason.DNS_ERROR, is_ours=True), failed(Reason.TIMEOUT, lag_s=3.0)])
def test_what_we_may_have_failed_ourselves_says_nothing_of_the_site_but_why(seen: Observation) -> None:
    known_at = AT + timedelta(seconds=1 + seen.lag_s)
    said = "this process failed at the check"
    assert found(seen) == a_missed("shop", kind=Kind.ADHOC, slot_at=AT, checked_at=known_at, error=said)


def test_what_a_site_failed_is_told_of_it() -> None:
    result = found(failed(Reason.TIMEOUT, lag_s=0.1))
    assert (result.outcome, result.reason, result.latency_s, result.ip) == ("down", "timeout", 1.0, "192.0.2.1")
