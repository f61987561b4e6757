"""A batch is tried until it is written, and halved around what can never be."""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from sitemon import clock
from sitemon.model.errors import PoisonError, RefusedError, SitemonError, UnreachableError
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import writer as module
from sitemon.record.batch import Entry
from sitemon.record.writer import Recorded, Writer
from sitemon.store.errors import BadRowError, CanceledError, MissingPartitionError, NotProvisionedError
from sitemon.store.partitions import DEFAULT_RETENTION, Span
from sitemon.store.positions import GapError, Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Message


class Waits(threading.Event):
    """An event that is never waited for: `wait` notes for how long, and says whether it is set."""

    def __init__(self, stop_after: int = 1_000) -> None:
        super().__init__()
        self.waits_s: list[float] = []
        self._stop_after = stop_after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        if len(self.waits_s) >= self._stop_after:
            self.set()
        return self.is_set()


class FakeStore:
    """Fails as told, then writes."""

    def room(self, now: datetime) -> Span:
        return DEFAULT_RETENTION.span(now)

    def __init__(self, *failures: SitemonError, poison: Callable[[Result], bool] = lambda _: False) -> None:
        self.failures = list(failures)
        self.written: list[Result] = []
        self.read: list[Mapping[TopicPartition, Read]] = []
        self.attempts = 0
        self.maintained = 0
        self._poison = poison

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        if any(map(self._poison, results)):
            raise PoisonError("refused_by_database", "a value is wrong")
        self.written += results
        self.read.append(read)
        return Written(len(results))

    def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
        self.maintained += 1
        return False

    def end_old_readers(self) -> int:
        return 0

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        if self.failures:
            raise self.failures.pop(0)
        return {partition: at - 1 for partition, at in ours.items()}

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None:
        raise self.failures.pop(0)


def entries(count: int, slot_at: datetime | None = None) -> list[Entry]:
    at = slot_at or clock.utc_now()
    return [
        Entry(
            Message("t", 0, number, None, b"", 0),
            Result(
                site=f"site-{number}",
                url="u",
                region="default",
                kind=Kind.SCHEDULED,
                slot_at=at,
                checked_at=at,
                outcome=Outcome.UP,
            ),
        )
        for number in range(count)
    ]


READ = {("t", 0): Read(0, 1_000)}
CANCELED = CanceledError("canceling statement due to statement timeout")


def nothing() -> None: ...


def writer(store: FakeStore, stop: Waits | None = None) -> Writer:
    return Writer(store, stop or Waits(), random.Random(1))


def test_a_good_batch_is_one_attempt() -> None:
    store = FakeStore()
    recorded = writer(store).record(entries(5), READ, nothing)
    assert recorded is not None
    assert (recorded.written, recorded.rejected, store.attempts) == (Written(5), (), 1)


def test_it_tries_again_until_the_server_is_back() -> None:
    store, stop = FakeStore(*[UnreachableError("away")] * 8), Waits()
    assert writer(store, stop).record(entries(2), READ, nothing) is not None
    assert len(store.written) == 2
    assert len(stop.waits_s) == 8
    assert stop.waits_s[0] < 0.5
    assert 1.0 < stop.waits_s[-1] <= 5.0


def test_it_says_once_that_the_server_is_away_and_once_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    errors = [UnreachableError("away"), UnreachableError("still away"), UnreachableError("and away")]
    writer(FakeStore(*errors)).record(entries(1), READ, nothing)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "recorder.postgres_away",
        "recorder.postgres_back",
    ]


def test_it_says_each_kind_of_trouble(caplog: pytest.LogCaptureFixture) -> None:
    errors = [UnreachableError("a"), NotProvisionedError("b"), NotProvisionedError("c"), RefusedError("d")]
    writer(FakeStore(*errors)).record(entries(1), READ, nothing)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "recorder.postgres_away",
        "recorder.not_provisioned",
        "recorder.postgres_refuses",
        "recorder.postgres_back",
    ]


def test_an_attempt_that_was_given_up_and_a_server_that_is_away_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    writer(FakeStore(UnreachableError("away"), CANCELED, UnreachableError("away"))).record(entries(1), READ, nothing)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "recorder.postgres_away",
        "recorder.postgres_back",
    ]


def test_a_refusal_is_asked_about_less_often() -> None:
    stop = Waits()
    writer(FakeStore(RefusedError("no")), stop).record(entries(1), READ, nothing)
    assert stop.waits_s[0] >= 2.5


def test_told_to_stop_while_the_server_is_away_it_gives_the_batch_up() -> None:
    store = FakeStore(*[UnreachableError("away")] * 100)
    assert writer(store, Waits(stop_after=3)).record(entries(1), READ, nothing) is None
    assert store.attempts == 3


def test_told_to_stop_it_finishes_the_batch_in_hand() -> None:
    store, stop = FakeStore(), Waits()
    stop.set()
    assert writer(store, stop).record(entries(3), READ, nothing) is not None
    assert len(store.written) == 3


