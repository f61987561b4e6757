"""What people read where something is over since its site was taken out: nothing says that it is up."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sitemon.alert.events import RESOLVED, degraded_event, event_of
from sitemon.alert.message import message_of
from sitemon.alert.text import body_of, subject_of
from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from sitemon.store.deciding import Circumstances
from sitemon.store.degraded import Degradation

START: Final = datetime(2026, 11, 24, 7, tzinfo=UTC)
END: Final = START + timedelta(minutes=4)
SLOW: Final = Cause("too_slow", 200)
TAKEN_OUT: Final = "Taken out of the configuration at 2026-11-24 07:04:00 UTC: nobody looks at it any more"


def over(site: str, *, is_taken_out: bool = True) -> dict[str, Any]:
    incident = Incident(START, START, ("eu",), Cause("timeout"), END, END)
    return event_of(
        RESOLVED,
        Change(What.CLOSED, incident, 17),
        number=17,
        site=site,
        labels={},
        around=Circumstances("https://shop.example/", None, None),
        now=END,
        event_id=uuid.UUID(int=1),
        is_taken_out=is_taken_out,
    )


def degraded(ended_at: datetime | None) -> dict[str, Any]:
    one = Degradation(1, "shop", "https://shop.example/", START, ended_at, ["ops"], {"eu": "degraded"}, SLOW)
    return degraded_event(one, {}, END, uuid.UUID(int=1), is_taken_out=True)


def test_of_one_that_was_down() -> None:
    event = over("shop")
    assert subject_of(event) == "shop was taken out, down for 4 min"
    assert TAKEN_OUT in body_of(event).splitlines()
    assert "up" not in body_of(event).lower().split()


def test_of_one_that_was_degraded() -> None:
    event = degraded(END)
    assert subject_of(event) == "shop was taken out, degraded for 4 min"
    assert TAKEN_OUT in body_of(event).splitlines()


def test_that_it_is_degraded_does_not_say_so() -> None:
    assert not degraded(None)["data"]["is_taken_out"]


def test_together_with_others_they_are_counted_apart() -> None:
    events = [over("shop"), degraded(END), over("wiki", is_taken_out=False)]
    assert message_of(events).subject == "1 site is up again, 2 sites were taken out: wiki"
