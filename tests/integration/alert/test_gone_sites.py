"""Sites that were taken out while they were down: what lasted of them ends, once it is certain that they are gone."""

import pytest

from sitemon.model.site import Site
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.leaving import HOUR_OF_SCENE, LATER, SHOP, Story
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started

LINE = Site(name="line", url="https://line.example/")
BEHIND = Site(name="shop", url="https://shop.example/", depends_on=("line",))


@pytest.fixture
def story(scene: Scene, receiver: Receiver) -> Story:
    return Story(scene, receiver)


def test_its_incident_ends_when_it_was_taken_out_and_who_was_told_hears_that_once(story: Story) -> None:
    story.arrive("uddd")
    story.edit()
    story.leave()
    for minute in (LATER, LATER + 1, LATER + 60):
        story.look(minute)
    assert story.said == ["site.down", "site.resolved"]
    begun, over = (event["data"] for event in story.scene.receiver.events)
    assert over["is_taken_out"]
    assert over["labels"] == begun["labels"] == {"team": "web"}
    assert [start for start, _ in story.scene.incidents] == [1]
    assert story.scene.incidents[0][1] == pytest.approx(3.5, abs=0.01)
    assert rows(story.scene.conn, "SELECT site, written_by, is_published FROM sitemon.notes") == [
        ("shop", "sitemon", False)
    ]


@pytest.mark.parametrize(
    ("edited", "left", "minute", "known"),
    [
        (True, True, LATER - 1, None),
        (True, True, LATER + 60, LATER - 1),
        (True, False, LATER + 60, None),
        (False, True, LATER + 60, None),
    ],
    ids=["too soon", "the account is not closed", "beats have it", "this alerter has it"],
)
def test_it_lasts_while_it_is_not_certain_that_the_site_is_gone(
    story: Story, edited: bool, left: bool, minute: float, known: float | None
) -> None:
    story.arrive("uddd")
    if edited:
        story.edit()
    if left:
        story.leave()
    story.look(minute, known)
    assert story.scene.incidents == [(1, None)]
    assert story.said == ["site.down"]


def test_how_long_before_that_its_last_slot_was_does_not_matter(story: Story) -> None:
    """It is known up to the edit only: the next thing that beats said may be that it is there again."""
    story.arrive("uddd")
    story.say(started(HOUR_OF_SCENE + 3, 3_600))
    story.edit(minute=40)
    story.leave(40)
    story.look(60, known=41)
    assert story.scene.incidents == [(1, None)]
    story.look(60)
    assert [end for _, end in story.scene.incidents] == [pytest.approx(39.5, abs=0.01)]


def test_it_goes_on_where_the_site_was_only_moved(story: Story) -> None:
    story.arrive("uddd")
    story.edit()
    story.leave()
    story.look(6)
    write_notices(story.scene.conn, story.scene.names, [started(HOUR_OF_SCENE + 7)])
    story.edit(SHOP, minute=7)
    story.arrive("d", 7)
    story.look(LATER + 5)
    assert story.scene.incidents == [(1, None)]


def test_a_site_that_comes_back_begins_a_new_one(story: Story) -> None:
    story.arrive("uddd")
    story.edit()
    story.leave()
    story.look(LATER)
    write_notices(story.scene.conn, story.scene.names, [started(HOUR_OF_SCENE + 20)])
    story.edit(SHOP, minute=20)
    story.arrive("ddd", 20)
    assert [start for start, _ in story.scene.incidents] == [1, 20]
    assert story.said == ["site.down", "site.resolved", "site.down"]


def test_rows_that_come_late_say_the_same_end_again(story: Story) -> None:
    story.arrive("u ddd", -1)
    story.edit()
    story.leave()
    story.look(LATER)
    before = story.scene.incidents
    story.arrive("u", 0)
    story.look(LATER + 1)
    assert story.scene.incidents == before
    assert story.said == ["site.down", "site.resolved"]


def test_what_a_monitor_looks_at_since_lasts(story: Story) -> None:
    story.arrive("uddd")
    story.edit()
    story.leave()
    story.arrive("dd", 6)
    story.look(LATER)
    assert [end for _, end in story.scene.incidents] == [None]


def test_of_what_nobody_was_told_nobody_hears_and_nothing_waits(story: Story) -> None:
    story.edit(BEHIND, LINE, minute=-1)
    story.arrive("uddd")
    assert story.lasting == (1, 1, 0)
    story.edit()
    story.leave()
    story.look(LATER)
    assert story.lasting == (0, 0, 0)
    assert story.said == []


def test_one_that_was_over_before_did_not_end_so(story: Story) -> None:
    story.arrive("uddd")
    story.scene.write(story.scene.results("u", 3.2))
    story.edit()
    story.leave()
    story.look(LATER)
    assert [event["data"]["is_taken_out"] for event in story.scene.receiver.events] == [False, False]
    assert rows(story.scene.conn, "SELECT site FROM sitemon.notes") == []


def test_that_it_is_degraded_ends_too(story: Story) -> None:
    story.arrive("uggg")
    story.edit()
    story.leave()
    for minute in (LATER, LATER + 1):
        story.look(minute)
    assert story.said == ["site.degraded", "site.recovered"]
    begun, over = (event["data"] for event in story.scene.receiver.events)
    assert over["is_taken_out"]
    assert over["labels"] == begun["labels"] == {"team": "web"}
    assert story.lasting == (0, 0, 0)
