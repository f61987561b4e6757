"""Results for tests: a plain good one, with what a test is about changed."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sitemon import clock
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Phases, Result

MINUTE = timedelta(minutes=1)


@cache
def this_hour() -> datetime:
    """Return the beginning of the hour before that in which the tests began: all its slots have come.

    Slots lie around it, as old ones are not kept.
    """
    return (clock.utc_now() - 60 * MINUTE).astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def a_result(site: str = "shop", *, minute: float = 0, **fields: Any) -> Result:
    """Return a scheduled result of `this_hour`'s `minute`, which is up unless it is told otherwise."""
    slot_at = fields.pop("slot_at", this_hour() + minute * MINUTE)
    outcome = fields.get("outcome", Outcome.UP)
    found: dict[str, Any] = {
        "url": f"https://{site}.example/",
        "region": "default",
        "kind": Kind.SCHEDULED,
        "checked_at": slot_at + timedelta(milliseconds=20),
        "outcome": outcome,
    }
    if outcome is Outcome.MISSED:
        found["reason"] = Reason.SHED
    else:
        found |= {
            "http_code": 200,
            "latency_s": 0.25,
            "phases_s": Phases(dns=0.01, connect=0.02, tls=0.03, first_byte=0.15, download=0.04),
            "body_bytes": 1256,
            "ip": "127.0.0.1",
            "http_version": "1.1",
        }
    if outcome is Outcome.DOWN:
        found |= {"reason": Reason.TIMEOUT, "http_code": None}
    if outcome is Outcome.DEGRADED:
        found["reason"] = Reason.TOO_SLOW
    return Result(site=site, slot_at=slot_at, **(found | fields))


def a_missed(site: str = "shop", *, minute: float = 0, **fields: Any) -> Result:
    """Return a slot that nobody looked at."""
    return a_result(site, minute=minute, outcome=Outcome.MISSED, **fields)


def a_down(site: str = "shop", *, minute: float = 0, **fields: Any) -> Result:
    """Return a result of a site that does not answer."""
    return a_result(site, minute=minute, outcome=Outcome.DOWN, **fields)
