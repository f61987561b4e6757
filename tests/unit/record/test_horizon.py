"""The account is closed as far as all is recorded that was made; nobody who stands still holds it up for long."""

from collections.abc import Mapping

import pytest

from sitemon.model.marks import Published
from sitemon.record import horizon as module
from sitemon.record.horizon import LONGEST_HOLD_S, SILENT_AFTER_S, Horizon

START_MS = 1_700_000_000_000
RESULTS, SCHEDULE = ("s.results", 0), ("s.schedule", 0)
HOLD_S = int(LONGEST_HOLD_S)
SILENT_S = int(SILENT_AFTER_S)


class Look:
    """A reconciler that looks at its horizon once a second, at partitions that grow by a message a second each."""

    def __init__(self, publishers: Mapping[str, int] | None = None) -> None:
        self.now_s = 0
        self.limit_s = 0.0
        self.is_kafka_there = True
        self.stuck: dict[tuple[str, int], int] = {}
        self.horizon = Horizon(publishers or {})

    def pass_s(self, seconds: int, *living: str) -> float:
        """Let so many seconds pass, in which some publishers say every 5 s that all is published; return the limit."""
        for _ in range(seconds):
            self.now_s += 1
            if self.now_s % 5 == 0 and self.is_kafka_there:
                self.hear(*living)
            self._look()
        return self.limit_s

    def hear(self, *publishers: str, up_to_s: int | None = None, is_last: bool = False) -> None:
        """Let publishers say that all of before a second is published; without it, of before now."""
        up_to_ms = at_ms(self.now_s if up_to_s is None else up_to_s)
        self.horizon.hear(Published(publisher=one, up_to_ms=up_to_ms, made=1, is_last=is_last) for one in publishers)

    def _look(self) -> None:
        if not self.is_kafka_there:
            # Where the partitions end cannot be asked for, and the reconciler begins anew or waits.
            return
        if self.horizon.wants_ends:
            self.horizon.aim(at_ms(self.now_s), dict.fromkeys((RESULTS, SCHEDULE), 100 + self.now_s))
        read = dict.fromkeys((RESULTS, SCHEDULE), 100 + self.now_s) | self.stuck
        self.limit_s = (self.horizon.limit_ms(read, float(self.now_s)) - START_MS) / 1_000


def at_ms(second: int) -> int:
    return START_MS + second * 1_000


def test_without_publishers_the_limit_is_when_all_that_was_there_is_read() -> None:
    assert Look().pass_s(3) == 3


def test_before_anything_was_read_the_limit_is_long_ago() -> None:
    horizon = Horizon({})
    assert horizon.wants_ends
    assert horizon.limit_ms({}, 0.0) == 0


def test_an_unread_partition_holds_until_it_is_read() -> None:
    look = Look()
    look.pass_s(10)
    look.stuck[RESULTS] = 110
    assert look.pass_s(100) == 10
    look.stuck[RESULTS] = 111
    assert look.pass_s(1) == 11, "all is read that was there when its end was asked for"
    del look.stuck[RESULTS]
    assert look.pass_s(2) == 113


def test_a_partition_of_which_nothing_was_ever_read_holds() -> None:
    horizon = Horizon({})
    horizon.aim(START_MS, {RESULTS: 5, SCHEDULE: 0})
    assert horizon.limit_ms({}, 0.0) == 0
    assert horizon.limit_ms({RESULTS: 5}, 1.0) == START_MS


def test_a_stuck_partition_holds_for_a_quarter_of_an_hour_at_most() -> None:
    look = Look()
    look.pass_s(10)
    look.stuck[RESULTS] = 110
    assert look.pass_s(HOLD_S) == 10
    assert look.pass_s(2) >= 11
    assert look.pass_s(100) >= 100 + HOLD_S, "once it was given up, it does not hold again"


