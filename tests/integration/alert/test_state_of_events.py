"""What an event says of how the site is now, also where it is of an incident that is over, or never was."""

from datetime import datetime

import pytest

from tests.integration.alert.scene import Scene, minute_of

LASTING: tuple[str, str, float | None] = ("site.down", "down", 6)


def states(scene: Scene) -> list[tuple[str, str, float | None]]:
    return [
        (event["type"], data["state"], minute_of(datetime.fromisoformat(data["since"])))
        for event in scene.receiver.events
        for data in (event["data"],)
    ]


@pytest.mark.parametrize(
    ("first", "late", "expected"),
    [
        pytest.param(
            ("uddd u", 0), ("u", 4), [("site.resolved", "down", 6)], id="an earlier one that is over has another end"
        ),
        pytest.param(("ud ddu", 0), ("u", 2), [("incident.withdrawn", "down", 6)], id="an earlier one never was"),
        pytest.param(
            ("u    u", 0),
            ("ddd", 1),
            [("site.down", "down", 1), ("site.resolved", "down", 6)],
            id="an earlier one is found",
        ),
    ],
)
def test_while_another_incident_lasts_the_site_is_down(
    scene: Scene,
    first: tuple[str, float],
    late: tuple[str, float],
    expected: list[tuple[str, str, float]],
) -> None:
    scene.arrive(*scene.results(*first))
    scene.arrive(*scene.results("ddd", start=6))
    before = states(scene)
    assert before[-1] == LASTING
    scene.arrive(*scene.results(*late))
    assert states(scene)[len(before) :] == expected
    assert scene.receiver.events[-1]["data"]["regions"] == {"default": "down"}


def test_the_end_of_an_incident_that_is_corrected_is_not_that_of_a_later_one(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd udddu"))
    scene.arrive(*scene.results("u", start=4))
    assert states(scene)[-1] == ("site.resolved", "up", 9)


def test_an_incident_that_never_was_leaves_the_site_up_since_the_one_before(scene: Scene) -> None:
    scene.arrive(*scene.results("uddduud dd"))
    scene.arrive(*scene.results("u", start=7))
    assert states(scene)[-1] == ("incident.withdrawn", "up", 4)
