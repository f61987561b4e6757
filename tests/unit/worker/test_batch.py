"""A batch: late slots are missed with the right reason, the others are checked, and a stop gives back the rest."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from types import MappingProxyType

import pytest

from sitemon import clock
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.checks.findings import Observation
from sitemon.config.sites import SiteSet
from sitemon.model.errors import SpoolFullError
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Phases, Result
from sitemon.model.site import Site
from sitemon.worker import batch
from sitemon.worker.batch import BatchRunner, Overtime

SHOP = Site(name="shop", url="http://me:pw@shop.example/?q=1", interval_ms=10_000)
BLOG = Site(name="blog", url="http://blog.example/", interval_ms=60_000)


def site_set(*sites: Site) -> SiteSet:
    return SiteSet(sites=sites, by_name=MappingProxyType({site.name: site for site in sites}), source="a test")


def observation() -> Observation:
    return Observation(
        checked_at=clock.utc_now(),
        outcome=Outcome.UP,
        reason=None,
        http_code=200,
        latency_s=0.01,
        phases_s=Phases(),
        is_match_found=None,
        ip="192.0.2.1",
        http_version="1.1",
        redirects=0,
        body_bytes=3,
        cert_expires_at=None,
        error=None,
        hops=(),
    )


class AnswersAtOnce:
    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        if is_wanted():
            done(observation())

    def close(self, timeout_s: float) -> None:
        """Nothing is open."""


class AnswersOnly(AnswersAtOnce):
    """An engine in which every check of other sites hangs."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        if site.name == self._name and is_wanted():
            done(observation())