def test_a_partition_that_is_read_on_though_slowly_is_waited_for() -> None:
    look = Look()
    look.pass_s(2 * HOLD_S)
    for read in range(10):
        look.stuck[RESULTS] = 100 + read
        assert look.pass_s(HOLD_S // 2) == 2 * HOLD_S


def test_a_partition_that_ends_early_does_so_for_good_once_it_has_for_long() -> None:
    horizon = Horizon({})
    assert horizon.ends_early([RESULTS], 0.0) == set()
    assert horizon.ends_early([RESULTS, SCHEDULE], 9.0) == set()
    assert horizon.ends_early([RESULTS, SCHEDULE], 10.0) == {RESULTS}


def test_a_partition_that_ends_early_for_a_moment_has_a_new_leader() -> None:
    horizon = Horizon({})
    horizon.ends_early([RESULTS], 0.0)
    horizon.ends_early([], 5.0)
    assert horizon.ends_early([RESULTS], 12.0) == set()


def test_one_that_comes_on_more_slowly_than_time_holds_for_as_long_as_its_marks_come() -> None:
    look = Look()
    look.pass_s(10, "one")
    for second in range(2 * HOLD_S // SILENT_S):
        look.hear("slow", up_to_s=second)
        assert look.pass_s(SILENT_S - 1, "one") == second
    assert look.now_s > HOLD_S
    assert look.pass_s(SILENT_S, "one") >= look.now_s - 5, "its silence ends that"


def test_another_name_holds_anew() -> None:
    look = Look()
    look.pass_s(10)
    for number in range(3):
        for _ in range(HOLD_S // (SILENT_S - 1)):
            look.hear(f"publisher-{number}", up_to_s=10)
            assert look.pass_s(SILENT_S - 1) == 10


def test_a_living_publisher_holds_as_far_as_it_has_published() -> None:
    look = Look()
    look.pass_s(10, "one")
    for _ in range(8):
        look.hear("one", up_to_s=7)
        assert look.pass_s(SILENT_S - 1) == 7
    look.hear("one", up_to_s=9)
    assert look.pass_s(1) == 9


def test_the_slowest_of_many_holds() -> None:
    look = Look()
    look.hear("slow", up_to_s=3)
    look.hear("slower", up_to_s=2)
    assert look.pass_s(20, "one", "other") == 2


def test_one_that_is_silent_for_half_a_minute_holds_no_longer() -> None:
    look = Look()
    look.pass_s(10, "one", "two")
    assert look.pass_s(SILENT_S - 2, "two") == 10
    assert look.pass_s(3, "two") == 40


def test_one_that_is_heard_again_holds_again() -> None:
    look = Look()
    look.pass_s(10, "one")
    assert look.pass_s(60) == 70
    look.hear("one", up_to_s=20)
    assert look.pass_s(5) == 20


def test_its_last_word_lets_go() -> None:
    look = Look()
    look.pass_s(10, "one")
    look.hear("one", up_to_s=4)
    assert look.pass_s(3) == 4
    look.hear("one", up_to_s=5, is_last=True)
    assert look.pass_s(1) == 14


def test_an_outage_of_kafka_is_no_silence() -> None:
    look = Look()
    look.pass_s(10, "spooling")
    look.is_kafka_there = False
    look.pass_s(600)
    look.is_kafka_there = True
    assert look.pass_s(SILENT_S - 8) == 10
    look.hear("spooling", up_to_s=500)
    assert look.pass_s(1) == 500


def test_while_what_kafka_has_is_not_read_nobody_is_silent() -> None:
    look = Look()
    look.pass_s(10, "one")
    look.stuck[RESULTS] = 111
    look.pass_s(600)
    del look.stuck[RESULTS]
    assert look.pass_s(SILENT_S - 8) == 10, "its marks of meanwhile may not be read yet"


def test_one_that_does_not_come_on_holds_for_a_quarter_of_an_hour_at_most() -> None:
    look = Look()
    look.pass_s(10, "one")
    for _ in range(HOLD_S // 10 - 1):
        look.hear("one", up_to_s=7)
        assert look.pass_s(10) == 7
    look.hear("one", up_to_s=7)
    assert look.pass_s(20) == look.now_s
    look.hear("one", up_to_s=8)
    assert look.pass_s(1) == 8, "it comes on again"


def test_one_that_drains_a_long_spool_is_waited_for() -> None:
    look = Look()
    look.pass_s(10, "one")
    for second in range(10, HOLD_S, 10):
        look.hear("one", up_to_s=second)
        assert look.pass_s(20) == second


def test_at_a_start_those_of_long_ago_get_half_a_minute_too() -> None:
    look = Look({"spooling": at_ms(-10 * HOLD_S)})
    assert look.pass_s(SILENT_S - 2) == -10 * HOLD_S
    look.hear("spooling", up_to_s=-9 * HOLD_S)
    assert look.pass_s(SILENT_S - 2) == -9 * HOLD_S
    assert look.pass_s(5) == look.now_s


def test_at_a_start_those_of_before_get_half_a_minute_to_be_heard() -> None:
    look = Look({"dead": at_ms(-20), "living": at_ms(-20)})
    assert look.pass_s(SILENT_S - 1, "living") == -20
    assert look.pass_s(5, "living") == 30


def test_what_is_published_ahead_of_our_clock_lets_nothing_be_closed_that_is_not_read() -> None:
    look = Look()
    look.hear("fast clock", up_to_s=1_000)
    assert look.pass_s(4) == 4


@pytest.fixture
def _two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PUBLISHERS", 2)


@pytest.mark.usefixtures("_two_places")
def test_of_more_than_there_are_places_for_those_who_have_one_keep_it() -> None:
    look = Look()
    look.pass_s(10, "one", "two")
    look.hear(*(f"foreign-{number}" for number in range(1_000)))
    assert look.horizon.publishers == ["one", "two"]
    look.hear("one", up_to_s=7)
    assert look.pass_s(SILENT_S - 1, "two") <= 7
    assert look.horizon.publishers == ["one", "two"]


@pytest.mark.usefixtures("_two_places")
def test_who_finds_no_place_is_waited_for_until_it_has_one_or_is_silent() -> None:
    look = Look()
    look.pass_s(10, "dead", "dead too")
    for _ in range(30):
        look.hear("new", up_to_s=10)
        assert look.pass_s(2) <= 10
    assert look.horizon.publishers == ["new"]
    look.pass_s(5, "new", "other")
    look.hear("third")
    assert look.pass_s(SILENT_S - 1, "new", "other") <= 10
    assert look.pass_s(2, "new", "other") >= look.now_s - 5
    assert not look.horizon.is_crowded


@pytest.mark.usefixtures("_two_places")
def test_without_a_place_nobody_holds_for_more_than_a_quarter_of_an_hour() -> None:
    look = Look()
    look.pass_s(10, "one", "two")
    for second in range(HOLD_S // 5):
        look.hear(f"foreign-{second}")
        assert look.pass_s(5, "one", "two") < 10 or look.now_s > HOLD_S
    look.hear("foreign")
    assert look.pass_s(5, "one", "two") >= look.now_s - 5


@pytest.mark.usefixtures("_two_places")
def test_at_a_start_of_too_many_none_is_known_until_all_who_live_are_heard_of() -> None:
    look = Look({f"dead-{number}": at_ms(-5) for number in range(3)})
    assert look.pass_s(SILENT_S - 5) < -5
    look.hear("living", up_to_s=3)
    assert look.pass_s(10) == 3
    assert look.horizon.has_heard_all
    assert look.horizon.publishers == ["living"]


def test_however_many_names_there_are_few_are_held() -> None:
    look = Look()
    look.hear(*(f"foreign-{number}" for number in range(10_000)))
    assert len(look.horizon.publishers) == module.MOST_PUBLISHERS
