"""Of a site that lies behind another: rows of both, and the messages that the receiver must get."""

import math
import threading
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from sitemon import clock
from sitemon.alert.alerter import Alerter
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.rules import Rulebook, SiteRules, rules_of_site
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.sites import SiteSet
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.model.result import Result
from sitemon.store.connect import Connection, connect
from sitemon.store.held import held_numbers, take_held
from sitemon.store.maintenance_windows import Declaration, declare, stop
from sitemon.store.postgres_clock import PostgresClock
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.scene import Scene, said_by
from tests.integration.store.events import ended, started
from tests.pipeline import wait_for
from tests.results import MINUTE, this_hour

GATEWAYS = {"shop": ("balancer", "line"), "balancer": ("line",)}
Heard = tuple[str, str, float, float | None]


class Story:
    """shop depends on balancer, which depends on line; each is looked at once a minute."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.minute = 0.0
        self.away_from = math.inf  # the minute from which on there is no alerter, until all rows have arrived

        def rules_of(name: str) -> SiteRules:
            return SiteRules(Policy(), Audience(), None, timedelta(minutes=1), gateways=lambda: GATEWAYS.get(name, ()))

        scene.decider = Decider(rules_of, scene.alerts, lambda: this_hour() + self.minute * MINUTE)

    def play(self, **letters: str) -> None:
        """Let the rows of these sites arrive minute by minute; a space is a slot without one."""
        for minute in range(max(map(len, letters.values()))):
            self.minute = minute + 0.1
            arrived = [
                result
                for site, outcomes in letters.items()
                for result in self.scene.results(outcomes[minute : minute + 1], start=minute, site=site)
            ]
            if minute < self.away_from:
                self.arrive(*arrived)
            else:
                self.scene.write(arrived)
        self.arrive()

    def arrive(self, *results: Result) -> None:
        """Write one batch, and let the alerter decide, look who lies behind whom, and send."""
        self.scene.write(list(results))
        self.scene.decide()
        while self.scene.decider.release(self.scene.conn):
            pass
        self.scene.send()

    @property
    def said(self) -> list[Heard]:
        """What was said of which site."""
        return [(event["data"]["site"], *said_by(event)) for event in self.scene.receiver.events]

    @property
    def behind(self) -> list[tuple[str, str | None]]:
        """The sites that have an incident, with those behind which it lies."""
        query = "SELECT site, behind FROM sitemon.incidents WHERE withdrawn_at IS NULL ORDER BY site"
        return rows(self.scene.conn, query)


@pytest.fixture
def story(scene: Scene) -> Story:
    return Story(scene)


@pytest.mark.parametrize(
    ("letters", "expected", "lies_behind"),
    [
        pytest.param(
            {"line": "udddddd", "shop": "udddddd"},
            [("line", "site.down", 1, None)],
            [("line", None), ("shop", "line")],
            id="both at once",
        ),
        pytest.param(
            {"line": "udddddu" + 9 * "u", "shop": "uddddd" + 10 * "d"},
            [("line", "site.down", 1, None), ("line", "site.resolved", 1, 6), ("shop", "site.down", 1, None)],
            [("line", None), ("shop", None)],
            id="the site is not back",
        ),
        pytest.param(
            {"line": "udddddd", "balancer": "udddddd", "shop": "udddddd"},
            [("line", "site.down", 1, None)],
            [("balancer", "line"), ("line", None), ("shop", "line")],
            id="all of a chain",
        ),
        pytest.param(
            {"line": "uuuuuuu", "balancer": "udddddd", "shop": "udddddd"},
            [("balancer", "site.down", 1, None)],
            [("balancer", None), ("shop", "balancer")],
            id="the nearer one",
        ),
    ],
)
def test_what_is_said(
    story: Story, letters: dict[str, str], expected: list[Heard], lies_behind: list[tuple[str, str | None]]
) -> None:
    story.play(**{"balancer": "u" * len(letters["line"]), **letters})
    assert story.said == expected
    assert story.behind == lies_behind


def test_an_outage_that_an_alerter_finds_later_is_told_of_the_gateway_alone(story: Story) -> None:
    for site in ("shop", "balancer", "line"):  # in the order in which the alerter decides
        story.scene.write(story.scene.results("uddddd" + "uuuu", site=site))
    story.minute = 30
    while story.scene.decider.decide(story.scene.conn, most=1):
        story.scene.decider.release(story.scene.conn)
    story.scene.send()
    assert story.said == [("line", "site.down", 1, None), ("line", "site.resolved", 1, 6)]


def test_when_the_outage_of_a_gateway_is_withdrawn_the_site_is_told(story: Story) -> None:
    story.play(line="ud dd", balancer="uuuuu", shop="udddd")
    assert story.said == [("line", "site.down", 1, None)]
    story.arrive(*story.scene.results("u", start=2, site="line"), *story.scene.results("u", start=5, site="line"))
    assert story.said[1:] == [("line", "incident.withdrawn", 1, None), ("shop", "site.down", 1, None)]


@pytest.mark.parametrize("away_from", [1, 3, 7, math.inf])
@pytest.mark.parametrize("line", ["uddddd" + 19 * "u", "uuuuuuuuuuuddd" + 11 * "u"])
def test_an_outage_that_lasted_on_is_told_by_an_alerter_that_comes_later(
    story: Story, line: str, away_from: float
) -> None:
    story.away_from = away_from
    story.play(line=line, balancer=25 * "u", shop="u" + 22 * "d" + "uu")
    assert [said for said in story.said if said[0] == "shop"] == [
        ("shop", "site.down", 1, None),
        ("shop", "site.resolved", 1, 23),
    ]


def test_when_the_outage_of_a_gateway_is_withdrawn_a_site_that_was_back_before_is_told(story: Story) -> None:
    story.play(line="ud dduuu", balancer="uuuuuuuu", shop="udddduuu")
    assert {site for site, *_ in story.said} == {"line"}
    story.arrive(*story.scene.results("u", start=2, site="line"))
    assert story.behind == [("shop", None)]
    assert story.said[-3:] == [
        ("line", "incident.withdrawn", 1, 5),
        ("shop", "site.down", 1, None),
        ("shop", "site.resolved", 1, 5),
    ]


def test_of_what_was_over_behind_a_gateway_nothing_is_said_later(story: Story) -> None:
    story.play(line="uddddduuuu", balancer="u" * 10, shop="uddddduuuu")
    story.arrive(*story.scene.results("d", start=0.5, site="shop"))
    assert {site for site, *_ in story.said} == {"line"}


def test_of_what_was_over_it_is_told_after_an_hour_whatever_the_interval_of_the_gateway(story: Story) -> None:
    def rules_of(name: str) -> SiteRules:
        every = timedelta(days=366 if name == "line" else 0, minutes=1)
        return SiteRules(Policy(), Audience(), None, every, gateways=lambda: ("line",) if name == "shop" else ())

    story.scene.decider = Decider(rules_of, story.scene.alerts, lambda: this_hour() + story.minute * MINUTE)
    story.play(line="u", shop="udddu")
    story.minute = 59
    story.arrive()
    assert story.said == []
    story.minute = 300  # an hour after the database decided, by its own clock
    story.arrive()
    assert story.said == [("shop", "site.down", 1, None), ("shop", "site.resolved", 1, 4)]


def test_what_fails_while_its_gateway_is_maintained_lies_behind_it(story: Story) -> None:
    story.play(line="u", balancer="u", shop="u")
    window = Declaration(this_hour() + MINUTE, this_hour() + 6 * MINUTE, ["line"])
    declare(story.scene.conn, window)
    letters = {"line": "uddddd", "balancer": "uuuuuu", "shop": "uddddd"}
    story.play(**letters)
    assert (story.said, story.behind) == ([], [("shop", "line")])
    story.play(
        **{site: outcomes + 4 * "d" for site, outcomes in letters.items() if site != "balancer"}, balancer=10 * "u"
    )
    assert story.said == [("line", "site.down", 6, None)]


@pytest.mark.parametrize("shop", ["udddduuuuuuu", "udddddddduuu"], ids=["back first", "back with it"])
def test_nor_is_it_told_when_it_is_back(story: Story, shop: str) -> None:
    story.play(line="u", balancer="u", shop="u")
    declare(story.scene.conn, Declaration(this_hour() + 0.5 * MINUTE, this_hour() + 12 * MINUTE, ["line"]))
    story.play(line="udddddddduuu", balancer=12 * "u", shop=shop)
    story.minute = 100
    story.arrive()
    assert (story.said, story.behind) == ([], [("shop", "line")])


def test_when_the_outage_of_a_gateway_was_shorter_a_site_that_was_back_before_is_told(story: Story) -> None:
    story.play(line="uddd", balancer="uuuu", shop="uddd")
    story.play(balancer=25 * "u", shop=" " * 4 + 18 * "d" + "uuu")
    story.arrive(*story.scene.results("uuu", start=22, site="line"))
    assert {site for site, *_ in story.said} == {"line"}
    story.arrive(*story.scene.results(18 * "u", start=4, site="line"))
    story.minute = 100
    story.arrive()
    assert [said for said in story.said if said[0] == "shop"] == [
        ("shop", "site.down", 1, None),
        ("shop", "site.resolved", 1, 22),
    ]


def test_what_an_alerter_held_when_it_was_killed_another_one_tells(story: Story) -> None:
    story.play(line="uuu", balancer="uuu", shop="udd")
    story.scene.write(
        story.scene.results("u", start=3, site="line") + story.scene.results("u", start=3, site="balancer")
    )
    story.scene.write(story.scene.results("d", start=3))
    story.scene.decide()
    story.scene.send()
    assert story.said == []
    Story(story.scene).arrive()
    assert story.said == [("shop", "site.down", 1, None)]


def test_two_alerters_tell_once(story: Story, postgres_server: PostgresServer, owner: Credentials) -> None:
    story.scene.write([*story.scene.results("uddd"), *story.scene.results("uuuu", site="line")])
    story.scene.write(story.scene.results("uuuu", site="balancer"))
    story.scene.decide()
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        with take_held(second, held_numbers(second, 1)) as held:
            assert [site for site, _, _ in held.incidents] == ["shop"]
            story.arrive()  # passes over what the other one has
            assert story.said == []
        story.scene.decider.release(second)
        story.arrive()
    assert story.said == [("shop", "site.down", 1, None)]


def test_more_than_are_taken_at_once_are_all_looked_at(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitemon.alert.decide._INCIDENTS_AT_ONCE", 1)
    story.play(line="udddd", balancer="udddd", shop="udddd")
    assert story.behind == [("balancer", "line"), ("line", None), ("shop", "line")]


def test_it_is_told_also_while_rows_of_both_always_wait(story: Story) -> None:
    rows_of = {"shop": "u" + 14 * "d", "line": "u" + 7 * "du", "balancer": 15 * "u"}
    for minute in range(15):
        story.minute = minute + 0.1
        for site, letters in rows_of.items():
            story.scene.write(story.scene.results(letters[minute], start=minute, site=site))
        story.scene.decider.release(story.scene.conn)
        story.scene.decide()
    story.scene.send()
    assert story.said == [("shop", "site.down", 1, None)]


def test_of_a_site_that_is_watched_no_more_nothing_is_said(story: Story) -> None:
    write_notices(story.scene.conn, story.scene.names, [started(0)])
    story.play(line="udddd", balancer="uuuuu", shop="udddd")
    write_notices(story.scene.conn, story.scene.names, [ended(60)])
    story.arrive(*story.scene.results("u", start=5, site="line"))
    story.minute = 60
    story.arrive()
    assert {site for site, *_ in story.said} == {"line"}


def test_nobody_is_told_of_a_held_incident_while_its_site_is_in_maintenance(story: Story) -> None:
    now = clock.utc_now()
    story.scene.write(story.scene.results("u", start=-30))
    number, _ = declare(story.scene.conn, Declaration(now, now + timedelta(hours=1), ["shop"]))
    story.play(line="udddddu" + 9 * "u", shop="uddddd" + 10 * "d")
    assert [site for site, *_ in story.said] == ["line", "line"]
    assert stop(story.scene.conn, number, clock.utc_now(), withdraw=True)
    story.arrive()
    assert [(site, type_) for site, type_, *_ in story.said[2:]] == [("shop", "site.down")]


def test_a_region_that_looks_at_the_gateway_no_more_says_nothing_of_it(story: Story) -> None:
    scene = story.scene
    write_notices(scene.conn, scene.names, [started(-60, site="line", region="us"), started(-60, site="line")])
    scene.write(scene.results("d", start=-30, site="line", region="us"))
    write_notices(scene.conn, scene.names, [msgspec.structs.replace(ended(-20, site="line"), region="us")])
    story.play(line="uuuuuuu", balancer="uddddd ")
    assert [(site, type_) for site, type_, *_ in story.said] == [("balancer", "site.down")]


def test_a_site_that_is_taken_out_of_the_configuration_is_not_told_for_that(story: Story) -> None:
    story.play(line="udddd", balancer="uuuuu", shop="udddd")
    story.scene.decider = Decider(lambda _: rules_of_site(None, {}), story.scene.alerts, clock.utc_now)
    story.arrive()
    assert story.said == [("line", "site.down", 1, None)]
    assert story.behind == [("line", None), ("shop", "line")]


class _Busy(Decider):
    """One that always has something to decide."""

    def decide(self, conn: Connection, most: int = 200) -> int:
        return 1 + super().decide(conn, most)


def test_it_is_told_however_much_there_is_to_decide(
    story: Story, postgres_server: PostgresServer, owner: Credentials
) -> None:
    stop_it = threading.Event()
    rules = SiteRules(Policy(), Audience(), None, timedelta(minutes=1), gateways=lambda: ("line",))
    alerter = Alerter(
        lambda: connect(postgres_server, owner, application_name="test"),
        planner=Planner(lambda: SiteSet(sites=(), by_name={}, source=""), clock.utc_now),
        rulebook=Rulebook({}, clock.utc_now()),
        decider=_Busy(lambda _: rules, story.scene.alerts, lambda: this_hour() + 9 * MINUTE),
        asker=None,
        teller=None,
        alerts=lambda: story.scene.alerts,
        postgres_clock=PostgresClock(),
        stop=stop_it,
    )
    story.scene.write([*story.scene.results("uddd"), *story.scene.results("uuuuuuu", site="line")])
    running = threading.Thread(target=alerter.run)
    running.start()
    try:
        wait_for(lambda: story.said == [("shop", "site.down", 1, None)], 20)
    finally:
        stop_it.set()
        running.join()
