"""What people read, whole: a subject that says it, and the lines below."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sitemon.alert import events
from sitemon.alert.events import DOWN, RESOLVED, WITHDRAWN, event_of
from sitemon.alert.message import message_of
from sitemon.alert.text import body_of, subject_of
from sitemon.durations import for_people
from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
from sitemon.incident.rows import Cause
from sitemon.store.certificate import Expiring
from sitemon.store.deciding import Circumstances

START = datetime(2026, 11, 24, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = Incident(START, START, ("eu", "us"), Cause("http_status", 503, "expected 200-299"))


AROUND = Circumstances("https://shop.example/", START - 26 * HOUR, None)


def an_event(type_: str, what: What, ended_at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    cause = fields.pop("cause", INCIDENT.cause)
    incident = Incident(START, START, fields.pop("regions", INCIDENT.regions), cause, ended_at, ended_at)
    return event_of(
        type_,
        Change(what, incident, 17),
        number=17,
        site=fields.pop("site", "shop"),
        labels={},
        around=AROUND._replace(**fields),
        now=START + HOUR,
        event_id=uuid.UUID(int=1),
    )


def said(type_: str, what: What, ended_at: datetime | None = None, **fields: Any) -> tuple[str, list[str]]:
    event = an_event(type_, what, ended_at, **fields)
    return subject_of(event), body_of(event).splitlines()


def test_of_a_site_that_is_down() -> None:
    assert said(DOWN, What.OPENED) == (
        "shop is down: http_status (503)",
        [
            "https://shop.example/",
            "Down since 2026-11-24 07:00:00 UTC",
            "It was well for 1 d 2 h before",
            "Seen from eu, us",
            "Why: http_status (503), the response's status is not an expected one",
            "expected 200-299",
            "Acknowledge: sitemon ack 17",
        ],
    )


def test_the_piece_of_the_page_is_quoted() -> None:
    _, lines = said(DOWN, What.OPENED, cause=Cause("no_match", 200, "it does not match", "…sold out…"))
    assert "The page says: …sold out…" in lines


def test_of_one_that_is_up_again() -> None:
    subject, lines = said(RESOLVED, What.CLOSED, START + timedelta(seconds=725))
    assert subject == "shop is up again after 12 min 5 s"
    assert lines[1:3] == ["Down since 2026-11-24 07:00:00 UTC", "Up again since 2026-11-24 07:12:05 UTC"]
    assert lines[-1] == "Incident 17"


def test_of_one_of_which_somebody_knows() -> None:
    _, lines = said(RESOLVED, What.CLOSED, START + HOUR, acknowledged_by="anna")
    assert "Known to anna" in lines


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, ["The certificate expired at 2026-11-23 07:00:00 UTC"]),
        (3, ["The certificate expires at 2026-11-27 07:00:00 UTC"]),
        (60, []),
    ],
)
def test_a_certificate_is_spoken_of_when_it_may_be_the_cause(days: int, expected: list[str]) -> None:
    _, lines = said(DOWN, What.OPENED, cause=Cause("tls_error", cert_expires_at=START + 24 * days * HOUR))
    assert [line for line in lines if line.startswith("The certificate")] == expected


def test_times_are_also_in_the_zone_of_the_reader() -> None:
    event = an_event(DOWN, What.OPENED)
    lines = {zone: body_of(event, ZoneInfo(zone)).splitlines()[1] for zone in ("Europe/Helsinki", "Pacific/Honolulu")}
    assert lines == {
        "Europe/Helsinki": "Down since 2026-11-24 07:00:00 UTC (09:00:00 Europe/Helsinki)",
        "Pacific/Honolulu": "Down since 2026-11-24 07:00:00 UTC (2026-11-23 21:00:00 Pacific/Honolulu)",
    }


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("expires_at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_no_date_of_a_certificate_keeps_a_message_from_people(expires_at: datetime, zone: str) -> None:
    cause = Cause("tls_error", cert_expires_at=expires_at)
    message = message_of([an_event(DOWN, What.OPENED, cause=cause)], zone)
    assert message.subject == "shop is down: tls_error"


@pytest.mark.parametrize("words", ["@everyone", "@**all**", "<!channel>", "<@U123>", "[in](https://a.b)", "<//a.b|in>"])
def test_what_a_server_or_a_name_says_wakes_nobody_and_hides_no_address(words: str) -> None:
    event = an_event(DOWN, What.OPENED, site=words, regions=(words,), cause=Cause("no_match", 200, words, words))
    together = message_of([event, event])
    for text in (subject_of(event), body_of(event), *together[:2]):
        assert words not in text
        assert re.search("@|<|]\\(", text) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/@us?a=[1]", "https://shop.example/%40us?a=[1]"),
        ("https://shop.example/@everyone#@here", "https://shop.example/%40everyone#%40here"),
        ("dns://192.0.2.53/@everyone", "dns://192.0.2.53/%40everyone"),
        ("https://shop.example/<@&123>", "https://shop.example/\uff1c%40&123>"),
    ],
)
def test_a_url_leads_where_it_did_and_wakes_nobody_either(url: str, expected: str) -> None:
    event = an_event(DOWN, What.OPENED, url=url)
    for body in (body_of(event), message_of([event, event]).body):
        assert expected in body.splitlines()
        assert "@" not in body


def test_several_are_counted_the_worst_first() -> None:
    downs = [an_event(DOWN, What.OPENED, site=f"site-{number}") for number in range(2)]
    over = an_event(RESOLVED, What.CLOSED, START + HOUR, site="wiki")
    message = message_of([over, *downs])
    assert message.subject == "2 sites are down, 1 site is up again: site-0, site-1"
    assert message.is_bad_news
    assert message.body.splitlines() == [
        "wiki is up again after 1 h",
        "https://shop.example/",
        "Since 2026-11-24 08:00:00 UTC, seen from eu, us",
        *(
            line
            for number in range(2)
            for line in (
                "",
                f"site-{number} is down: http_status (503)",
                "https://shop.example/",
                "Since 2026-11-24 07:00:00 UTC, seen from eu, us",
                "Acknowledge: sitemon ack 17",
            )
        ),
    ]


def test_of_an_end_that_is_corrected_it_says_nothing_of_now() -> None:
    subject, lines = said(RESOLVED, What.MOVED, START + HOUR / 2)
    assert subject == "shop was down for 30 min"
    assert "Up again at 2026-11-24 07:30:00 UTC" in lines
    assert "Corrected: what was known later changed what was said before" in lines


def test_among_others_a_corrected_end_says_nothing_of_now_either() -> None:
    corrected, over = an_event(RESOLVED, What.MOVED, START + HOUR), an_event(RESOLVED, What.CLOSED, START, site="wiki")
    message = message_of([corrected, over])
    assert message.subject == "1 site is up again, 1 earlier outage is over: wiki"
    assert message_of([corrected] * 2).subject == "2 earlier outages are over: shop"


def test_of_one_that_never_was_down() -> None:
    subject, lines = said(WITHDRAWN, What.WITHDRAWN)
    assert subject == "shop was not down: what was known later says so"
    assert "Corrected: what was known later changed what was said before" in lines


def test_of_one_that_is_over_while_another_lasts() -> None:
    subject, lines = said(RESOLVED, What.CLOSED, START + HOUR / 2, down_since=START + HOUR, down_from=["eu"])
    assert subject == "shop was down for 30 min, and is down now"
    assert lines[2:4] == ["Up again at 2026-11-24 07:30:00 UTC", "Down now, since 2026-11-24 08:00:00 UTC"]


def test_of_one_that_never_was_while_another_lasts() -> None:
    subject, lines = said(WITHDRAWN, What.WITHDRAWN, down_since=START + HOUR, down_from=["eu"])
    assert subject == "shop was not down then, but is now: what was known later says so"
    assert "Down now, since 2026-11-24 08:00:00 UTC" in lines


def test_of_one_that_was_in_maintenance() -> None:
    subject, lines = said(WITHDRAWN, What.WITHDRAWN, is_maintained=True)
    assert subject == "shop was not down: it was in maintenance"
    assert "Corrected: maintenance changed what was said before" in lines


def test_nothing_of_others_makes_a_line_of_its_own() -> None:
    hostile = "shop\r\nBcc: x@example\x1b[2J\u2028\u202e"
    cause = Cause("http_status", 503, hostile)
    around = Circumstances(f"https://shop.example/{hostile}", None, None)
    event = event_of(
        DOWN,
        Change(What.OPENED, Incident(START, START, (hostile,), cause), 17),
        number=17,
        site=hostile,
        labels={},
        around=around,
        now=START,
        event_id=uuid.UUID(int=1),
    )
    subject, body = subject_of(event), body_of(event)
    assert subject.isprintable()
    assert body.replace("\n", "").isprintable()
    assert body.count("\n") == 5
    together = message_of([event, event])
    assert together.subject.isprintable()
    assert [len(block.splitlines()) for block in together.body.split("\n\n")] == [4, 4]
    assert together.body.replace("\n", "").isprintable()


def test_the_url_of_a_certificate_that_expires_is_one_line() -> None:
    url = "https://shop.example/\r\nAll is well\x1b[2J"
    certificate = Expiring(1, "shop", url, START + HOUR, None, is_scheduled=True)
    body = body_of(events.certificate_event(certificate, 1, {}, START, uuid.UUID(int=1)))
    assert body.count("\n") == 1
    assert body.replace("\n", "").isprintable()


def test_a_test_says_that_it_is_one() -> None:
    event = events.test_event(START, uuid.UUID(int=1))
    assert (subject_of(event), body_of(event)) == ("This is a test: alerts of sitemon arrive here", "Nothing is down.")


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3605, "1 h"), (90061, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(duration_s: float, words: str) -> None:
    assert for_people(duration_s) == words