class Bench:
    """A worker's effects, and what it published."""

    def __init__(self, *sites: Site) -> None:
        self.published: list[Sequence[Result]] = []
        self.configured = site_set(*sites)
        self.refreshed = self.configured

    def runner(
        self,
        engine: AnswersAtOnce | None = None,
        *,
        ready_at_ms: int = 0,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> BatchRunner:
        return BatchRunner(
            sites=lambda: self.configured,
            refreshed_sites=lambda: self.refreshed,
            engine=engine or AnswersAtOnce(),
            publish=self.published.append,
            region="eu",
            ready_at_ms=ready_at_ms,
            is_stopping=is_stopping,
            overtime=Overtime(100),
        )

    @property
    def results(self) -> list[Result]:
        return list(itertools.chain.from_iterable(self.published))


def test_a_slot_that_is_due_is_checked_and_keeps_its_key() -> None:
    bench, now_ms = Bench(SHOP, BLOG), clock.now_ms()
    assert bench.runner().run([("shop", now_ms - 100), ("blog", now_ms - 200)], is_redelivered=False) == []
    assert [(r.site, r.region, r.kind, to_ms(r.slot_at), r.outcome) for r in bench.results] == [
        ("shop", "eu", "scheduled", now_ms - 100, "up"),
        ("blog", "eu", "scheduled", now_ms - 200, "up"),
    ]


def test_results_that_are_ready_together_are_published_together() -> None:
    bench, now_ms = Bench(SHOP), clock.now_ms()
    bench.runner().run([("shop", now_ms - ms) for ms in range(5)], is_redelivered=False)
    assert [len(results) for results in bench.published] == [5]


@pytest.mark.parametrize(("late_ms", "ahead_ms", "outcome"), [(12_500, 1_000, "up"), (11_500, -1_000, "missed")])
def test_how_long_a_slot_waited_is_told_by_the_clock_by_which_it_came(
    late_ms: int, ahead_ms: int, outcome: str
) -> None:
    bench = Bench(SHOP)
    bench.runner().run([("shop", clock.now_ms() - late_ms)], is_redelivered=False, ahead_ms=ahead_ms)
    assert [result.outcome for result in bench.results] == [outcome]


@pytest.mark.parametrize(
    ("is_redelivered", "ready_before_slot_ms", "reason"),
    [(False, 1_000, "shed"), (False, -1_000, "late"), (True, 1_000, "worker_lost")],
)
def test_a_slot_that_waited_too_long_is_missed(is_redelivered: bool, ready_before_slot_ms: int, reason: str) -> None:
    bench, slot_ms = Bench(SHOP), clock.now_ms() - 12_500
    runner = bench.runner(ready_at_ms=slot_ms - ready_before_slot_ms)
    assert runner.run([("shop", slot_ms)], is_redelivered=is_redelivered) == []
    [result] = bench.results
    assert (result.outcome, result.reason, result.url) == ("missed", reason, "http://shop.example/")


def test_how_long_a_slot_may_wait_is_its_own_interval() -> None:
    bench, slot_ms = Bench(SHOP, BLOG), clock.now_ms() - 30_000
    bench.runner().run([("shop", slot_ms), ("blog", slot_ms)], is_redelivered=False)
    assert {result.site: result.outcome for result in bench.results} == {"shop": "missed", "blog": "up"}


def test_a_site_that_was_just_added_is_found_by_reading_the_files_again() -> None:
    bench = Bench()
    bench.refreshed = site_set(SHOP)
    bench.runner().run([("shop", clock.now_ms())], is_redelivered=False)
    assert [result.outcome for result in bench.results] == ["up"]


def test_a_site_that_nobody_knows_is_missed() -> None:
    bench = Bench()
    bench.runner().run([("ghost", clock.now_ms())], is_redelivered=False)
    assert [(result.outcome, result.reason, result.url) for result in bench.results] == [("missed", "unknown_site", "")]


def test_a_stop_gives_back_what_hangs_and_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "STOP_GRACE_S", 0.0)
    bench, now_ms = Bench(SHOP, BLOG), clock.now_ms()
    stopping = itertools.chain([False, False], itertools.repeat(True))
    runner = bench.runner(AnswersOnly("shop"), is_stopping=lambda: next(stopping))
    assert runner.run([("shop", now_ms), ("blog", now_ms)], is_redelivered=False) == [("blog", now_ms)]
    assert [result.site for result in bench.results] == ["shop"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("stops_after_looks", [0, 1, 2])
def test_a_stop_gives_back_what_has_not_begun_at_once(monkeypatch: pytest.MonkeyPatch, stops_after_looks: int) -> None:
    monkeypatch.setattr(batch, "STOP_GRACE_S", 30.0)
    bench, now_ms = Bench(SHOP, BLOG), clock.now_ms()
    looks = itertools.count()
    runner = bench.runner(is_stopping=lambda: next(looks) >= stops_after_looks)
    slots = [("shop", now_ms), ("blog", now_ms)]
    begun = max(stops_after_looks - 1, 0)
    assert runner.run(slots, is_redelivered=False) == slots[begun:]
    assert len(bench.results) == begun


def test_whether_a_slot_is_too_late_is_asked_when_its_check_can_begin() -> None:
    class Busy(AnswersAtOnce):
        """Can begin no check before it is too late for it."""

        def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
            while is_wanted():
                """Nothing is free yet."""

    quick = Site(name="quick", url="http://quick.example/", interval_ms=1_000)
    bench, slot_ms = Bench(quick), clock.now_ms() - 2_950
    assert bench.runner(Busy()).run([("quick", slot_ms)], is_redelivered=False) == []
    assert [(r.outcome, r.reason) for r in bench.results] == [("missed", "shed")]


@pytest.fixture
def now_ms(monkeypatch: pytest.MonkeyPatch) -> int:
    """The moment at which a runner's clock stands."""
    stands_at_ms = clock.now_ms()
    monkeypatch.setattr(batch, "now_ms", lambda: stands_at_ms)
    return stands_at_ms


def test_a_confirming_check_is_of_its_kind(now_ms: int) -> None:
    bench = Bench(SHOP)
    assert bench.runner().run([("shop", now_ms)], is_redelivered=False, kind=Kind.CONFIRM) == []
    assert [(r.kind, to_ms(r.slot_at), r.outcome) for r in bench.results] == [("confirm", now_ms, "up")]


def test_a_confirming_check_that_cannot_be_made_has_no_result(now_ms: int) -> None:
    bench = Bench(SHOP, BLOG)
    slots = [("shop", now_ms - 12_500), ("ghost", now_ms)]
    assert bench.runner().run([*slots, ("blog", now_ms)], is_redelivered=False, kind=Kind.CONFIRM) == slots
    assert [result.site for result in bench.results] == ["blog"]


def test_confirming_checks_that_waited_are_not_made_at_the_same_moment(now_ms: int) -> None:
    bench = Bench(SHOP)
    slots = [("shop", now_ms - 2_500), ("shop", now_ms - 500)]
    assert bench.runner().run(slots, is_redelivered=False, kind=Kind.CONFIRM) == slots[:1]
    assert [to_ms(r.slot_at) for r in bench.results] == [now_ms - 500]


def test_when_nothing_takes_results_a_stop_gives_the_slots_back() -> None:
    bench, now_ms = Bench(SHOP), clock.now_ms()

    def full(_results: Sequence[Result]) -> None:
        raise SpoolFullError("full")

    runner = dataclasses.replace(bench.runner(), publish=full)
    assert runner.run([("shop", now_ms)], is_redelivered=False) == [("shop", now_ms)]
