"""What counts as a false alarm, a missed outage and a delay, and what a flapping site answers."""

from bench.alarms import LATE_S, judge
from bench.flapping import Failure, Kind, Script, Stretch, Told, scripts_of

OUTAGE = Script(Kind.OUTAGE, "", [Stretch(10, 50, "status"), Stretch(100, 140, "status")])


def _told(site: str, at_s: float) -> Told:
    return Told("ours", site, at_s, "site.down")


def test_a_message_within_an_outage_is_told_once_and_timed() -> None:
    failures = [Failure("ours", "shop", 12), Failure("ours", "shop", 13), Failure("ours", "shop", 101)]
    told = [_told("shop", 17), _told("shop", 140 + LATE_S)]
    found = judge({"shop": OUTAGE}, failures, told)
    assert found.from_failure_s == [5, 44]
    assert found.from_beginning_s == [7, 45]
    assert (found.missed, sum(found.false.values())) == (0, 0)


def test_an_outage_that_nobody_tells_is_missed_and_what_comes_after_it_or_twice_is_false() -> None:
    told = [_told("shop", 9), _told("shop", 20), _told("shop", 30), _told("shop", 141 + LATE_S)]
    found = judge({"shop": OUTAGE}, [Failure("ours", "shop", 12)], told)
    assert found.missed == 1
    assert found.false == {Kind.OUTAGE: 3}


def test_a_message_about_a_flaky_site_is_false_and_one_about_a_short_outage_is_neither() -> None:
    scripts = {"flaky": Script(Kind.FLAKY, ""), "short": Script(Kind.SHORT, "", [Stretch(10, 20, "status")])}
    found = judge(scripts, [], [_told("flaky", 15), _told("short", 16)])
    assert found.false == {Kind.FLAKY: 1, Kind.SHORT: 0}
    assert (found.short_told, found.missed, found.from_failure_s) == (1, 0, [])


def test_a_blip_fails_one_answer_of_a_visitor() -> None:
    script = Script(Kind.BLIP, "", blips_s=[5.0, 7.0])
    assert script.ill_at(4.9, 1, 0) is None
    assert script.ill_at(5.1, 2, 0) == "status"
    assert script.ill_at(5.2, 3, 1) is None
    assert script.ill_at(9.0, 4, 1) == "status"


def test_the_same_seed_makes_the_same_sites_and_another_one_others() -> None:
    assert scripts_of(1, 10) == scripts_of(1, 10) != scripts_of(2, 10)


def test_real_outages_of_a_site_are_apart_and_over_before_the_run_ends() -> None:
    for script in scripts_of(1, 10).values():
        if script.kind is Kind.OUTAGE:
            first, second = script.stretches
            assert first.until_s + 30 < second.from_s
            assert second.until_s <= 230
