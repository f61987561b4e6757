"""The feed of public incidents (Atom, RFC 4287). Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from sitemon.durations import for_people
from sitemon.model.moment import format_utc
from sitemon.model.one_line import printable

MEDIA_TYPE: Final = "application/atom+xml"
_NAMESPACE: Final = "http://www.w3.org/2005/Atom"
_NEVER: Final = "1970-01-01T00:00:00.000000Z"


class PublicNote(NamedTuple):
    """A note that is for everybody."""

    written_at: datetime
    note: str


class Told(NamedTuple):
    """An incident, as far as everybody may know of it; `ended_at` is None while it lasts.

    `corrected_at` is when a note on it was taken back for the last time: those who read it are to read the entry anew.
    """

    number: int
    site: str
    started_at: datetime
    ended_at: datetime | None
    decided_at: datetime
    notes: Sequence[PublicNote] = ()
    corrected_at: datetime | None = None


def feed_of(
    title: str,
    page_url: str,
    feed_url: str,
    incidents: Iterable[Told] | None,
    *,
    made_up_until_at: datetime | None = None,
    old_since: datetime | None = None,
) -> bytes:
    """Return the feed: an entry for each incident, which is updated by notes and when it ends.

    It says so of those that began before `made_up_until_at`: they are the demo's. Where nothing newer than of
    `old_since` is to be had, it says that too, and where there are no incidents to be had at all: None.
    """
    told = incidents or ()
    entries = [_entry(page_url, incident, is_made_up=_is_before(incident, made_up_until_at)) for incident in told]
    feed = ET.Element("feed", xmlns=_NAMESPACE)
    _add(feed, "title", title)
    if incidents is None:
        _add(feed, "subtitle", "Incidents cannot be read just now.")
    elif old_since is not None:
        _add(feed, "subtitle", f"As of {_minute(old_since)}: nothing newer is to be had just now.")
    _add(feed, "id", page_url)
    _add(feed, "updated", max((_text_of(entry, "updated") for entry in entries), default=_NEVER))
    ET.SubElement(feed, "link", rel="self", href=feed_url)
    ET.SubElement(feed, "link", rel="alternate", type="text/html", href=page_url)
    _add(ET.SubElement(feed, "author"), "name", title)
    feed.extend(entries)
    written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _is_before(incident: Told, moment: datetime | None) -> bool:
    return moment is not None and incident.started_at < moment


def _entry(page_url: str, incident: Told, *, is_made_up: bool) -> ET.Element:
    place = f"{page_url}#incident-{incident.number}"
    entry = ET.Element("entry")
    _add(entry, "title", f"{incident.site} is down" if incident.ended_at is None else f"{incident.site} was down")
    _add(entry, "id", place)
    _add(entry, "published", format_utc(incident.decided_at))
    moments = [incident.decided_at, incident.ended_at, incident.corrected_at]
    moments += [note.written_at for note in incident.notes]
    _add(entry, "updated", format_utc(max(moment for moment in moments if moment)))
    ET.SubElement(entry, "link", rel="alternate", type="text/html", href=place)
    summary = _summary(incident) + (" This is made up: it is of a demo." if is_made_up else "")
    _add(entry, "summary", summary)
    if incident.notes:
        lines = [summary, *(f"{_minute(note.written_at)}: {note.note}" for note in incident.notes)]
        ET.SubElement(entry, "content", type="text").text = "\n".join(printable(line, "\ufffd") for line in lines)
    return entry


def _summary(incident: Told) -> str:
    began = f"from {_minute(incident.started_at)}"
    if incident.ended_at is None:
        return f"{incident.site} is down {began} on."
    lasted = for_people((incident.ended_at - incident.started_at).total_seconds())
    return f"{incident.site} was down {began} to {_minute(incident.ended_at)}, for {lasted}."


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = printable(text, "\ufffd")


def _text_of(entry: ET.Element, tag: str) -> str:
    return entry.findtext(tag) or ""
