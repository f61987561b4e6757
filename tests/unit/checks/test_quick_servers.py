"""Which servers are known to be quick, for how long, and of how many."""

import pytest

from sitemon import clock
from sitemon.checks.net.quick_servers import QuickServers, Server


def server(number: int, file: str = "ours.yaml") -> Server:
    return Server(file, f"{number}.shop.example")


def test_a_file_that_leads_to_a_slow_one_has_no_quick_one_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    known = QuickServers()
    for file in ("ours.yaml", "his.yaml"):
        known.note_end(server(1, file))
    known.note_step(server(2, "his.yaml"), 0.2)
    known.note_end(server(2, "his.yaml"))
    assert (known.has(server(1)), known.has(server(1, "his.yaml"))) == (True, False)
    later_s = clock.monotonic_s() + 3_601
    monkeypatch.setattr(clock, "monotonic_s", lambda: later_s)
    assert (known.has(server(1, "his.yaml")), known.has(server(2, "his.yaml"))) == (True, False)


def test_of_too_many_those_that_were_not_visited_for_the_longest_time_are_forgotten() -> None:
    known = QuickServers(most=2)
    for number in (1, 2, 1, 3):
        known.note_end(server(number))
    assert [known.has(server(number)) for number in (1, 2, 3)] == [True, False, True]
