"""The account is closed beside the recording of results: as far as all is recorded, whatever is said or goes wrong."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from sitemon import clock
from sitemon.model.marks import Published, Reign, encode_mark
from sitemon.model.moment import to_ms
from sitemon.model.result import encode
from sitemon.model.schedule import Ended, encode_event
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import horizon
from sitemon.record import reconciler as module
from sitemon.store import schedule as store_schedule
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.counts import read_counts
from sitemon.store.names import Names
from sitemon.store.positions import read_positions, set_positions
from sitemon.store.write import write_batch
from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.in_memory import MemoryBroker
from sitemon.stream.messenger import event_record
from tests.databases import execute, rows
from tests.integration.record.conftest import TOPICS, Reconcile, StartRecorder, wait_until
from tests.integration.record.reconcilers import (
    MemoryFollower,
    closed_ago_s,
    ended,
    is_all_read,
    is_closed,
    published,
    reign,
    say,
    started,
)
from tests.integration.record.test_recording import put, send
from tests.results import MINUTE, a_down, a_result
from tests.slots_ahead import DAY_AHEAD, bring_nearer

OUTCOMES = "SELECT site, slot_at, outcome, reason FROM sitemon.results ORDER BY site, slot_at"


def reasons(broker: MemoryBroker) -> list[tuple[str, str, int]]:
    letters = [parse_dead_letter(message) for message in broker.messages(TOPICS.dead_letters)]
    return [(letter.reason, letter.topic, letter.offset) for letter in letters]


def test_what_is_missing_is_derived_and_the_account_is_young(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), ended(first, 3), reign(first))
    with reconcile():
        wait_until(lambda: is_closed(conn))
    assert rows(conn, OUTCOMES) == [("shop", first + minute * MINUTE, "missed", "lost") for minute in range(3)]
    assert is_all_read(broker, conn)


def test_without_a_reign_no_beat_was_there(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), ended(first, 3))
    with reconcile():
        wait_until(lambda: is_closed(conn))
    assert {row[3] for row in rows(conn, OUTCOMES)} == {"beat_down"}


def test_the_account_passes_no_moment_up_to_which_results_are_not_recorded(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, start_recorder: StartRecorder
) -> None:
    send(broker, [a_result(slot_at=first)])
    say(broker, started(first), ended(first, 2), reign(first))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))
        assert rows(conn, OUTCOMES) == []
        start_recorder()
        wait_until(lambda: is_closed(conn))
    assert [row[2] for row in rows(conn, OUTCOMES)] == ["up", "missed"]


def test_a_clock_that_is_ahead_of_postgresql_closes_no_more_than_has_passed_there(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(broker, started(first), reign(first))
    real_ms = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real_ms() + 3_600_000)
    with reconcile():
        wait_until(lambda: read_account(conn).closed_ms > real_ms() - 20_000)
    assert read_account(conn).closed_ms <= real_ms()


def test_it_passes_no_moment_up_to_which_a_living_publisher_has_not_published(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), reign(first), published(first + 20 * MINUTE))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn) and closed_ago_s(conn) < 11 * 60)
        held_ms = read_account(conn).closed_ms
        assert held_ms <= to_ms(first + 20 * MINUTE)
        say(broker, published(first + 25 * MINUTE))
        wait_until(lambda: read_account(conn).closed_ms > held_ms)
        assert read_account(conn).closed_ms <= to_ms(first + 25 * MINUTE)
        say(broker, published(first + 26 * MINUTE, is_last=True))
        wait_until(lambda: is_closed(conn))


def test_a_reign_that_comes_late_makes_rows_of_what_was_counted(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), ended(first, 20))
    with reconcile():
        wait_until(lambda: is_closed(conn))
        assert len(rows(conn, OUTCOMES)) < 10
        say(broker, reign(first))
        wait_until(lambda: len(rows(conn, OUTCOMES)) == 20)
    assert {row[3] for row in rows(conn, OUTCOMES)} == {"lost"}


def test_of_a_topic_that_was_made_anew_it_is_waited_for_what_is_unread(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    start_recorder: StartRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(horizon, "_SHRUNK_AFTER_S", 0.3)
    send(broker, [a_result(slot_at=first)])
    set_positions(conn, {(message.topic, message.partition): 1_000 for message in broker.messages(TOPICS.results)})
    say(broker, started(first), ended(first, 2), reign(first))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))
        wait_until(lambda: set(read_positions(conn, [TOPICS.results]).values()) == {0})
        assert rows(conn, OUTCOMES) == []
        start_recorder()
        wait_until(lambda: is_closed(conn))
    assert [row[2] for row in rows(conn, OUTCOMES)] == ["up", "missed"]


def test_of_a_topic_that_lost_its_newest_messages_nothing_is_read_again(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(horizon, "_SHRUNK_AFTER_S", 0.3)
    send(broker, [a_result(slot_at=first)])
    say(broker, started(first), ended(first, 2), reign(first))
    execute(conn, "UPDATE sitemon.account SET closed_ms = %s", [clock.now_ms() + 1])
    ((place, end),) = {(one.topic, one.partition): one.offset + 1 for one in broker.messages(TOPICS.results)}.items()
    set_positions(conn, {place: 1_000})
    with reconcile():
        wait_until(lambda: read_positions(conn, [TOPICS.results]) == {place: end})
    assert f"reconciler.messages_lost: {place[0]} {place[1]}" in caplog.text


GOOD: dict[str, Any] = json.loads(encode_event(Ended(site="good", region="default", at_ms=5, token=1, sequence=1)))
IN_2200_MS = 7_258_118_400_000
POISON: list[tuple[str, bytes | None, str]] = [
    (TOPICS.schedule, b"\x00\xff junk", "not_a_schedule_event"),
    (TOPICS.schedule, None, "tombstone"),
    (TOPICS.schedule, json.dumps(GOOD | {"v": 2}).encode(), "unknown_version"),
    (TOPICS.schedule, encode(a_result()), "not_a_schedule_event"),
    (TOPICS.schedule, json.dumps(GOOD | {"site": "a\x00b"}).encode(), "not_text"),
    (TOPICS.schedule, json.dumps(GOOD | {"at_ms": IN_2200_MS}).encode(), "not_a_schedule_event"),
    (TOPICS.schedule, json.dumps(GOOD | {"site": "s" * 10_000}).encode(), "name_too_long"),
    (TOPICS.marks, b"junk", "not_a_mark"),
    (TOPICS.marks, encode_mark(Reign(token=1, from_ms=1, until_ms=IN_2200_MS)), "not_a_mark"),
    (TOPICS.marks, encode_mark(Published(publisher="a\x00b", up_to_ms=1, made=1)), "not_text"),
]


def test_poison_is_put_aside_and_all_else_is_written(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    expected = []
    for number, (topic, value, reason) in enumerate(POISON):
        say(broker, started(first, f"site-{number}"), published(first, f"publisher-{number}"))
        expected.append((reason, topic, put(broker, value, topic).offset))
    say(broker, started(first, "last"))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))
    assert sorted(reasons(broker)) == sorted(expected)
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(len(POISON) + 1,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.publisher") == [(len(POISON),)]


def test_of_many_that_are_bad_the_first_of_a_poll_are_put_aside_and_it_is_said_where_the_others_lie(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    for value in (*[b""] * 149, b"{}", None):
        put(broker, value, TOPICS.marks)
    say(broker, published(first))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))
    assert reasons(broker) == [("not_a_mark", TOPICS.marks, offset) for offset in range(100)]
    (said,) = [record.message for record in caplog.records if record.message.startswith("reconciler.not_put_aside")]
    assert said.endswith(
        "51 further messages cannot be written and lie only where they are: s.marks 0:100 to 0:150"
        " (not_a_mark 50, tombstone 1)"
    )
    assert rows(conn, "SELECT name FROM sitemon.publisher") == [("worker",)]


def test_of_publishers_without_number_few_are_kept_and_none_that_lives_is_forgotten(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that a foreign writer makes up were at work later than any that is."""
    monkeypatch.setattr(horizon, "MOST_PUBLISHERS", 2)
    monkeypatch.setattr(horizon, "SILENT_AFTER_S", 2.0)
    monkeypatch.setattr(module, "_FORGET_PUBLISHERS_EVERY_S", 0.1)
    monkeypatch.setattr(store_schedule, "_DEAD_KEPT", 3)
    monkeypatch.setattr(store_schedule, "_DEAD_AT_ONCE", 2)
    say(broker, published(first), *(published(first + 40 * MINUTE, f"foreign-{number}") for number in range(9)))
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))

        def few_are_kept() -> bool:
            say(broker, published(first))
            return rows(conn, "SELECT count(*) FROM sitemon.publisher") == [(4,)]

        wait_until(few_are_kept)
    assert rows(conn, "SELECT count(*) FROM sitemon.publisher WHERE name = 'worker'") == [(1,)]
    assert read_counts(conn).made == 10
    said = [record.message.split(":")[0] for record in caplog.records]
    assert said.count("reconciler.too_many_publishers") == 1


