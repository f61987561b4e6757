"""What people and Alertmanager read of a site that is degraded."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sitemon.alert.channels import request_of
from sitemon.alert.events import degraded_event
from sitemon.alert.message import message_of
from sitemon.alert.text import body_of, subject_of
from sitemon.incident.rows import Cause
from sitemon.model.alerts import Channel
from sitemon.store.degraded import Degradation

SINCE: Final = datetime(2026, 11, 24, 7, tzinfo=UTC)
NOW: Final = SINCE + timedelta(minutes=5)
SLOW: Final = Degradation(
    1, "shop", "https://shop.example/", SINCE, None, None, {"eu": "degraded"}, Cause("too_slow", 200, "took 0.9 s")
)
PARTLY: Final = SLOW._replace(regions={"eu": "down", "us": "up"}, cause=Cause("timeout", excerpt="Hi all"))


def event_of(one: Degradation) -> dict[str, Any]:
    return degraded_event(one, {"team": "web"}, NOW, uuid.UUID(int=1))


def said(one: Degradation) -> tuple[str, list[str]]:
    return subject_of(event_of(one)), body_of(event_of(one)).splitlines()


def test_of_a_site_that_is_slow() -> None:
    assert said(SLOW) == (
        "shop is degraded: too_slow (200)",
        [
            "https://shop.example/",
            "Degraded since 2026-11-24 07:00:00 UTC",
            "Slow from eu",
            "Why: too_slow (200), the check took longer than the expected latency",
            "took 0.9 s",
        ],
    )


def test_of_a_site_that_is_down_from_one_region() -> None:
    assert said(PARTLY) == (
        "shop is degraded, down from eu: timeout",
        [
            "https://shop.example/",
            "Degraded since 2026-11-24 07:00:00 UTC",
            "Down from eu",
            "Well from us",
            "Why: timeout, the check did not end within the site's timeout",
            "The page says: Hi all",
        ],
    )


def test_of_a_site_that_is_no_longer_degraded() -> None:
    assert said(PARTLY._replace(ended_at=NOW, cause=Cause("timeout"))) == (
        "shop is no longer degraded, after 5 min",
        [
            "https://shop.example/",
            "Degraded since 2026-11-24 07:00:00 UTC",
            "Up again since 2026-11-24 07:05:00 UTC",
            "Why: timeout, the check did not end within the site's timeout",
        ],
    )


def test_together_with_others_it_is_a_paragraph() -> None:
    events = [event_of(SLOW), event_of(PARTLY._replace(site="blog"))]
    message = message_of(events)
    assert message.subject == "2 sites are degraded: shop, blog"
    assert message.is_bad_news
    assert message.body.splitlines()[:3] == [
        "shop is degraded: too_slow (200)",
        "https://shop.example/",
        "Since 2026-11-24 07:00:00 UTC, seen from eu",
    ]


def test_alertmanager_sees_one_alert_begin_and_end() -> None:
    channel = Channel(name="am", kind="alertmanager", url="http://alertmanager.example:9093")
    begun, over = (
        json.loads(request_of(channel, event_of(one), NOW).body)[0]
        for one in (SLOW, SLOW._replace(ended_at=NOW, channels=["am"]))
    )
    assert begun["labels"] == over["labels"] == {"alertname": "SiteDegraded", "site": "shop", "label_team": "web"}
    assert begun["startsAt"] == over["startsAt"] == "2026-11-24T07:00:00.000000Z"
    assert datetime.fromisoformat(begun["endsAt"]) > NOW
    assert datetime.fromisoformat(over["endsAt"]) == NOW
