"""The tables of a story: what comes, and what was told. Moments are counted from its beginning: ``00:03:20``."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, RECOVERED, REMINDER
from sitemon.alert.own_events import REGION_OFFLINE, REGION_ONLINE
from sitemon.model.outcome import Reason
from sitemon.model.result import Kind, Result
from tests.integration.alert.receiver import Arrival
from tests.integration.alert.scene import OUTCOMES
from tests.results import a_result

Line = tuple[str, ...]


def lines_of(table: str) -> list[Line]:
    """Return the cells of a table's lines: two spaces at least are between two cells."""
    return [tuple(re.split(r"\s{2,}", line.strip())) for line in table.splitlines() if line.strip()]


def moment_of(words: str) -> timedelta:
    """Read a moment: ``00:03``, ``00:03:20``, ``2d``."""
    days, _, clock = words.rpartition("d")
    hours, minutes, *seconds = map(int, clock.split(":")) if clock else (0, 0)
    return timedelta(int(days or 0), hours=hours, minutes=minutes, seconds=sum(seconds))


def moment_words(moment: timedelta) -> str:
    """Write a moment, without what is nought of days and seconds."""
    minutes, seconds = divmod(moment.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    days = f"{moment.days}d" if moment.days else ""
    return f"{days} {clock}".strip() if minutes or seconds or not days else days


def results_of(
    line: Line, begins_at: datetime, interval_of: Mapping[str, timedelta]
) -> Iterator[tuple[timedelta, Result]]:
    """Yield the results of a line, and when each comes.

    A line is a moment; a site, with ``from`` a region behind it if that is not the default one; and a letter for each
    slot from then on (u: up, g: degraded, d: down, m: missed, a dot: nothing). Further cells say of all of them that
    they are ``confirming``, that the checks ``took 10s``, failed ``because http_status``, or saw a
    ``certificate until`` a moment.
    """
    moment, who, letters, *cells = line
    site, _, region = who.partition(" from ")
    fields: dict[str, Any] = {"region": region or "default"}
    took, reason = timedelta(), Reason.TIMEOUT
    for cell in cells:
        *words, value = cell.split()
        match words:
            case ["took"]:
                took = timedelta(seconds=float(value.removesuffix("s")))
                fields["latency_s"] = took.total_seconds()
            case ["because"]:
                reason = Reason(value)
            case ["certificate", "until"]:
                fields["cert_expires_at"] = begins_at + moment_of(value)
            case _:
                fields["kind"] = Kind({"confirming": "confirm"}[value])
    for slot, letter in enumerate(letters):
        at = moment_of(moment) + slot * interval_of[site]
        why: dict[str, Any] = {"d": {"reason": reason}, "g": {"reason": Reason.TOO_SLOW}}.get(letter, {})
        if letter != ".":
            yield at + took, a_result(site, slot_at=begins_at + at, outcome=OUTCOMES[letter], **fields, **why)


def told_by(arrival: Arrival, begins_at: datetime) -> Line:
    """Return the line of what came on a channel: when, what, where, of whom, and in words what it says."""
    body = arrival.body
    if "title" in body:
        return arrival.moment, "message", arrival.channel, body["type"], body["title"]
    data = body["data"]
    about = data["site"] or data["region"]
    return arrival.moment, body["type"], arrival.channel, about, _words(body["type"], data, begins_at)


def _words(type_: str, data: Mapping[str, Any], begins_at: datetime) -> str:
    def at(moment: str) -> str:
        return moment_words(datetime.fromisoformat(moment) - begins_at)

    if type_ == CERTIFICATE:
        return f"within {data['threshold_days']} days"
    if type_ in {REGION_OFFLINE, REGION_ONLINE}:
        return f"since {at(data['since'])}: {data['hosts']} of {data['hosts_looked_at']} hosts"
    if type_ in {DEGRADED, RECOVERED}:
        over = f" to {at(data['since'])}" if type_ == RECOVERED else ""
        return f"{'' if over else 'since '}{at(data['began_at'])}{over}, {data['reason']}"
    incident = data["incident"]
    ended = incident["ended_at"]
    words = [f"{at(incident['started_at'])} to {at(ended)}" if ended else f"since {at(incident['started_at'])}"]
    words += [incident["reason"]]
    words += [f"from {' '.join(data['regions'])}"] if [*data["regions"]] != ["default"] else []
    words += [name.removeprefix("is_") for name in ("is_corrected", "is_escalated") if data[name]]
    words += ["down now"] if data["state"] == "down" and type_ not in {DOWN, REMINDER} else []
    words += [f"known to {incident['acknowledged_by']}"] if incident["acknowledged_by"] else []
    return ", ".join(words)
