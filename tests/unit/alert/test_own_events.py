"""What people and Alertmanager read of regions and of silence."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sitemon.alert.channels import request_of
from sitemon.alert.own_events import region_event, silence_event
from sitemon.alert.text import body_of, subject_of
from sitemon.incident.connectivity import Turn
from sitemon.model.alerts import Channel
from sitemon.store.silence import Silence

SINCE = datetime(2026, 11, 24, 7, tzinfo=UTC)
LATER = SINCE + timedelta(minutes=10)
NOW = SINCE + timedelta(minutes=11)
OFFLINE = region_event("eu", Turn(SINCE, 12, 14), SINCE, NOW)
ONLINE = region_event("eu", Turn(LATER, 9, 9), SINCE, NOW)
LOST = Silence("worker_lost", "eu", SINCE, 7, ("a", "b"))
NOTHING = Silence("not_recorded", "", SINCE, 2, ("a", "b"))


@pytest.mark.parametrize(
    ("event", "subject", "body"),
    [
        (
            OFFLINE,
            "Region eu is offline: its sites are not judged from there",
            (
                "Since 2026-11-24 07:00:00 UTC\n12 of 14 hosts began to fail at once, for reasons of the network\n"
                "Look at the network of the workers of eu"
            ),
        ),
        (
            ONLINE,
            "Region eu is online again",
            "It was offline from 2026-11-24 07:00:00 UTC to 2026-11-24 07:10:00 UTC\n9 of 9 hosts answer again",
        ),
        (
            silence_event(LOST, NOW, is_over=False),
            "Nobody looks at 7 sites in eu: worker_lost",
            "Since 2026-11-24 07:00:00 UTC\nthe worker that had taken the slot died\na, b, …",
        ),
        (
            silence_event(NOTHING, NOW, is_over=False),
            "Nobody looks at 2 sites: not_recorded",
            "Since 2026-11-24 07:00:00 UTC\nno result is recorded; look whether recorder, beat and workers run\na, b",
        ),
        (
            silence_event(Silence("worker_lost", "eu", SINCE), NOW, is_over=True),
            "Sites are looked at again in eu: worker_lost is over",
            "It began at 2026-11-24 07:00:00 UTC",
        ),
        (
            silence_event(Silence("worker_lost", "eu", SINCE), NOW, is_over=True, still=["beat_down"]),
            "worker_lost is over in eu, but nobody looks at sites: beat_down",
            "It began at 2026-11-24 07:00:00 UTC",
        ),
    ],
)
def test_in_words(event: dict[str, Any], subject: str, body: str) -> None:
    assert (subject_of(event), body_of(event)) == (subject, body)


def test_times_are_also_in_the_zone_of_the_reader() -> None:
    lines = body_of(ONLINE, ZoneInfo("Europe/Helsinki")).splitlines()
    assert lines[0] == (
        "It was offline from 2026-11-24 07:00:00 UTC (09:00:00 Europe/Helsinki) "
        "to 2026-11-24 07:10:00 UTC (09:10:00 Europe/Helsinki)"
    )


def alert_of(event: dict[str, Any]) -> dict[str, Any]:
    channel = Channel(name="am", kind="alertmanager", url="http://alertmanager.example:9093")
    [alert] = json.loads(request_of(channel, event, NOW).body)
    return dict(alert)


@pytest.mark.parametrize(
    ("begun", "over", "labels"),
    [
        (OFFLINE, ONLINE, {"alertname": "RegionOffline", "region": "eu"}),
        (
            silence_event(LOST, NOW, is_over=False),
            silence_event(LOST, NOW, is_over=True),
            {"alertname": "MonitorSilent", "region": "eu", "cause": "worker_lost"},
        ),
    ],
)
def test_alertmanager_sees_one_alert_begin_and_end(begun: dict[str, Any], over: dict[str, Any], labels: object) -> None:
    first, last = alert_of(begun), alert_of(over)
    assert first["labels"] == last["labels"] == labels
    assert first["startsAt"] == last["startsAt"] == "2026-11-24T07:00:00.000000Z"
    assert datetime.fromisoformat(first["endsAt"]) > NOW
    assert datetime.fromisoformat(last["endsAt"]) == NOW
