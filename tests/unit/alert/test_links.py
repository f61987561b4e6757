"""Where on the page people see more of what they are told."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from sitemon.alert.events import DOWN, certificate_event
from sitemon.alert.links import linked
from sitemon.alert.message import message_of
from sitemon.alert.own_events import region_event
from sitemon.incident.change import What
from sitemon.incident.connectivity import Turn
from sitemon.store.certificate import Expiring
from tests.unit.alert.test_text import an_event

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)
PAGE = "https://status.example"
REGION = region_event("eu", Turn(NOW, 12, 14), NOW, NOW)


def of_certificate(site: str) -> dict[str, Any]:
    return certificate_event(
        Expiring(1, site, "https://shop.example/", NOW, None, is_scheduled=True), 7, {}, NOW, uuid.UUID(int=1)
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (an_event(DOWN, What.OPENED), "https://status.example/incidents/17"),
        (of_certificate("shop"), "https://status.example/sites/shop"),
        (of_certificate("https://x/?#b c"), "https://status.example/sites/https%3A//x/%3F%23b%20c"),
        (REGION, "https://status.example/"),
    ],
)
def test_each_event_leads_to_what_it_is_about(event: dict[str, Any], expected: str) -> None:
    assert linked(event, PAGE)["data"]["link"] == expected
    assert linked(event, None)["data"]["link"] is None


def test_people_read_the_link_alone_and_among_others() -> None:
    down, region = linked(an_event(DOWN, What.OPENED), PAGE), linked(REGION, PAGE)
    link = "https://status.example/incidents/17"
    assert link in message_of([down]).body.splitlines()
    lines = message_of([down, region]).body.splitlines()
    assert [line for line in lines if line.startswith(PAGE)] == [link, "https://status.example/"]
