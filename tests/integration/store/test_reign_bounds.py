"""A reign that comes late has only that time looked at again which no reign covered before."""

import random
from collections import UserDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pytest

from sitemon.model.marks import Reign
from sitemon.model.spans import Span
from sitemon.store import account
from sitemon.store import schedule as module
from sitemon.store.account import close, correct_reasons
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import close_account, cpu_s, execute, open_account, rows
from tests.integration.store.events import at, at_ms, reign, started
from tests.integration.store.test_writing_once import peak_bytes

OVER_ALL = Reign(token=99, from_ms=1, until_ms=at_ms(300))
BY_REASON = """
    SELECT reason, (min(slot_at) AT TIME ZONE 'UTC')::text, count(*)
    FROM sitemon.results WHERE outcome = 'missed' GROUP BY reason ORDER BY reason
"""


@pytest.fixture(autouse=True)
def _account(conn: Connection, names: Names) -> None:
    """A site has a slot a minute; two beats led, and nobody for five minutes between them."""
    open_account(conn, at(-1))
    write_notices(conn, names, [reign(-60, 20), reign(25, 200, token=2), started(0)])
    close_account(conn, at(60))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The stretches of time that were looked at again."""
    seen: list[tuple[int, int]] = []

    def look(conn: Connection, covered: Iterable[Span]) -> None:
        spans = list(covered)
        seen.extend(spans)
        correct_reasons(conn, spans)

    monkeypatch.setattr(module, "correct_reasons", look)
    return seen


def test_one_over_all_of_time_has_the_gaps_between_others_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    before = {reason: count for reason, _, count in rows(conn, BY_REASON)}
    assert before == {"beat_down": 4, "lost": 56}
    write_notices(conn, names, [OVER_ALL])
    assert looked_at == [
        (1, at_ms(-60)),
        (at_ms(20) + 1, at_ms(25)),
        (at_ms(200) + 1, at_ms(300) + 1),
    ]
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"lost": 60}


def test_another_one_over_all_of_time_has_nothing_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    write_notices(conn, names, [OVER_ALL])
    looked_at.clear()
    write_notices(conn, names, [Reign(token=token, from_ms=1, until_ms=at_ms(300)) for token in range(100, 200)])
    assert looked_at == []


def test_one_that_goes_on_has_its_newest_part_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    write_notices(conn, names, [reign(25, 210, token=2)])
    assert looked_at == [(at_ms(200) + 1, at_ms(210) + 1)]


class _Asked(UserDict[str, str]):
    """Queries, that note which of them were asked for."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        self.names: list[str] = []
        super().__init__(queries)

    def __getitem__(self, name: str) -> str:
        self.names.append(name)
        return super().__getitem__(name)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries about the account, as they were asked."""
    queries = _Asked(account._sql)
    monkeypatch.setattr(account, "_sql", queries)
    return queries.names


def test_a_thousand_in_a_gap_are_looked_at_together(conn: Connection, names: Names, asked: list[str]) -> None:
    moments_ms = [at_ms(20) + 10 + 299 * number for number in range(1_000)]
    forged = [Reign(token=100 + number, from_ms=ms, until_ms=ms) for number, ms in enumerate(moments_ms)]
    write_notices(conn, names, forged)
    assert asked.count("correct_reasons") == 1
    assert rows(conn, BY_REASON)[0][2] == 4, "no slot lies in one of them"
    write_notices(conn, names, [Reign(token=9_999, from_ms=at_ms(22), until_ms=at_ms(23)), *forged])
    assert [(reason, count) for reason, _, count in rows(conn, BY_REASON)] == [("beat_down", 2), ("lost", 58)]


def test_many_rows_are_corrected_some_at_a_time(
    conn: Connection, names: Names, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "_CORRECTED_AT_ONCE", 3)
    write_notices(conn, names, [OVER_ALL])
    assert asked.count("correct_reasons") > 2
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"lost": 60}


def test_what_is_not_corrected_when_a_recorder_ends_is_when_its_marks_are_read_again(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "_CORRECTED_AT_ONCE", 1)
    correct = account._correct_some
    left = iter([True, True])

    def correct_two(conn: Connection, parts: Sequence[Span]) -> bool:
        next(left)
        return correct(conn, parts)

    with monkeypatch.context() as context:
        context.setattr(account, "_correct_some", correct_two)
        with pytest.raises(StopIteration):
            write_notices(conn, names, [OVER_ALL])
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"beat_down": 2, "lost": 58}
    write_notices(conn, names, [OVER_ALL])
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"lost": 60}


REIGNS = "SELECT token, from_ms, until_ms FROM sitemon.reign ORDER BY from_ms"


def test_those_that_meet_are_one_which_goes_on(conn: Connection, names: Names) -> None:
    begun_ms = at_ms(25) - 1
    write_notices(conn, names, [Reign(token=3, from_ms=at_ms(20) + 1, until_ms=begun_ms - 1)])
    assert rows(conn, REIGNS) == [(3, at_ms(-60), begun_ms - 1), (2, at_ms(25), at_ms(200))]
    write_notices(conn, names, [Reign(token=3, from_ms=at_ms(20) + 1, until_ms=begun_ms)])
    assert rows(conn, REIGNS) == [(3, at_ms(-60), at_ms(200))]
    write_notices(conn, names, [reign(25, 210, token=2), reign(-60, 10)])
    assert rows(conn, REIGNS) == [(3, at_ms(-60), at_ms(210))]


@pytest.mark.parametrize("seed", range(4))
def test_in_any_order_they_cover_what_each_of_them_covers(conn: Connection, names: Names, seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(10):
        execute(conn, "DELETE FROM sitemon.reign")
        from_ms = {token: at_ms(0) + rnd.randint(0, 60) for token in range(1, 9)}
        marks = [
            Reign(token=token, from_ms=begun_ms, until_ms=begun_ms + rnd.randint(0, 6))
            for token, begun_ms in from_ms.items()
            for _ in range(3)
        ]
        rnd.shuffle(marks)
        for first in range(0, len(marks), 5):
            write_notices(conn, names, marks[first : first + 5])
        spans = [(lower, upper) for _, lower, upper in rows(conn, REIGNS)]
        covered = {moment for lower, upper in spans for moment in range(lower, upper + 1)}
        assert covered == {moment for mark in marks for moment in range(mark.from_ms, mark.until_ms + 1)}
        assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


def test_of_very_many_the_longest_stay(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_REIGNS", 2)
    honest = rows(conn, REIGNS)
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(-30),))
    old = [reign(-1e6 * token, -1e6 * token + 5e5, token=token) for token in range(3, 8)]
    short = [Reign(token=ms, from_ms=ms, until_ms=ms) for ms in range(at_ms(21) + 1, at_ms(22), 20)]
    write_notices(conn, names, [*old, *short])
    assert rows(conn, REIGNS) == honest
    write_notices(conn, names, [reign(25, 210, token=2)])
    assert rows(conn, REIGNS) == [honest[0], (2, at_ms(25), at_ms(210))]
    close_account(conn, at(70))
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"beat_down": 4, "lost": 66}


def test_a_step_of_the_account_reads_so_many(conn: Connection, names: Names) -> None:
    execute(
        conn,
        "INSERT INTO sitemon.reign (token, from_ms, until_ms) "
        "SELECT 1000 + number, %(ms)s - 3 * number, %(ms)s - 3 * number FROM generate_series(1, 200000) AS number",
        {"ms": at_ms(20)},
    )
    write_notices(conn, names, [reign(25, 201, token=2)])
    began_s = cpu_s(conn)
    write_notices(conn, names, [reign(25, 202, token=2)])
    close(conn, at_ms(61))
    assert cpu_s(conn) - began_s < 0.15


def test_however_many_there_are_no_row_that_is_derived_carries_them(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [started(59, site=f"site-{number}") for number in range(1_000)])
    execute(
        conn,
        "INSERT INTO sitemon.reign (token, from_ms, until_ms) "
        "SELECT 1000 + number, %(ms)s - 3 * number, %(ms)s - 3 * number FROM generate_series(1, 50000) AS number",
        {"ms": at_ms(-60)},
    )
    before_bytes = peak_bytes(conn)
    assert close(conn, at_ms(61)) == 1_001
    assert peak_bytes(conn) - before_bytes < 100 << 20
    assert {reason for reason, _, _ in rows(conn, BY_REASON)} == {"beat_down", "lost"}