def test_around_a_bad_record_all_others_are_written() -> None:
    store = FakeStore(poison=lambda result: result.site == "site-613")
    recorded = writer(store).record(entries(1000), READ, nothing)
    assert recorded is not None
    assert [(one.message.offset, one.reason) for one in recorded.rejected] == [(613, "refused_by_database")]
    assert recorded.written == Written(999)
    assert len(store.written) == 999
    assert store.attempts <= 2 * 10 + 2


def test_what_was_read_is_noted_only_with_the_last_part() -> None:
    store = FakeStore(poison=lambda result: result.site == "site-3")
    writer(store).record(entries(8), READ, nothing)
    assert store.read[-1] == {("t", 0): Read(0, 1_000, beside=1)}
    assert set(map(len, store.read[:-1])) == {0}


def test_messages_without_a_result_are_noted_as_read() -> None:
    store = FakeStore()
    assert writer(store).record((), READ, nothing) is not None
    assert store.read == [READ]


def test_of_no_messages_nothing_is_written() -> None:
    store = FakeStore()
    assert writer(store).record((), {}, nothing) == Recorded(Written())
    assert store.attempts == 0


def test_what_the_database_lacks_is_told_and_not_tried_again() -> None:
    store, stop = FakeStore(GapError({("t", 0): 3})), Waits()
    with pytest.raises(GapError) as caught:
        writer(store, stop).record(entries(1), READ, nothing)
    assert caught.value.positions == {("t", 0): 3}
    assert (store.attempts, stop.waits_s) == (1, [])


def test_positions_that_cannot_be_compared_now_are_none() -> None:
    one = writer(FakeStore(UnreachableError("away")))
    assert one.compare_positions({("t", 0): 5}) is None
    assert one.compare_positions({("t", 0): 5}) == {("t", 0): 4}


def test_several_bad_records_are_each_found() -> None:
    bad = {"site-0", "site-1", "site-9"}
    store = FakeStore(poison=lambda result: result.site in bad)
    recorded = writer(store).record(entries(10), READ, nothing)
    assert recorded is not None
    assert [one.message.offset for one in recorded.rejected] == [0, 1, 9]
    assert len(store.written) == 7


def test_a_bad_record_whose_place_is_known_is_put_aside_at_once() -> None:
    class Pointing(FakeStore):
        def write(
            self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
        ) -> Written:
            for row, result in enumerate(results):
                if result.site == "site-613":
                    self.attempts += 1
                    raise BadRowError("out_of_range", "a number does not fit", row)
            return super().write(results, read, on_encoded)

    store = Pointing()
    recorded = writer(store).record(entries(1000), READ, nothing)
    assert recorded is not None
    assert [(one.message.offset, one.reason) for one in recorded.rejected] == [(613, "out_of_range")]
    assert recorded.written == Written(999)
    assert store.attempts == 4, "all at once, what lies before, it alone, and what lies behind"


def test_more_bad_records_than_python_nests_calls_are_each_put_aside() -> None:
    class Pointing(FakeStore):
        def write(
            self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
        ) -> Written:
            for row, result in enumerate(results):
                if result.redirects:
                    raise BadRowError("out_of_range", "a number does not fit", row)
            return super().write(results, read, on_encoded)

    all_of_it = entries(5_000)
    mixed = [one._replace(result=structs.replace(one.result, redirects=one.message.offset % 2)) for one in all_of_it]
    recorded = writer(Pointing()).record(mixed, READ, nothing)
    assert recorded is not None
    assert [one.message.offset for one in recorded.rejected] == list(range(1, 5_000, 2))
    assert recorded.written == Written(2_500)


def test_what_a_bad_record_shadows_is_tried_in_its_place() -> None:
    store = FakeStore(poison=lambda result: result.site in {"site-3", "site-8"})
    good = entries(10)
    shadowing = good[3]._replace(shadowed=(good[8], good[9]))
    recorded = writer(store).record([*good[:3], shadowing, *good[4:7]], READ, nothing)
    assert recorded is not None
    assert [one.message.offset for one in recorded.rejected] == [3, 8]
    assert {result.site for result in store.written} == {f"site-{number}" for number in (0, 1, 2, 4, 5, 6, 9)}
    assert recorded.written == Written(7)


class Slow(FakeStore):
    """Takes too long for more than so many results, and for those of one site."""

    def __init__(self, most: int, site: str = "", error: SitemonError = CANCELED) -> None:
        super().__init__()
        self._most = most
        self._site = site
        self._error = error

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        if len(results) > self._most or any(result.site == self._site for result in results):
            self.attempts += 1
            raise self._error
        return super().write(results, read, on_encoded)


def test_what_takes_too_long_at_once_is_written_in_halves_and_nothing_is_put_aside() -> None:
    store = Slow(300)
    recorded = writer(store).record(entries(1_000), READ, nothing)
    assert recorded == Recorded(Written(1_000))
    assert len(store.written) == 1_000
    assert store.read == [{}, {}, {}, READ]


def test_one_that_takes_too_long_alone_is_waited_for_behind_all_before_it() -> None:
    store = Slow(1_000, "site-6")
    assert writer(store, Waits(stop_after=20)).record(entries(8), READ, nothing) is None
    assert [result.site for result in store.written] == [f"site-{number}" for number in range(6)]


