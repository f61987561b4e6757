"""Which channels hear of a site."""

import pytest

from sitemon.model.alerts import Alerts, Route

ROUTES = (
    Route(match={"team": "web"}, channels=("web",), goes_on=True),
    Route(match={"team": "web", "tier": "1"}, channels=("pager", "web"), events=("down",)),
    Route(channels=("all",)),
)


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
