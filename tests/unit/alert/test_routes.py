"""Which channels hear of a site."""

import pytest

from sitemon.model.alerts import Alerts, Route

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
