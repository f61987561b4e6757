"""Which sites are known to be quick or slow, for how long, and of how many."""

import pytest

from sitemon import clock
from sitemon.checks.net.quick_sites import QuickSites, SiteOfFile


def site(name: str, file: str = "ours.yaml") -> SiteOfFile:
    return SiteOfFile(file, name)


def test_a_slow_one_is_slow_for_an_hour_and_no_other_of_its_file_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    known = QuickSites()
    for file in ("ours.yaml", "his.yaml"):
        known.note_end(site("shop", file))
    known.note_step(site("slow", "his.yaml"), 0.2)
    known.note_end(site("slow", "his.yaml"))
    assert [known.is_slow(site(name, "his.yaml")) for name in ("slow", "shop")] == [True, False]
    assert (known.has(site("shop")), known.has(site("shop", "his.yaml"))) == (True, False)
    later_s = clock.monotonic_s() + 3_601
    monkeypatch.setattr(clock, "monotonic_s", lambda: later_s)
    assert not known.is_slow(site("slow", "his.yaml"))
    assert (known.has(site("shop", "his.yaml")), known.has(site("slow", "his.yaml"))) == (True, False)


def test_where_several_are_slow_all_of_their_file_are() -> None:
    known = QuickSites()
    for number in range(4):
        assert not known.is_slow(site("shop"))
        known.note_step(site(f"slow {number}"), 0.2)
    assert known.is_slow(site("shop"))
    assert not known.is_slow(site("shop", "his.yaml"))


def test_one_that_took_too_long_by_far_rests_for_a_hundred_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    known = QuickSites()
    for name, cpu_s in (("slow", 0.9), ("too slow", 2.0), ("far too slow", 200.0)):
        known.note_step(site(name), cpu_s)
    known.note_step(site("too slow"), 1.0)
    began_s = clock.monotonic_s()
    for later_s, resting in ((190, ["too slow", "far too slow"]), (210, ["far too slow"]), (3_601, [])):
        monkeypatch.setattr(clock, "monotonic_s", lambda later_s=later_s: began_s + later_s)
        assert [name for name in ("slow", "too slow", "far too slow") if known.rests(site(name))] == resting


def test_of_too_many_those_that_were_not_visited_for_the_longest_time_are_forgotten() -> None:
    known = QuickSites(most=2)
    for name in ("a", "b", "a", "c"):
        known.note_end(site(name))
    assert [known.has(site(name)) for name in ("a", "b", "c")] == [True, False, True]
