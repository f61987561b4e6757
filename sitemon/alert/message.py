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
from sitemon.alert.text import body_of, harmless, in_lines, is_past_end, is_taken_out, subject_of
from sitemon.model.one_line import shortened

MOST_NAMED: Final = 100
"""Of more events, one message names so many at most and says how many there are."""

_MOST_PARAGRAPHS: Final = 20
"""Of more, each is a line."""

_MOST_MESSAGES: Final = 5
"""Where more would be needed to name all events, neither does it name all."""

_NAMED: Final = 3
_LONGEST_NAME: Final = 60
_LONGEST_LINE: Final = 160
_SHORT_NAME: Final = 20
_SHORT_LINE: Final = 48
_SHORT_COUNTS: Final = 40
_SHORT_NAMED: Final = 2
"""In an SMS of 160 characters there is room for the counts, so many lines, and how many more there are."""

_LONGEST_URL: Final = 200
_PAST_END: Final = f"{RESOLVED}, before"
_TAKEN_OUT: Final = "taken out"
_BAD_NEWS: Final = frozenset({DOWN, REMINDER, DEGRADED, CERTIFICATE, REGION_OFFLINE})
_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    DOWN: ("{} site is down", "{} sites are down"),
    REMINDER: ("{} site is still down", "{} sites are still down"),
    DEGRADED: ("{} site is degraded", "{} sites are degraded"),
    REGION_OFFLINE: ("{} region is offline", "{} regions are offline"),
    SILENT: ("{} message of silence", "{} messages of silence"),
    RESOLVED: ("{} site is up again", "{} sites are up again"),
    _PAST_END: ("{} earlier outage is over", "{} earlier outages are over"),
    _TAKEN_OUT: ("{} site was taken out", "{} sites were taken out"),
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


class Fitted(NamedTuple):
    """A message, and what it tells: so many of the first events, or all of so many of the first files."""

    message: Message
    events: int
    files: int


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
    files: int,
    timezone: str,
    fits: Callable[[Message], bool],
) -> Fitted:
    """Return a message that fits, of so many events of each type, of sites of so many files.

    It names those of `events`, the first of them by turns of files, for which there is room; further messages tell the
    others. Where these would be too many, it tells all of the files that it names: it says how many there are. Further
    messages tell those of other files, or it does, where these would be too many as well.
    """
    count = sum(types.values())
    if count <= _MOST_PARAGRAPHS:
        whole = message_of(events, timezone)
        if count == 1 or fits(whole):
            return Fitted(whole, count, files)

    def naming_all(number: int) -> Message:
        return _in_brief(Counter(event["type"] for event in events[:number]), events[:number])

    def naming_some(number: int) -> Message:
        return _in_brief(types, events[:number])

    def in_short(number: int) -> Message:
        return _in_short(types, events[:number])

    most_named = named = _most_that_fit(naming_all, len(events), fits)
    if count <= min(MOST_NAMED, named * _MOST_MESSAGES):
        return Fitted(naming_all(named) if named > 1 else message_of(events[:1], timezone), named, files)
    telling_all = naming_some
    named = _most_that_fit(telling_all, len(events), fits)
    if named < files:
        telling_all = in_short
        named = _most_that_fit(telling_all, len(events), fits)
    are_few = files <= max(most_named, _SHORT_NAMED) * _MOST_MESSAGES
    return Fitted(telling_all(named), count, min(named, files) if are_few else files)


def _most_that_fit(message: Callable[[int], Message], most: int, fits: Callable[[Message], bool]) -> int:
    """Return how many events a message may name, one at least."""
    return bisect_left(range(2, most + 1), True, key=lambda number: not fits(message(number))) + 1


def _in_brief(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> Message:
    lines = [shortened(subject_of(event), _LONGEST_LINE) for event in events]
    more = sum(types.values()) - len(events)
    closing = f"and {more:,} more: sitemon incidents" if more else "More of each: sitemon incidents"
    return Message(_subject(types, events), "\n".join([*lines, "", closing]), _is_bad_news(types, events))


def _in_short(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> Message:
    lines = [shortened(subject_of(_with_short_name(event)), _SHORT_LINE) for event in events]
    more = sum(types.values()) - len(events)
    closing = [f"and {more:,} more"] if more else []
    return Message(
        shortened(_counted(types, events), _SHORT_COUNTS), "\n".join(lines + closing), _is_bad_news(types, events)
    )


def _is_bad_news(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> bool:
    is_silent = any(event["type"] == SILENT and not is_own_over(event) for event in events)
    return is_silent or not _BAD_NEWS.isdisjoint(types)


def _subject(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> str:
    worst, count = next(iter(_counts(types, events).items()))
    sites = list(dict.fromkeys(shortened(_named(event), _LONGEST_NAME) for event in events if _kind(event) == worst))
    more = ", …" if count > _NAMED else ""
    return harmless(f"{_counted(types, events)}: {', '.join(sites[:_NAMED])}{more}")


def _counted(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> str:
    said = []
    for kind, count in _counts(types, events).items():
        one, many = _COUNTED.get(kind, ("{} " + kind, "{} " + kind))
        said.append((one if count == 1 else many).format(f"{count:,}"))
    return ", ".join(said)


def _counts(types: Mapping[str, int], events: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """Return how many there are of each kind, the worst first."""
    counts = Counter(types)
    for event in events:
        counts[event["type"]] -= 1
        counts[_kind(event)] += 1
    ordered = [*(kind for kind in _COUNTED if counts.get(kind)), *sorted(types.keys() - _COUNTED.keys())]
    return {kind: counts[kind] for kind in ordered}


def _kind(event: Mapping[str, Any]) -> str:
    if is_taken_out(event):
        return _TAKEN_OUT
    return _PAST_END if is_past_end(event) else str(event["type"])


def _named(event: Mapping[str, Any]) -> str:
    data = event["data"]
    return str(data["site"] or data.get("region") or data.get("cause"))


def _with_short_name(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event["data"]
    return {**event, "data": {**data, "site": data["site"] and shortened(data["site"], _SHORT_NAME)}}


def _block(event: Mapping[str, Any], zone: tzinfo) -> str:
    data = event["data"]
    incident = data.get("incident")
    lines = [shortened(subject_of(event), _LONGEST_LINE), shortened(data["url"] or "", _LONGEST_URL)]
    if "since" in data:
        seen_from = f", seen from {', '.join(data['regions'])}" if "regions" in data else ""
        lines.append(f"Since {moment_words(data['since'], zone)}{seen_from}")
    lines.append(data.get("link"))
    if incident and event["type"] in _BAD_NEWS:
        lines.append(f"Acknowledge: sitemon ack {incident['id']}")
    return in_lines(lines)
