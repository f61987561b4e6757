"""The feed: what stands in it may be anything, and what it says follows from the incidents alone."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from sitemon.web.feed import PublicNote, Told, feed_of

ATOM = "{http://www.w3.org/2005/Atom}"
AT = datetime(2026, 11, 24, 7, tzinfo=UTC)
PAGE = "https://status.example/public"


def feed(*incidents: Told, title: str = "Status") -> ET.Element:
    return ET.fromstring(feed_of(title, PAGE, "https://status.example/feed.atom", incidents))  # noqa: S314 - our own


def test_an_incident_keeps_its_id_and_is_updated_when_it_ends() -> None:
    open_ = Told(17, "shop", AT, None, AT + timedelta(minutes=2))
    ended = open_._replace(ended_at=AT + timedelta(minutes=9))
    first, second = feed(open_).find(f"{ATOM}entry"), feed(ended).find(f"{ATOM}entry")
    assert first is not None
    assert second is not None
    assert first.findtext(f"{ATOM}id") == second.findtext(f"{ATOM}id") == f"{PAGE}#incident-17"
    assert first.findtext(f"{ATOM}updated") == "2026-11-24T07:02:00.000000Z"
    assert second.findtext(f"{ATOM}updated") == "2026-11-24T07:09:00.000000Z"
    assert first.findtext(f"{ATOM}summary") == "shop is down from 2026-11-24 07:00 UTC on."
    lasted = "shop was down from 2026-11-24 07:00 UTC to 2026-11-24 07:09 UTC, for 9 min."
    assert second.findtext(f"{ATOM}summary") == lasted


def test_without_incidents_it_is_a_feed_too() -> None:
    found = feed()
    assert [one.tag.removeprefix(ATOM) for one in found] == ["title", "id", "updated", "link", "link", "author"]


@pytest.mark.parametrize("text", ["<b>&amp;]]></title>", "\x00\x08\x1b", "\ud800\ufffe", "\u202e"])
def test_no_text_breaks_it(text: str) -> None:
    found = feed(Told(1, text, AT, None, AT), title=text)
    assert len(found.findall(f"{ATOM}entry")) == 1


def test_a_note_that_is_taken_back_updates_the_entry_which_keeps_its_id() -> None:
    told = Told(17, "shop", AT, None, AT, (PublicNote(AT + timedelta(minutes=5), "it was ben"),))
    corrected = told._replace(notes=(), corrected_at=AT + timedelta(minutes=9))
    before, after = feed(told).find(f"{ATOM}entry"), feed(corrected).find(f"{ATOM}entry")
    assert before is not None
    assert after is not None
    assert before.findtext(f"{ATOM}id") == after.findtext(f"{ATOM}id")
    assert after.findtext(f"{ATOM}updated") == "2026-11-24T07:09:00.000000Z"
    assert after.find(f"{ATOM}content") is None


def test_a_note_updates_the_entry_and_stands_in_its_content() -> None:
    told = Told(17, "shop", AT, None, AT + timedelta(minutes=2))
    notes = (PublicNote(AT + timedelta(minutes=5), "we are on it"), PublicNote(AT + timedelta(minutes=8), "<b>\x1b"))
    before, after = feed(told).find(f"{ATOM}entry"), feed(told._replace(notes=notes)).find(f"{ATOM}entry")
    assert before is not None
    assert after is not None
    assert before.find(f"{ATOM}content") is None
    assert after.findtext(f"{ATOM}updated") == "2026-11-24T07:08:00.000000Z"
    assert after.findtext(f"{ATOM}content", "").split("\n") == [
        after.findtext(f"{ATOM}summary"),
        "2026-11-24 07:05 UTC: we are on it",
        "2026-11-24 07:08 UTC: <b>\ufffd",
    ]
