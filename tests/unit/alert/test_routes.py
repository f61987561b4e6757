"""Which channels hear of a site."""

import pytest

from sitemon.model.alerts import Alerts, Channel, Escalation, Route

ROUTES = (
    Route(match={"team": "web"}, channels=("web",), goes_on=True),
    Route(match={"team": "web", "tier": "1"}, channels=("pager", "web"), events=("down",)),
    Route(channels=("all",)),
)


def test_reminders_come_as_the_first_route_to_a_channel_says() -> None:
    routes = (
        Route(match={"team": "web"}, channels=("web",), remind_every_s=600.0, goes_on=True),
        Route(match={"team": "db"}, channels=("db",), events=("down",)),
        Route(channels=("web", "all")),
    )
    alerts = Alerts(routes=routes)
    assert alerts.reminders_for({"team": "web"}) == {"web": 600.0, "all": 3600.0}
    assert alerts.reminders_for({"team": "db"}) == {}
    assert Alerts(routes=(Route(channels=("a",), remind_every_s=0.0),)).reminders_for({}) == {}


@pytest.mark.parametrize(
    ("labels", "event", "expected"),
    [
        ({}, "down", ["all"]),
        ({"team": "web"}, "down", ["web", "all"]),
        ({"team": "web", "tier": "1"}, "down", ["web", "pager"]),
        ({"team": "web", "tier": "1"}, "resolved", ["web"]),
        ({"team": "db"}, "resolved", ["all"]),
    ],
)
def test_the_first_route_that_fits_is_taken(labels: dict[str, str], event: str, expected: list[str]) -> None:
    assert Alerts(routes=ROUTES).channels_for(labels, event) == expected


CHANNELS = {name: Channel(name=name, kind="apprise", url="json://x") for name in ("web", "boss", "old")}
ESCALATED = Alerts(
    channels=CHANNELS | {"hook": Channel(name="hook", kind="webhook", url="https://x")},
    routes=(
        Route(
            match={"team": "web"},
            channels=("web", "hook"),
            events=("down", "resolved"),
            group_for_s=30.0,
            escalate=(Escalation(900.0, ("boss",)), Escalation(60.0, ("boss", "hook"))),
        ),
        Route(channels=("old",), events=("down",)),
    ),
)


def test_people_wait_for_further_events_and_programs_do_not() -> None:
    assert ESCALATED.recipients({"team": "web"}, "down") == [("web", 30.0), ("hook", 0.0)]


def test_an_incident_is_escalated_after_the_shortest_time() -> None:
    assert ESCALATED.escalations_for({"team": "web"}) == {"boss": 60.0, "hook": 60.0}
    assert ESCALATED.escalations_for({}) == {}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], ["web", "hook"]),
        (["web", "boss"], ["web", "hook", "boss"]),
        (["old"], ["web", "hook", "old"]),
        (["gone"], ["web", "hook"]),
    ],
    ids=["nobody else", "by escalation", "by a route of before", "one that is in no configuration"],
)
def test_who_was_told_hears_the_rest_of_it(told: list[str], expected: list[str]) -> None:
    found = ESCALATED.recipients({"team": "web"}, "resolved", told)
    assert [recipient.channel for recipient in found] == expected


def test_but_for_those_who_do_not_want_to() -> None:
    assert ESCALATED.recipients({}, "resolved", ["old"]) == []
