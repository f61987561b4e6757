"""What an alert says of a site has bounds, however long its URL and its labels are."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from sitemon.alert.events import DOWN, certificate_event, degraded_event, event_of, labels_told
from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from sitemon.model.alerts import Audience
from sitemon.store.certificate import Expiring
from sitemon.store.deciding import Circumstances
from sitemon.store.degraded import Degradation

NOW: Final = datetime(2026, 11, 24, 7, tzinfo=UTC)
NUMBER: Final = uuid.UUID(int=1)


def down(url: str) -> dict[str, Any]:
    change = Change(What.OPENED, Incident(NOW, NOW, ("eu",), Cause("timeout")), 17)
    around = Circumstances(url, None, None)
    return event_of(DOWN, change, number=17, site="shop", labels={}, around=around, now=NOW, event_id=NUMBER)


def degraded(url: str) -> dict[str, Any]:
    one = Degradation(1, "shop", url, NOW, None, None, {"eu": "degraded"}, Cause("too_slow"))
    return degraded_event(one, {}, NOW, NUMBER)


def certificate(url: str) -> dict[str, Any]:
    one = Expiring(1, "shop", url, NOW + timedelta(days=7), None, is_scheduled=True)
    return certificate_event(one, 7, {}, NOW, NUMBER)


@pytest.mark.parametrize("event", [down, degraded, certificate])
def test_of_a_long_url_the_beginning_is_told(event: Any) -> None:
    url = "https://shop.example/".ljust(2_048, "x")
    assert event(url)["data"]["url"] == url
    assert event(f"{url}y")["data"]["url"] == f"{url}…"


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({}, []),
        ({"team": "web", "zone": "a"}, ["team", "zone"]),
        ({"build": "x" * 4_000, "team": "web"}, ["team"]),
        ({"a": "x" * 400, "team": "web", "b": "x" * 401, "c": "x" * 402}, ["a", "team", "b"]),
        ({"é" * 512: "", "a": ""}, ["a"]),
        ({"é" * 512: ""}, ["é" * 512]),
    ],
)
def test_of_long_labels_those_are_told_that_have_room_the_shortest_first(
    labels: Mapping[str, str], told: list[str]
) -> None:
    assert labels_told(Audience(labels)) == {name: labels[name] for name in told}
