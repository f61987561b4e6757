"""What leaders said, for tests: moments are minutes of an hour that is long enough ago for all its slots to be due."""

import functools
from datetime import datetime, timedelta

from sitemon.model.marks import Reign
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Away, Ended, Started, Told
from tests.results import MINUTE, this_hour

PATIENCE_S = 40


@functools.cache
def start() -> datetime:
    """Return the beginning of that hour, the same for a whole run: a test may see the hour turn."""
    return this_hour() - timedelta(hours=5)


def at(minute: float) -> datetime:
    return start() + minute * MINUTE


def at_ms(minute: float) -> int:
    return to_ms(at(minute))


def started(
    minute: float,
    interval_s: int = 60,
    site: str = "shop",
    *,
    said: float | None = None,
    patience_s: int = PATIENCE_S,
    region: str = "default",
) -> Started:
    """The site's slots begin at a minute; that was `said` then, by default half a minute before."""
    said_ms = at_ms(minute - 0.5 if said is None else said)
    return Started(
        site=site,
        region=region,
        token=1,
        sequence=said_ms,
        at_ms=said_ms,
        interval_ms=interval_s * 1_000,
        from_slot_ms=at_ms(minute),
        patience_ms=patience_s * 1_000,
    )


def ended(minute: float, site: str = "shop", *, region: str = "default") -> Ended:
    """The site's slots before a minute were the last."""
    said_ms = at_ms(minute - 0.5)
    return Ended(site=site, region=region, token=1, sequence=said_ms, at_ms=said_ms)


def told(minute: float, *, token: int = 2, sequence: int = 1, first: int = 1) -> Told:
    """The whole schedule was told at a minute."""
    return Told(token=token, sequence=sequence, first=first, at_ms=at_ms(minute))


def away(from_minute: float, until_minute: float, region: str = "default") -> Away:
    """What a leader of an earlier version told."""
    return Away(region=region, from_ms=at_ms(from_minute), until_ms=at_ms(until_minute))


def reign(from_minute: float, until_minute: float, token: int = 1) -> Reign:
    return Reign(token=token, from_ms=at_ms(from_minute), until_ms=at_ms(until_minute))
