"""What is said of sitemon itself, as events of the same form as those of sites. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from sitemon.alert.moments import moment_words
from sitemon.incident.connectivity import Turn
from sitemon.model.alert_event import (
    AboutRegion,
    AboutSilence,
    MonitorSilent,
    RegionOffline,
    RegionOnline,
    plain,
)
from sitemon.model.moment import format_utc
from sitemon.model.one_line import one_line
from sitemon.model.outcome import REASONS
from sitemon.store.silence import Silence

REGION_OFFLINE: Final = "region.offline"
REGION_ONLINE: Final = "region.online"
SILENT: Final = "monitor.silent"
OWN: Final = frozenset({REGION_OFFLINE, REGION_ONLINE, SILENT})

_CAUSES: Final[Mapping[str, str]] = {
    "not_recorded": "no result is recorded; look whether recorder, beat and workers run",
    **{str(reason): meaning for reason, (_, meaning) in REASONS.items()},
}


def region_event(region: str, turn: Turn, offline_since: datetime, now: datetime) -> dict[str, Any]:
    """Return the event that a region is offline since then, or, if `turn` is later, that it is online again."""
    is_online = turn.at > offline_since
    data = AboutRegion(
        id=str(uuid.uuid4()),
        region=region,
        state="online" if is_online else "offline",
        since=format_utc(turn.at),
        began_at=format_utc(offline_since),
        hosts=turn.hosts,
        hosts_looked_at=turn.of,
    )
    return plain((RegionOnline if is_online else RegionOffline)(timestamp=format_utc(now), data=data))


def silence_event(silence: Silence, now: datetime, *, is_over: bool, still: Sequence[str] = ()) -> dict[str, Any]:
    """Return the event that nobody looks at some sites, or that its cause is over; `still` are causes that last."""
    data = AboutSilence(
        id=str(uuid.uuid4()),
        region=silence.region or None,
        state="over" if is_over else "silent",
        since=format_utc(now if is_over else silence.since_at),
        began_at=format_utc(silence.since_at),
        cause=silence.cause,
        sites=silence.sites,
        named=silence.named,
        still=still,
    )
    return plain(MonitorSilent(timestamp=format_utc(now), data=data))


def own_subject(event: Mapping[str, Any]) -> str:
    """Return one line: what it is."""
    data = event["data"]
    if event["type"] == SILENT:
        where = f" in {data['region']}" if data["region"] else ""
        if data["state"] == "over" and data.get("still"):
            return f"{data['cause']} is over{where}, but nobody looks at sites: {', '.join(data['still'])}"
        if data["state"] == "over":
            return f"Sites are looked at again{where}: {data['cause']} is over"
        return f"Nobody looks at {data['sites']} sites{where}: {data['cause']}"
    if event["type"] == REGION_ONLINE:
        return f"Region {data['region']} is online again"
    return f"Region {data['region']} is offline: its sites are not judged from there"


def own_body(event: Mapping[str, Any], zone: tzinfo) -> str:
    """Return the lines below, with the link."""
    return "\n".join(filter(None, [_body(event, zone), event["data"]["link"]]))


def _body(event: Mapping[str, Any], zone: tzinfo) -> str:
    data = event["data"]
    since, began_at = moment_words(data["since"], zone), moment_words(data["began_at"], zone)
    if event["type"] == SILENT:
        if data["state"] == "over":
            return f"It began at {began_at}"
        more = ", …" if data["sites"] > len(data["named"]) else ""
        named = f"\n{one_line(', '.join(data['named']))}{more}" if data["named"] else ""
        return f"Since {since}\n{_CAUSES.get(data['cause'], data['cause'])}{named}"
    hosts = f"{data['hosts']} of {data['hosts_looked_at']} hosts"
    if event["type"] == REGION_ONLINE:
        return f"It was offline from {began_at} to {since}\n{hosts} answer again"
    return (
        f"Since {since}\n"
        f"{hosts} began to fail at once, for reasons of the network\n"
        f"Look at the network of the workers of {one_line(data['region'])}"
    )


def own_labels(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by which Alertmanager knows the alert."""
    data = event["data"]
    if event["type"] == SILENT:
        return {"alertname": "MonitorSilent", "region": data["region"] or "", "cause": data["cause"]}
    return {"alertname": "RegionOffline", "region": data["region"]}


def is_own_over(event: Mapping[str, Any]) -> bool:
    """Tell whether the event says that something is well again."""
    return event["data"]["state"] in {"online", "over"}