def test_an_attempt_that_was_given_up_was_too_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPT_S", 0.0)
    store = Slow(300, error=UnreachableError("server closed the connection unexpectedly"))
    assert writer(store).record(entries(1_000), READ, nothing) == Recorded(Written(1_000))


def test_what_was_read_is_noted_though_the_last_of_it_is_put_aside() -> None:
    store = FakeStore(poison=lambda result: result.site == "site-2")
    assert writer(store).record(entries(3), READ, nothing) is not None
    assert (len(store.written), store.read[-1]) == (2, {("t", 0): Read(0, 1_000, beside=1)})


def test_a_part_that_finds_the_server_away_is_tried_again_alone() -> None:
    class Leaving(FakeStore):
        def write(
            self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
        ) -> Written:
            if self.attempts == 2:
                self.failures = [UnreachableError("away")]
            return super().write(results, read, on_encoded)

    store = Leaving(poison=lambda result: result.site == "site-6")
    assert writer(store).record(entries(10), READ, nothing) is not None
    assert [result.site for result in store.written] == [f"site-{number}" for number in range(10) if number != 6]


def test_a_missing_partition_is_made() -> None:
    store = FakeStore(MissingPartitionError("none"))
    assert writer(store).record(entries(1), READ, nothing) is not None
    assert store.maintained == 1


def test_a_slot_that_grew_too_old_while_waiting_is_rejected() -> None:
    store = FakeStore(MissingPartitionError("none"))
    old = entries(1, clock.utc_now() - timedelta(days=40))
    recorded = writer(store).record([*entries(2), *old], READ, nothing)
    assert recorded is not None
    assert [one.reason for one in recorded.rejected] == ["slot_out_of_range"]
    assert len(store.written) == 2
    assert store.read == [{("t", 0): Read(0, 1_000, beside=1)}]


def test_maintenance_that_fails_is_put_off() -> None:
    class Failing(FakeStore):
        def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
            raise UnreachableError("away")

    one = writer(Failing())
    assert [one.maintain() for _ in range(3)] == [60, 60, 60]


def test_while_hours_are_left_maintenance_and_recording_take_turns() -> None:
    class Behind(FakeStore):
        def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
            return super().maintain(now, on_step) or self.maintained < 3

    one = writer(Behind())
    assert [one.maintain() for _ in range(4)] == [2, 2, 60, 60]


def test_readers_that_cannot_be_ended_are_said_once_and_keep_nothing_from_being_maintained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unguarded(FakeStore):
        def end_old_readers(self) -> int:
            raise RefusedError("no superuser provisioned it")

    store = Unguarded()
    one = writer(store)
    with caplog.at_level(logging.INFO):
        one.maintain()
        one.maintain()
    assert caplog.text.count("recorder.readers_stay") == 1
    assert store.maintained == 2


def test_readers_are_ended_before_maintenance_waits_for_them(caplog: pytest.LogCaptureFixture) -> None:
    class Guarded(FakeStore):
        def end_old_readers(self) -> int:
            return 2 - self.maintained

        def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
            super().maintain(now, on_step)
            raise UnreachableError("a reader is in the way")

    writer(Guarded()).maintain()
    assert "recorder.readers_ended: 2" in caplog.text


def test_each_step_of_maintenance_begins_anew() -> None:
    began_s: list[float | None] = []

    class Stepping(FakeStore):
        def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
            began_s.append(one.attempt_began_s)
            clock.sleep(0.001)
            on_step()
            began_s.append(one.attempt_began_s)
            return False

    one = writer(Stepping())
    one.maintain()
    first_s, second_s = began_s
    assert first_s is not None
    assert second_s is not None
    assert first_s < second_s
    assert one.attempt_began_s is None


def test_who_waits_can_see_when_an_attempt_began() -> None:
    seen: list[float | None] = []

    class Watching(FakeStore):
        def write(
            self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
        ) -> Written:
            seen.append(one.attempt_began_s)
            return super().write(results, read, on_encoded)

    before_s = clock.monotonic_s()
    one = writer(Watching())
    one.record(entries(1), READ, nothing)
    assert seen[0] is not None
    assert before_s <= seen[0] <= clock.monotonic_s()
    assert one.attempt_began_s is None


def test_that_slots_lie_ahead_is_said_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    now_s = 1_000.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)

    class Ahead(FakeStore):
        def write(
            self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
        ) -> Written:
            return Written(len(results), ahead=2, ahead_s=420.4)

    one = writer(Ahead())
    for now_s in (1_000.0, 1_599.0, 1_601.0):  # noqa: B007 - what the clock says
        one.record(entries(3), READ, nothing)
    assert (
        caplog.messages
        == ["recorder.slots_ahead: 2 results of slots up to 420 s ahead: is the clock of a beat ahead?"] * 2
    )


def test_of_several_parts_the_furthest_slot_counts() -> None:
    assert Written(1, 2, 3, 4, 5.0).plus(Written(10, 20, 30, 40, 2.0)) == Written(11, 22, 33, 44, 5.0)
