"""An incident is told in the order in which things happened."""

from datetime import timedelta
from typing import Any

from sitemon.store.page_incidents import Alert, Incident, Note
from sitemon.web.timeline import timeline
from tests.unit.web.watches import NOW

MINUTE = timedelta(minutes=1)


def an_incident(**fields: Any) -> Incident:
    return Incident(
        incident_id=1,
        site="shop",
        started_at=NOW,
        ended_at=None,
        regions=["eu", "us"],
        reason="http_status",
        http_code=503,
        error=None,
        decided_at=NOW + 2 * MINUTE,
        withdrawn_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        behind=None,
    )._replace(**fields)


def an_alert(minute: float, **fields: Any) -> Alert:
    at = NOW + minute * MINUTE
    return Alert(1, "site.down", "ops", "delivered", at, at, 1, None)._replace(**fields)


def test_it_goes_from_the_first_failure_to_the_last_message() -> None:
    incident = an_incident(ended_at=NOW + 9 * MINUTE, acknowledged_at=NOW + 5 * MINUTE, acknowledged_by="ann")
    alerts = [an_alert(10, type="site.resolved"), an_alert(3)]
    assert [step.words for step in timeline(incident, alerts, [])] == [
        "the first failure",
        "it counts as an incident",
        "site.down to ops: delivered",
        "known to ann",
        "the first good result",
        "site.resolved to ops: delivered",
    ]


def test_an_alert_that_did_not_arrive_says_why() -> None:
    waiting = an_alert(3, state="waiting", delivered_at=None, tries=4, problem="answered 503")
    step = timeline(an_incident(), [waiting], [])[-1]
    assert (step.words, step.detail) == ("site.down to ops: waiting at try 4", "answered 503")


def test_one_that_was_withdrawn_says_that_it_never_was() -> None:
    assert timeline(an_incident(withdrawn_at=NOW + 4 * MINUTE), [], [])[-1].words.startswith("withdrawn")


def a_note(minute: int, **fields: Any) -> Note:
    note = Note(minute, 1, NOW + minute * MINUTE, "ann", f"note {minute}", minute == 9, None, None, minute == 9)
    return note._replace(**fields)


def test_a_note_that_was_taken_back_says_so_and_cannot_be_again() -> None:
    kept, taken = a_note(9), a_note(9, withdrawn_at=NOW + 11 * MINUTE, withdrawn_by="ben", is_published=False)
    assert timeline(an_incident(), [], [kept])[-1].note_id == 9
    step = timeline(an_incident(), [], [taken])[-1]
    assert (step.note_id, step.tone, step.detail) == (None, "withdrawn", "note 9")
    assert step.words == f"public note by ann, taken back by ben at {NOW + 11 * MINUTE:%Y-%m-%d %H:%M:%S}:"


def test_notes_of_people_stand_in_it_with_their_names() -> None:
    notes = [a_note(minute) for minute in (1, 9)]
    steps = timeline(an_incident(), [an_alert(5)], notes)
    assert [(step.words, step.detail) for step in steps if step.detail.startswith("note")] == [
        ("note by ann:", "note 1"),
        ("public note by ann:", "note 9"),
    ]
    assert steps[-1].detail == "note 9"