def test_it_reads_on_from_where_the_database_is(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), reign(first))
    begun: list[Mapping[TopicPartition, int]] = []

    def follow(positions: Mapping[TopicPartition, int]) -> MemoryFollower:
        begun.append(positions)
        return MemoryFollower(broker, positions)

    with reconcile(follow=follow):
        wait_until(lambda: is_all_read(broker, conn))
    with reconcile(follow=follow):
        say(broker, started(first, "blog"))
        wait_until(lambda: is_all_read(broker, conn))
    assert begun == [{}, {(TOPICS.schedule, 0): 1, (TOPICS.marks, 0): 1}]
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(2,)]


FORGET_BLOG = """
DELETE FROM sitemon.schedule_event WHERE site_id = (SELECT site_id FROM sitemon.site WHERE name = 'blog')
"""


def test_a_database_that_was_restored_is_read_to_from_where_it_was(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    with reconcile():
        say(broker, started(first), started(first, "blog"))
        wait_until(lambda: is_all_read(broker, conn))
        # Put back to a copy of when it had the first event, under a reconciler that goes on.
        execute(conn, FORGET_BLOG)
        execute(conn, "DELETE FROM sitemon.schedule_stretch")
        execute(conn, "UPDATE sitemon.stream_position SET next_offset = 1")
        say(broker, started(first, "wiki"))
        wait_until(lambda: is_all_read(broker, conn))
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(3,)]


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "while it was away"])
def test_what_was_compacted_is_passed_over(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, is_running: bool
) -> None:
    def put_later(*offsets: int) -> None:
        with broker.changed:
            for offset in offsets:
                event = event_record(TOPICS, started(first, f"site-{offset}"))
                log = broker.logs[TOPICS.schedule, 0]
                log.append(Message(TOPICS.schedule, 0, offset, event.key, event.value, 1_000))
            broker.changed.notify_all()

    put_later(0, 1)
    with reconcile():
        wait_until(lambda: is_all_read(broker, conn))
        if is_running:
            put_later(7, 9, 20)
            wait_until(lambda: is_all_read(broker, conn))
    if not is_running:
        put_later(7, 9, 20)
        with reconcile():
            wait_until(lambda: is_all_read(broker, conn))
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(5,)]


class MarkedFollower(MemoryFollower):
    """Of each partition that has messages the last is followed by a transaction's marker, which is none."""

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        return {place: end + 1 if end and place in self._next else end for place, end in super().ends(topics).items()}

    def positions(self) -> Mapping[TopicPartition, int]:
        ends = super().ends([topic for topic, _ in self._next])
        return {place: at + 1 if at and at == ends[place] else at for place, at in super().positions().items()}


def test_what_follows_the_last_message_and_is_none_holds_up_nothing(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    say(broker, started(first), ended(first, 3), reign(first))
    with reconcile(follow=lambda positions: MarkedFollower(broker, positions)):
        wait_until(lambda: is_closed(conn))
    assert read_positions(conn, [TOPICS.schedule]) == {(TOPICS.schedule, 0): 3}


def test_a_result_counts_once_its_slot_has_come(
    reconcile: Reconcile, conn: Connection, names: Names, first: datetime
) -> None:
    write_batch(conn, names, [a_down(slot_at=first + DAY_AHEAD)])
    with reconcile():
        bring_nearer(conn)
        wait_until(lambda: rows(conn, "SELECT outcome::text FROM sitemon.current_state") == [("down",)])
