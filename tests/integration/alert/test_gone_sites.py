"""Sites that were taken out while they were down: what lasted of them ends, once it is certain that they are gone."""

from datetime import timedelta

import pytest

from sitemon.alert.decide import Decider
from sitemon.alert.rules import Rulebook
from sitemon.incident.gone import GRACE
from sitemon.model.moment import to_ms
from sitemon.model.site import Site
from sitemon.store.schedule import write_notices
from tests.databases import execute, rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.store.events import ended, started
from tests.results import MINUTE, this_hour

HOUR_OF_SCENE = 300
"""The minute of `events` at which the hour of a scene begins."""

NOON = this_hour()
SHOP = Site(name="shop", url="https://shop.example/", labels={"team": "web"}, down_after=3)
LINE = Site(name="line", url="https://line.example/")
BEHIND = Site(name="shop", url="https://shop.example/", depends_on=("line",))
LASTING = """
SELECT
    (SELECT count(*) FROM sitemon.incident WHERE ended_at IS NULL),
    (SELECT count(*) FROM sitemon.incident WHERE is_held),
    (SELECT count(*) FROM sitemon.degradation)
"""
LATER = 4 + GRACE / MINUTE
"""The minute at which a site is gone that was taken out four minutes after the beginning."""


class Story:
    """A scheduled site; the alerter has it until `edit`, beats until `leave`."""

    def __init__(self, scene: Scene, receiver: Receiver) -> None:
        self.scene = scene
        scene.use(receiver.channel(), events=("down", "resolved", "degraded"))
        self.minute = 0.0
        self.rulebook = Rulebook({"shop": SHOP}, NOON - timedelta(days=1))
        scene.decider = Decider(self.rulebook.rules_of, scene.alerts, lambda: NOON + self.minute * MINUTE)
        write_notices(scene.conn, scene.names, [started(HOUR_OF_SCENE)])

    def arrive(self, letters: str, start: float = 0, site: str = "shop") -> None:
        self.scene.write(self.scene.results(letters, start, site))
        self.decide()

    def decide(self) -> None:
        self.scene.decide()
        self.scene.decider.release(self.scene.conn)
        self.scene.decider.tell_degraded(self.scene.conn)
        self.scene.send()

    def edit(self, *sites: Site, minute: float = 4) -> None:
        self.rulebook.take_up({site.name: site for site in sites}, NOON + minute * MINUTE)

    def leave(self, minute: float = 4) -> None:
        write_notices(self.scene.conn, self.scene.names, [ended(HOUR_OF_SCENE + minute)])

    def look(self, minute: float, known: float | None = None) -> None:
        """Look, at a minute, at what lasts; all that beats said is known up to then, or to another one."""
        self.minute = minute
        closed_ms = to_ms(NOON + (minute if known is None else known) * MINUTE)
        execute(self.scene.conn, "UPDATE sitemon.account SET closed_ms = %s", (closed_ms,))
        while self.scene.decider.end_gone(self.scene.conn):
            pass
        self.decide()

    @property
    def said(self) -> list[str]:
        return [event["type"] for event in self.scene.receiver.events]

    @property
    def lasting(self) -> tuple[int, int, int]:
        """How many incidents are open, how many wait to be told, and how many sites are degraded."""
        [(opened, held, degraded)] = rows(self.scene.conn, LASTING)
        return opened, held, degraded


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
    [_, over] = story.scene.receiver.events
    assert over["data"]["is_taken_out"]
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
    assert story.scene.receiver.events[-1]["data"]["is_taken_out"]
    assert story.lasting == (0, 0, 0)


def test_of_very_many_that_were_renamed_again_and_again_none_is_read_any_more(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.alert.decide._LASTING_AT_ONCE", 3)
    story = Story(scene, receiver)
    for turn in range(3):
        names = [f"{turn}-{number}" for number in range(4)]
        story.edit(*(Site(name=name, url=SHOP.url) for name in names), minute=turn)
        write_notices(scene.conn, scene.names, [started(HOUR_OF_SCENE, site=name) for name in names])
        scene.arrive(*(one for name in names for one in scene.results("uddd", site=name)))
        write_notices(scene.conn, scene.names, [ended(HOUR_OF_SCENE + 4, name) for name in names])
    story.edit(minute=4)
    assert story.lasting == (12, 0, 0)
    story.look(LATER)
    assert story.lasting == (0, 0, 0)
    assert [story.said.count(type_) for type_ in ("site.down", "site.resolved")] == [12, 12]
