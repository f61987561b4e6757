"""Sites that were just taken out of the configuration: what is on its way says nothing to anybody, least to others."""

from datetime import timedelta

import pytest

from sitemon.alert.decide import Decider
from sitemon.alert.rules import Rulebook
from sitemon.model.alerts import Alerts, Route
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site
from sitemon.store.schedule import write_notices
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy
from tests.databases import execute, rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.store.events import ended, started
from tests.results import MINUTE, a_result, this_hour

NOON = this_hour()
SHOP = Site(name="shop", url="https://shop.example/", labels={"team": "web"}, down_after=3)
NONE: dict[str, Site] = {}
DAY = timedelta(days=1)
EARLIER = "UPDATE sitemon.incident SET ended_at = ended_at - %s"
HELD = "SELECT incident_id FROM sitemon.incident WHERE is_held"


class Story:
    """A scheduled site of a team that is told as `web`; the route for all others tells `all`."""

    def __init__(self, scene: Scene, receiver: Receiver) -> None:
        self.scene = scene
        scene.use(receiver.channel("web"), receiver.channel("all"))
        routes = (Route(match={"team": "web"}, channels=("web",)), Route(channels=("all",)))
        self.alerts = Alerts(channels=scene.alerts.channels, routes=routes)
        self.rulebook = Rulebook({"shop": SHOP}, NOON - DAY)
        scene.decider = Decider(self.rulebook.rules_of, self.alerts, lambda: NOON + 50 * MINUTE)
        write_notices(scene.conn, scene.names, [started(0)])

    def arrive(self, letters: str, start: float) -> None:
        for result in self.scene.results(letters, start):
            self.scene.arrive(result)
        self.scene.decider.release(self.scene.conn)
        self.scene.send()

    def edit(self, minute: float, sites: dict[str, Site] = NONE) -> None:
        self.rulebook.take_up(sites, NOON + minute * MINUTE)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(arrival.channel, arrival.body["type"]) for arrival in self.scene.receiver.arrivals]


@pytest.fixture
def story(scene: Scene, receiver: Receiver) -> Story:
    return Story(scene, receiver)


def test_nobody_is_told_that_it_is_down(story: Story) -> None:
    story.arrive("udd", 0)
    story.edit(2.5)
    story.arrive("d", 3)
    assert story.scene.incidents == [(1, None)]
    assert story.said == []


def test_nor_once_the_schedule_says_that_it_has_ended(story: Story) -> None:
    story.arrive("ud", 0)
    story.edit(2.5)
    write_notices(story.scene.conn, story.scene.names, [ended(60)])
    story.arrive("dd", 2)
    assert story.said == []


def test_nor_by_an_alerter_that_begins_with_the_edit(story: Story) -> None:
    story.rulebook = Rulebook({}, NOON + 2.5 * MINUTE)
    story.scene.decider = Decider(story.rulebook.rules_of, story.alerts, lambda: NOON + 50 * MINUTE)
    story.arrive("uddd", 0)
    assert story.said == []


def test_nor_of_one_that_is_not_enabled_any_more(story: Story) -> None:
    story.arrive("udd", 0)
    story.edit(2.5, {"shop": Site(name="shop", url=SHOP.url, labels=SHOP.labels, enabled=False)})
    story.arrive("d", 3)
    assert story.said == []


def test_who_was_told_before_hears_the_end_and_nobody_else(story: Story) -> None:
    story.arrive("uddd", 0)
    story.edit(3.5)
    story.arrive("u", 4)
    assert story.said == [("web", "site.down"), ("web", "site.resolved")]


def test_the_end_has_the_labels_of_a_site_that_is_not_enabled_any_more(story: Story) -> None:
    story.arrive("uddd", 0)
    story.edit(3.5, {"shop": Site(name="shop", url=SHOP.url, labels=SHOP.labels, enabled=False)})
    story.arrive("u", 4)
    assert [arrival.body["data"]["labels"] for arrival in story.scene.receiver.arrivals] == [{"team": "web"}] * 2


def test_it_is_told_by_its_own_route_once_the_site_is_there_again(story: Story) -> None:
    story.arrive("udd", 0)
    story.edit(2.5)
    story.arrive("d", 3)
    story.edit(3.5, {"shop": SHOP})
    story.arrive("d", 4)
    assert story.said == [("web", "site.down")]


def test_of_what_was_over_for_a_day_nobody_is_told_once_the_site_is_there_again(story: Story) -> None:
    story.arrive("udd", 0)
    story.edit(3.2)
    story.arrive("du", 3)
    write_notices(story.scene.conn, story.scene.names, [ended(240)])
    for hours, held in ((1, [1]), (24, [])):
        execute(story.scene.conn, EARLIER, (timedelta(hours=hours),))
        tidy(Steps(story.scene.conn), NOON - DAY)
        assert [number for (number,) in rows(story.scene.conn, HELD)] == held


def test_it_is_told_where_a_beat_goes_on_with_a_site_that_the_alerter_has_not(story: Story) -> None:
    story.arrive("udd", 0)
    story.edit(2.5)
    story.arrive("dd", 3)
    assert story.said == [("all", "site.down")]


def test_it_keeps_its_thresholds(story: Story) -> None:
    story.edit(-1, {"shop": Site(name="shop", url=SHOP.url, down_after=6)})
    story.arrive("ud", 0)
    story.edit(1.5)
    story.arrive("dddd", 2)
    assert story.scene.incidents == []


def test_what_a_monitor_looks_at_is_told_at_once(story: Story) -> None:
    for result in story.scene.results("uddd", site="other"):
        story.scene.arrive(result)
    assert story.said == [("all", "site.down")]


def test_nobody_is_warned_of_its_certificate(story: Story) -> None:
    story.scene.arrive(a_result(minute=0, outcome=Outcome.UP, cert_expires_at=NOON + 5 * DAY))
    story.edit(49.5)
    story.scene.decider.warn_of_certificates(story.scene.conn)
    story.edit(49.6, {"shop": SHOP})
    story.scene.send()
    assert story.said == []
    story.scene.decider.warn_of_certificates(story.scene.conn)
    story.scene.send()
    assert story.said == [("web", "certificate.expiring")]


def test_of_the_certificate_of_a_site_with_which_a_beat_goes_on_others_are_warned(story: Story) -> None:
    story.scene.arrive(a_result(minute=0, outcome=Outcome.UP, cert_expires_at=NOON + 5 * DAY))
    story.edit(0.5)
    story.scene.decider.warn_of_certificates(story.scene.conn)
    story.scene.send()
    assert story.said == [("all", "certificate.expiring")]
