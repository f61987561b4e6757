"""Sites of a snapshot, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sitemon.store.page import Watch

NOW: Final = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def a_watch(site: str = "shop", state: str = "up", *, minutes: float = 5, **fields: Any) -> Watch:
    """Return a site in a region that has been so for some minutes."""
    plain: dict[str, Any] = {
        "region": "default",
        "url": f"https://{site}.example/",
        "state_since": NOW - timedelta(minutes=minutes),
        "seen_at": NOW,
        "reason": None,
        "http_code": 200,
        "latency_s": 0.1,
        "interval_s": 60.0,
        "labels": {},
    }
    return Watch(site=site, state=state, **(plain | fields))
