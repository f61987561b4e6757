"""Several events as one message to people. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, RECOVERED, REMINDER, RESOLVED, WITHDRAWN
from sitemon.alert.moments import moment_words
from sitemon.alert.own_events import REGION_OFFLINE, REGION_ONLINE, SILENT, is_own_over
from sitemon.alert.text import body_of, harmless, in_lines, is_past_end, subject_of

MOST_EVENTS: Final = 20
"""Of further ones a message says only how many there are."""

_NAMED: Final = 3
_PAST_END: Final = f"{RESOLVED}, before"
_BAD_NEWS: Final = frozenset({DOWN, REMINDER, DEGRADED, CERTIFICATE, REGION_OFFLINE})
_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    DOWN: ("{} site is down", "{} sites are down"),
    REMINDER: ("{} site is still down", "{} sites are still down"),
    DEGRADED: ("{} site is degraded", "{} sites are degraded"),
    REGION_OFFLINE: ("{} region is offline", "{} regions are offline"),
    SILENT: ("{} message of silence", "{} messages of silence"),
    RESOLVED: ("{} site is up again", "{} sites are up again"),
    _PAST_END: ("{} earlier outage is over", "{} earlier outages are over"),
    WITHDRAWN: ("{} site was not down", "{} sites were not down"),
    RECOVERED: ("{} site is no longer degraded", "{} sites are no longer degraded"),
    CERTIFICATE: ("{} certificate expires", "{} certificates expire"),
    REGION_ONLINE: ("{} region is online again", "{} regions are online again"),
}
"""What is said of how many sites, the worst first."""


class Message(NamedTuple):
    """What a person reads."""

    subject: str
    body: str
    is_bad_news: bool


def message_of(types: Mapping[str, int], events: Sequence[Mapping[str, Any]], timezone: str = "") -> Message:
    """Return the message of so many events of each type, of which `events` are the first, in their order."""
    zone = ZoneInfo(timezone) if timezone else UTC
    is_silent = any(event["type"] == SILENT and not is_own_over(event) for event in events)
    is_bad_news = is_silent or not _BAD_NEWS.isdisjoint(types)
    if sum(types.values()) == 1:
        return Message(subject_of(events[0]), body_of(events[0], zone), is_bad_news)
    return Message(_subject(types, events), _body(types, events, zone), is_bad_news)


def _subject(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> str:
    past = sum(map(is_past_end, events))
    counts = {**types, RESOLVED: types.get(RESOLVED, 0) - past, _PAST_END: past}
    ordered = [*(kind for kind in _COUNTED if counts.get(kind)), *sorted(types.keys() - _COUNTED.keys())]
    counted = ", ".join(_counted(kind, counts[kind]) for kind in ordered)
    sites = list(dict.fromkeys(_named(event) for event in events if _kind(event) == ordered[0]))
    more = ", …" if counts[ordered[0]] > _NAMED else ""
    return harmless(f"{counted}: {', '.join(sites[:_NAMED])}{more}")


def _kind(event: Mapping[str, Any]) -> str:
    return _PAST_END if is_past_end(event) else str(event["type"])


def _named(event: Mapping[str, Any]) -> str:
    data = event["data"]
    return str(data["site"] or data.get("region") or data.get("cause"))


def _counted(kind: str, count: int) -> str:
    one, many = _COUNTED.get(kind, ("{} " + kind, "{} " + kind))
    return (one if count == 1 else many).format(f"{count:,}")


def _body(types: Mapping[str, int], events: Sequence[Mapping[str, Any]], zone: tzinfo) -> str:
    blocks = [_block(event, zone) for event in events]
    more = sum(types.values()) - len(events)
    if more:
        blocks.append(f"and {more:,} more: sitemon incidents")
    return "\n\n".join(blocks)


def _block(event: Mapping[str, Any], zone: tzinfo) -> str:
    data = event["data"]
    incident = data.get("incident")
    lines = [subject_of(event), data["url"]]
    if "since" in data:
        seen_from = f", seen from {', '.join(data['regions'])}" if "regions" in data else ""
        lines.append(f"Since {moment_words(data['since'], zone)}{seen_from}")
    lines.append(data.get("link"))
    if incident and event["type"] in _BAD_NEWS:
        lines.append(f"Acknowledge: sitemon ack {incident['id']}")
    return in_lines(lines)
