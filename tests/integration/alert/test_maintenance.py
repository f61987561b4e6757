"""What people are told around windows of maintenance: rows, windows, and the messages that the receiver must get."""

from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.store.maintenance_windows import Declaration, declare, stop
from tests.databases import execute, rows
from tests.integration.alert.scene import Said, Scene
from tests.results import MINUTE, this_hour

HOUR = timedelta(hours=1)


def minute(number: float) -> datetime:
    return this_hour() + number * MINUTE


def maintain(scene: Scene, start: float, end: float) -> int:
    """Declare a window of the site, from minute to minute, and let the alerter decide and send."""
    number, _ = declare(scene.conn, Declaration(minute(start), minute(end), ["shop"]))
    scene.arrive()
    return number


def withdraw(scene: Scene, number: int) -> None:
    assert stop(scene.conn, number, clock.utc_now(), withdraw=True)
    scene.arrive()


@pytest.mark.parametrize(
    ("letters", "window", "expected"),
    [
        pytest.param("udddddduu", (1, 7), [], id="down within"),
        pytest.param("udddddduu", (1, 6), [], id="down within, and once more"),
        pytest.param("udddddddddu", (1, 5), [("site.down", 5, None), ("site.resolved", 5, 10)], id="down after it too"),
        pytest.param(
            "udddddddddu", (4, 9), [("site.down", 1, None), ("site.resolved", 1, 10)], id="down before, and after it"
        ),
        pytest.param("udddduddduu", (4, 9), [("site.down", 1, None), ("site.resolved", 1, 5)], id="up again within"),
        pytest.param("uddddddduu", (3, 8), [], id="down shortly before"),
        pytest.param("ummmmmmuuu", (1, 7), [], id="not looked at within"),
    ],
)
def test_a_window_that_was_declared_before(
    scene: Scene, letters: str, window: tuple[float, float], expected: list[Said]
) -> None:
    first, *others = scene.results(letters)
    scene.arrive(first)
    maintain(scene, *window)
    for result in others:
        scene.arrive(result)
    assert scene.said == expected
    assert {event["data"]["is_corrected"] for event in scene.receiver.events} <= {False}


@pytest.mark.parametrize(
    ("letters", "window", "expected"),
    [
        pytest.param("uddddd", (0.5, 9), [("site.down", 1, None), ("incident.withdrawn", 1, None)], id="all of it"),
        pytest.param("uddd", (3, 9), [("site.down", 1, None), ("incident.withdrawn", 1, None)], id="its last failure"),
        pytest.param(
            "udddddu",
            (0.5, 9),
            [("site.down", 1, None), ("site.resolved", 1, 6), ("incident.withdrawn", 1, 6)],
            id="all of one that is over",
        ),
        pytest.param(
            "uddddddd", (0.5, 4), [("site.down", 1, None), ("site.down", 4, None)], id="the beginning: it began later"
        ),
        pytest.param("uddddddd", (4, 9), [("site.down", 1, None)], id="what came later"),
    ],
)
def test_a_window_that_is_declared_afterwards_corrects_what_was_said(
    scene: Scene, letters: str, window: tuple[float, float], expected: list[Said]
) -> None:
    for result in scene.results(letters):
        scene.arrive(result)
    maintain(scene, *window)
    assert scene.said == expected
    corrected = [event["data"] for event in scene.receiver.events if event["data"]["is_corrected"]]
    assert [one["is_maintained"] for one in corrected] == [True] * (len(expected) - 1 - letters.endswith("u"))


def test_a_window_that_is_withdrawn_lets_its_failures_count(scene: Scene) -> None:
    scene.arrive(*scene.results("u"))
    number = maintain(scene, 1, 9)
    scene.arrive(*scene.results("dddd", start=1))
    withdraw(scene, number)
    assert scene.said == [("site.down", 1, None)]
    maintain(scene, 1, 9)
    assert scene.said[1:] == [("incident.withdrawn", 1, None)]


def test_of_two_windows_that_overlap_the_other_one_still_holds(scene: Scene) -> None:
    scene.arrive(*scene.results("u"))
    first, second = maintain(scene, 1, 6), maintain(scene, 3, 9)
    scene.arrive(*scene.results("ddddddd", start=1))
    withdraw(scene, first)
    assert scene.said == []
    withdraw(scene, second)
    assert scene.said == [("site.down", 1, None)]


def test_a_window_that_is_ended_early_lets_later_failures_count(scene: Scene) -> None:
    scene.arrive(*scene.results("u"))
    number = maintain(scene, 1, 60)
    scene.arrive(*scene.results("dd", start=1))
    assert stop(scene.conn, number, minute(2.5), withdraw=False)
    scene.arrive(*scene.results("ddd", start=3))
    assert scene.said == [("site.down", 3, None)]
    assert not stop(scene.conn, number, minute(9), withdraw=False)


def test_windows_of_one_site_are_not_those_of_another(scene: Scene) -> None:
    scene.arrive(*scene.results("u"), *scene.results("u", site="blog"))
    maintain(scene, 1, 9)
    scene.arrive(*scene.results("ddd", start=1), *scene.results("ddd", start=1, site="blog"))
    assert [event["data"]["site"] for event in scene.receiver.events] == ["blog"]


def test_nobody_is_reminded_in_maintenance(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd", start=-60))
    now = clock.utc_now()
    number, _ = declare(scene.conn, Declaration(now, now + HOUR, ["shop"]))
    scene.pass_time(hours=2)
    scene.remind()
    assert scene.said == [("site.down", -59, None)]
    assert stop(scene.conn, number, clock.utc_now(), withdraw=False)
    scene.remind()
    assert [type_ for type_, _, _ in scene.said] == ["site.down"]  # until it was looked at after the window
    ended = "UPDATE sitemon.maintenance_stretch SET from_at = from_at - '1 h'::interval, until_at = %s"
    execute(scene.conn, ended, (now - HOUR / 2,))
    scene.remind()
    assert [type_ for type_, _, _ in scene.said] == ["site.down", "site.reminder"]


def test_the_state_says_maintenance_and_since_when(scene: Scene) -> None:
    scene.arrive(*scene.results("uddd", start=-60))
    now = clock.utc_now()
    number, _ = declare(scene.conn, Declaration(now - HOUR / 2, now + HOUR, ["shop"]))
    query = "SELECT state, state_since, outcome FROM sitemon.site_status"
    assert rows(scene.conn, query) == [("maintenance", now - HOUR / 2, "down")]
    stop(scene.conn, number, clock.utc_now(), withdraw=False)
    assert [state for state, _, _ in rows(scene.conn, query)] != ["maintenance"]
