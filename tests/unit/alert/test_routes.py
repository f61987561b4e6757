"""Which channels hear of a site."""

from collections.abc import Iterator

import pytest

from sitemon.model.alerts import EVENTS, Alerts, Audience, Channel, Escalation, Route, never_taken

WEB = Audience({"team": "web"})
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
    assert alerts.reminders_for(WEB) == {"web": 600.0, "all": 3600.0}
    assert alerts.reminders_for(Audience({"team": "db"})) == {}
    assert Alerts(routes=(Route(channels=("a",), remind_every_s=0.0),)).reminders_for(Audience()) == {}


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
    found = Alerts(routes=ROUTES).recipients(Audience(labels), event)
    assert [recipient.channel for recipient in found] == expected


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
    assert ESCALATED.recipients(WEB, "down") == [("web", 30.0), ("hook", 0.0)]


def test_an_incident_is_escalated_after_the_shortest_time() -> None:
    assert ESCALATED.escalations_for(WEB) == {"boss": 60.0, "hook": 60.0}
    assert ESCALATED.escalations_for(Audience()) == {}


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
    found = ESCALATED.recipients(WEB, "resolved", told)
    assert [recipient.channel for recipient in found] == expected


def test_but_for_those_who_do_not_want_to() -> None:
    assert ESCALATED.recipients(Audience(), "resolved", ["old"]) == []


def test_a_site_that_names_channels_is_told_of_there_instead_of_by_the_routes() -> None:
    named = WEB._replace(route=Route(channels=("boss",)))
    assert ESCALATED.recipients(named, "down") == [("boss", 10.0)]
    assert ESCALATED.recipients(named, "degraded") == []
    assert ESCALATED.escalations_for(named) == {}
    assert ESCALATED.reminders_for(named) == {"boss": 3600.0}


def test_of_a_site_that_is_off_only_those_hear_who_were_told_before() -> None:
    off = WEB._replace(route=Route(channels=()))
    assert ESCALATED.recipients(off, "down") == []
    assert ESCALATED.reminders_for(off) == {}
    assert ESCALATED.recipients(off, "resolved", ["web"]) == [("web", 0.0)]


def test_each_service_of_a_list_is_told() -> None:
    channels = {name: Channel(name=name, kind="apprise", url="json://x") for name in ("ops", "ops/2", "opsy")}
    alerts = Alerts(channels=channels)
    found = alerts.recipients(Audience(route=Route(channels=("ops",))), "down")
    assert [recipient.channel for recipient in found] == ["ops", "ops/2"]
    assert alerts.names == {"ops", "opsy"}


class Counted(dict[str, Channel]):
    """Channels that count how often all of them are looked at."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        self.looks += 1
        return super().__iter__()


def test_however_many_channels_sites_name_all_of_them_are_looked_at_once() -> None:
    channels = Counted(CHANNELS)
    alerts = Alerts(channels=channels)
    own = Audience(route=Route(channels=("boss",), escalate=10 * (Escalation(60.0, ("web", "old", "gone")),)))
    for _ in range(3):
        assert alerts.escalations_for(own) == {"web": 60.0, "old": 60.0}
    assert channels.looks == 1


@pytest.mark.parametrize(
    ("named", "expected"), [(["gone", "boss"], ["boss"]), (["gone"], ["web", "hook"])], ids=["some", "none"]
)
def test_of_channels_that_are_not_there_the_others_hear_or_else_the_routes(
    named: list[str], expected: list[str]
) -> None:
    found = ESCALATED.recipients(WEB._replace(route=Route(channels=tuple(named))), "down")
    assert [recipient.channel for recipient in found] == expected


def test_a_sites_own_route_hears_of_degraded_sites_and_escalates_where_it_says_so() -> None:
    own = Route(channels=("web",), events=("down", "degraded"), escalate=(Escalation(900.0, ("boss", "gone")),))
    named = WEB._replace(route=own, remind_every_s=600.0)
    assert ESCALATED.recipients(named, "degraded") == [("web", 10.0)]
    assert ESCALATED.escalations_for(named) == {"boss": 900.0}
    assert ESCALATED.recipients(named, "resolved", ["boss"]) == []
    assert ESCALATED.recipients(named, "down", ["boss"]) == [("web", 10.0), ("boss", 10.0)]


@pytest.mark.parametrize(("every_s", "expected"), [(600.0, {"web": 600.0}), (0.0, {}), (None, {"web": 3600.0})])
def test_a_site_says_itself_how_often_it_is_reminded_of(every_s: float | None, expected: dict[str, float]) -> None:
    alerts = Alerts(routes=(Route(channels=("web",)),))
    assert alerts.reminders_for(Audience(remind_every_s=every_s)) == expected


WEB_ALONE, ALL, OF_REGIONS = {"team": "web"}, dict[str, str](), ("region", "silent")


def a_route(match: dict[str, str], *, goes_on: bool = False, events: tuple[str, ...] = EVENTS) -> Route:
    return Route(match=match, channels=("web",), goes_on=goes_on, events=events)


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        pytest.param([a_route(WEB_ALONE), a_route(ALL)], {}, id="a route for all comes last"),
        pytest.param([a_route(ALL), a_route(WEB_ALONE), a_route(ALL)], {1: 0, 2: 0}, id="it comes first"),
        pytest.param([a_route(ALL, goes_on=True), a_route(WEB_ALONE)], {}, id="it goes on"),
        pytest.param([a_route(WEB_ALONE), a_route({"tier": "1", "team": "web"})], {1: 0}, id="a narrower one after it"),
        pytest.param([a_route({"tier": "1", "team": "web"}), a_route(WEB_ALONE)], {}, id="a wider one after it"),
        pytest.param([a_route(WEB_ALONE), a_route({"team": "db"})], {}, id="another value"),
        pytest.param([a_route(WEB_ALONE), a_route(WEB_ALONE, goes_on=True)], {1: 0}, id="the same again"),
        pytest.param([a_route(ALL, events=()), a_route(WEB_ALONE)], {1: 0}, id="one that wants no event ends it too"),
        pytest.param([a_route(ALL), a_route(ALL, events=OF_REGIONS)], {}, id="it hears of what is of no site"),
        pytest.param(
            [
                a_route(ALL),
                Route(channels=("web",), events=OF_REGIONS, escalate=(Escalation(60.0, ("boss",)),)),
            ],
            {1: 0},
            id="but to whom it escalates is of sites",
        ),
    ],
)
def test_a_route_is_never_taken_where_an_earlier_one_takes_all_that_it_fits(
    routes: list[Route], expected: dict[int, int]
) -> None:
    assert never_taken(routes) == expected
