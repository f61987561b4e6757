"""What people read, whole: a subject that says it, and the lines below."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from sitemon.alert import events
from sitemon.alert.events import DOWN, RESOLVED, WITHDRAWN, event_of
from sitemon.alert.text import body_of, for_people, subject_of
from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from sitemon.store.incident import Circumstances

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = Incident(START, START, ("eu", "us"), Cause("http_status", 503, "expected 200-299"))


def said(
    type_: str, what: What, ended_at: datetime | None = None, *, is_maintained: bool = False
) -> tuple[str, list[str]]:
    incident = Incident(START, START, INCIDENT.regions, INCIDENT.cause, ended_at, ended_at)
    around = Circumstances("https://shop.example/", START - 26 * HOUR, None, is_maintained)
    event = event_of(
        type_,
        Change(what, incident, 17),
        number=17,
        site="shop",
        labels={},
        around=around,
        now=START + HOUR,
        event_id=uuid.UUID(int=1),
    )
    return subject_of(event), body_of(event).splitlines()


def test_of_a_site_that_is_down() -> None:
    assert said(DOWN, What.OPENED) == (
        "shop is down: http_status (503)",
        [
            "https://shop.example/",
            "Down since 2026-11-24T07:00:00Z",
            "Seen from eu, us",
            "Why: http_status (503), the response's status is not an expected one",
            "expected 200-299",
            "It was well for 1 d 2 h before",
            "Acknowledge: sitemon ack 17",
        ],
    )


def test_of_one_that_is_up_again() -> None:
    subject, lines = said(RESOLVED, What.CLOSED, START + timedelta(seconds=725))
    assert subject == "shop is up again after 12 min 5 s"
    assert lines[1] == "Down since 2026-11-24T07:00:00Z until 2026-11-24T07:12:05Z"
    assert lines[-1] == "Incident 17"


def test_of_one_that_never_was_down() -> None:
    subject, lines = said(WITHDRAWN, What.WITHDRAWN)
    assert subject == "shop was not down: late results say so"
    assert "Corrected: late results changed what was said before" in lines


def test_of_one_that_was_in_maintenance() -> None:
    subject, lines = said(WITHDRAWN, What.WITHDRAWN, is_maintained=True)
    assert subject == "shop was not down: it was in maintenance"
    assert "Corrected: maintenance changed what was said before" in lines


def test_a_test_says_that_it_is_one() -> None:
    event = events.test_event(START, uuid.UUID(int=1))
    assert (subject_of(event), body_of(event)) == ("This is a test: alerts of sitemon arrive here", "Nothing is down.")


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3605, "1 h"), (90061, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(duration_s: float, words: str) -> None:
    assert for_people(duration_s) == words
