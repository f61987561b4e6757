"""Several events as one message to people. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, RECOVERED, REMINDER, RESOLVED, WITHDRAWN
from sitemon.alert.moments import moment_words
from sitemon.alert.own_events import REGION_OFFLINE, REGION_ONLINE, SILENT, is_own_over
from sitemon.alert.text import body_of, harmless, in_lines, is_past_end, subject_of

MOST_NAMED: Final = 100
"""Of more events, one message names so many at most and says how many there are."""

_MOST_PARAGRAPHS: Final = 20
"""Of more, each is a line."""

_MOST_MESSAGES: Final = 5
"""Where more would be needed to name all events, neither does it name all."""

_NAMED: Final = 3
_LONGEST_NAME: Final = 60
_LONGEST_LINE: Final = 160
_LONGEST_URL: Final = 200
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


def message_of(events: Sequence[Mapping[str, Any]], timezone: str = "") -> Message:
    """Return the message of some events, with a paragraph for each, in their order."""
    zone = ZoneInfo(timezone) if timezone else UTC
    types = Counter(event["type"] for event in events)
    if len(events) == 1:
        return Message(subject_of(events[0]), body_of(events[0], zone), _is_bad_news(types, events))
    body = "\n\n".join(_block(event, zone) for event in events)
    return Message(_subject(types, events), body, _is_bad_news(types, events))


def fitted(
    types: Mapping[str, int],
    events: Sequence[Mapping[str, Any]],
    timezone: str,
    fits: Callable[[Message], bool],
) -> tuple[Message, int]:
    """Return a message that fits, of so many events of each type, and how many of them it tells.

    It names those of `events`, the first of them, for which there is room; further messages tell the others. Where
    these would be too many, it tells all: it says how many there are.
    """
    count = sum(types.values())
    if count <= _MOST_PARAGRAPHS:
        whole = message_of(events, timezone)
        if count == 1 or fits(whole):
            return whole, count

    def naming_all(number: int) -> Message:
        return _in_brief(Counter(event["type"] for event in events[:number]), events[:number])

    def naming_some(number: int) -> Message:
        return _in_brief(types, events[:number])

    named = _most_that_fit(naming_all, len(events), fits)
    if count > min(MOST_NAMED, named * _MOST_MESSAGES):
        return naming_some(_most_that_fit(naming_some, len(events), fits)), count
    return naming_all(named) if named > 1 else message_of(events[:1], timezone), named


def _most_that_fit(message: Callable[[int], Message], most: int, fits: Callable[[Message], bool]) -> int:
    """Return how many events a message may name, one at least."""
    return bisect_left(range(2, most + 1), True, key=lambda number: not fits(message(number))) + 1


def _in_brief(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> Message:
    lines = [_cut(subject_of(event), _LONGEST_LINE) for event in events]
    more = sum(types.values()) - len(events)
    closing = f"and {more:,} more: sitemon incidents" if more else "More of each: sitemon incidents"
    return Message(_subject(types, events), "\n".join([*lines, "", closing]), _is_bad_news(types, events))


def _is_bad_news(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> bool:
    is_silent = any(event["type"] == SILENT and not is_own_over(event) for event in events)
    return is_silent or not _BAD_NEWS.isdisjoint(types)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _subject(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> str:
    past = sum(map(is_past_end, events))
    counts = {**types, RESOLVED: types.get(RESOLVED, 0) - past, _PAST_END: past}
    ordered = [*(kind for kind in _COUNTED if counts.get(kind)), *sorted(types.keys() - _COUNTED.keys())]
    counted = ", ".join(_counted(kind, counts[kind]) for kind in ordered)
    sites = list(dict.fromkeys(_cut(_named(event), _LONGEST_NAME) for event in events if _kind(event) == ordered[0]))
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


def _block(event: Mapping[str, Any], zone: tzinfo) -> str:
    data = event["data"]
    incident = data.get("incident")
    lines = [_cut(subject_of(event), _LONGEST_LINE), _cut(data["url"] or "", _LONGEST_URL)]
    if "since" in data:
        seen_from = f", seen from {', '.join(data['regions'])}" if "regions" in data else ""
        lines.append(f"Since {moment_words(data['since'], zone)}{seen_from}")
    lines.append(data.get("link"))
    if incident and event["type"] in _BAD_NEWS:
        lines.append(f"Acknowledge: sitemon ack {incident['id']}")
    return in_lines(lines)
