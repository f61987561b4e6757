"""What is appended to the spool is there, in order, for whoever opens it next."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitemon.model.errors import ConfigurationError, SpoolFullError
from sitemon.stream.producer import Record
from sitemon.stream.spool import Spool
from sitemon.stream.spool_folder import abandoned_spools, open_spool
from tests.children import holds_in_a_child

MAX = 1 << 30
HERE = "servers kafka:9092"


def record(number: int, size_bytes: int = 10) -> Record:
    return Record("sitemon.results", b"site%d" % (number % 7), b"%0*d" % (size_bytes, number))


def records(count: int) -> list[Record]:
    return [record(number) for number in range(count)]


def contents(spool: Spool) -> list[Record]:
    return [item.record for item in spool.read(1_000_000)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    spool = open_spool(folder, MAX, HERE)
    yield spool
    spool.close()


def test_records_come_back_in_the_order_of_appending(spool: Spool) -> None:
    spool.append(records(3))
    spool.append([record(9), record(4)])
    assert contents(spool) == [*records(3), record(9), record(4)]


def test_it_keeps_every_part_of_a_record(spool: Spool) -> None:
    odd = [
        Record("t", b"\x00\xff", None),
        Record("t", b"", b"", (("reason", b"\xfe"), ("reason", b""))),
        Record("t", b"k", bytes(range(256)) * 5000),
    ]
    spool.append(odd)
    assert contents(spool) == odd


def test_the_next_process_finds_what_is_left(folder: Path, spool: Spool) -> None:
    spool.append(records(5))
    spool.remove(spool.read(2)[-1].id)
    spool.close()
    successor = open_spool(folder, MAX, HERE)
    assert successor.waiting == 3
    assert contents(successor) == records(5)[2:]
    successor.append([record(5)])
    assert contents(successor) == records(6)[2:]
    successor.close()


def test_ids_grow_also_after_the_file_was_empty(spool: Spool) -> None:
    first = spool.append(records(3))
    spool.remove(first[-1])
    assert spool.append(records(1)).start == first.stop


def test_an_empty_spool_takes_no_disk(folder: Path, spool: Spool) -> None:
    spool.remove(spool.append(records(500))[-1])
    assert spool.waiting == 0
    assert sum(file.stat().st_size for file in folder.iterdir()) == 0


def test_it_reads_at_least_one_record_however_large(spool: Spool) -> None:
    spool.append([record(1, 3000), record(2, 3000)])
    assert [item.record for item in spool.read(10, max_bytes=1000)] == [record(1, 3000)]


def test_many_threads_append_at_once_and_nothing_is_missing(spool: Spool) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            ids = spool.append([Record("t", b"%d" % number, b"%d" % (turn * 2 + i)) for i in range(2)])
            assert len(ids) == 2

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(spool)
    for number in range(16):
        assert [item.value for item in found if item.key == b"%d" % number] == [b"%d" % n for n in range(40)]
    assert spool.waiting == len(found) == 16 * 40


def test_each_process_has_its_own_file_and_they_share_the_bound(folder: Path, spool: Spool) -> None:
    spool.append([record(1, 60_000)])
    other = open_spool(folder, 100_000, HERE)
    with pytest.raises(SpoolFullError, match="100,000 bytes"):
        other.append([record(2, 60_000)])
    other.append([record(2, 10_000)])
    assert contents(other) == [record(2, 10_000)]
    other.close()


def test_a_full_spool_takes_records_again_once_some_are_removed(folder: Path) -> None:
    spool = open_spool(folder, 200_000, HERE)
    ids: list[int] = []

    def fill() -> None:
        while True:
            ids.extend(spool.append([record(1, 10_000)]))

    with pytest.raises(SpoolFullError):
        fill()
    assert spool.waiting == len(ids) > 10
    spool.remove(ids[len(ids) // 2])
    spool.append([record(2, 10_000)])
    assert contents(spool)[-1] == record(2, 10_000)
    spool.close()


def test_a_refused_append_leaves_nothing_behind(folder: Path) -> None:
    spool = open_spool(folder, 50_000, HERE)
    spool.append(records(2))
    with pytest.raises(SpoolFullError):
        spool.append([record(1, 30_000), record(2, 30_000)])
    assert contents(spool) == records(2)
    assert spool.append(records(1)).start == 3
    spool.close()


def test_files_of_dead_processes_are_found_and_those_of_living_ones_are_not(folder: Path, spool: Spool) -> None:
    others = [open_spool(folder, MAX, HERE) for _ in range(2)]
    spool.append([record(0)])
    for number, other in enumerate(others, 1):
        other.append([record(number)])
    assert [contents(found) for found in abandoned_spools(folder, MAX, HERE)] == []
    others[1].close()
    assert [contents(found) for found in abandoned_spools(folder, MAX, HERE)] == [[record(2)]]
    others[0].close()


DAMAGED_FILES: dict[str, Callable[[bytes], bytes]] = {
    "foreign": lambda _: b"this is not a database, not by any means" * 200,
    "cut": lambda whole: whole[:9000],
    "a schema whose names are not UTF-8": lambda whole: whole.replace(b"tablerecordrecord", b"tablerec\xff\xffdrecord"),
}


@pytest.mark.parametrize("damaged", DAMAGED_FILES.values(), ids=DAMAGED_FILES)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    folder: Path, spool: Spool, damaged: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    spool.append(records(3000))
    file = next(folder.glob("*.db"))
    file.write_bytes(damaged(file.read_bytes()))
    spool.append([record(9)])
    assert contents(spool) == [record(9)]
    assert spool.waiting == 1
    assert len(list(folder.glob("*.damaged-*"))) == 1
    assert [(entry.levelname, entry.message.split(":")[0]) for entry in caplog.records] == [("ERROR", "spool.damaged")]


def test_a_file_that_was_damaged_before_the_start_is_set_aside(folder: Path) -> None:
    folder.mkdir()
    (folder / "spool-0.db").write_bytes(b"rubbish" * 1000)
    spool = open_spool(folder, MAX, HERE)
    assert spool.waiting == 0
    spool.append(records(1))
    assert contents(spool) == records(1)
    spool.close()


def test_damage_that_shows_when_records_are_removed_leaves_nothing_to_wait_for(folder: Path, spool: Spool) -> None:
    spool.append(records(3000))
    last = spool.read(3000)[-1]
    next(folder.glob("*.db")).write_bytes(b"rubbish" * 1000)
    spool.remove(last.id)
    assert spool.waiting == 0
    spool.append([record(9)])
    assert contents(spool) == [record(9)]


def test_a_file_that_is_moved_away_leaves_nothing_to_wait_for(folder: Path, spool: Spool) -> None:
    spool.append(records(3))
    next(folder.glob("*.db")).rename(folder / "moved-away")
    assert spool.read(10) == []
    assert spool.waiting == 0
    spool.append([record(9)])
    assert contents(spool) == [record(9)]


DIE_IN_A_TRANSACTION = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
rows = [(number, "t", b"", b"x" * 9000, b"") for number in range(3, 99)]
database.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
os._exit(9)
"""


def test_a_crash_in_the_middle_of_an_append_leaves_what_was_there_before(folder: Path, spool: Spool) -> None:
    spool.append(records(2))
    spool.close()
    died = subprocess.run([sys.executable, "-c", DIE_IN_A_TRANSACTION, folder / "spool-0.db"], check=False)
    assert died.returncode == 9
    assert (folder / "spool-0.db-journal").stat().st_size > 0
    successor = open_spool(folder, MAX, HERE)
    assert contents(successor) == records(2)
    successor.close()


def test_a_closed_spool_takes_nothing(spool: Spool) -> None:
    spool.close()
    with pytest.raises(SpoolFullError, match="closed"):
        spool.append(records(1))


def test_a_disk_that_takes_no_more_is_a_full_spool(folder: Path, spool: Spool) -> None:
    spool.append(records(1))
    with sqlite3.connect(folder / "spool-0.db") as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.close()
    with pytest.raises(SpoolFullError, match="disk full"):
        spool.append([record(1)])
    assert contents(spool) == records(1)


def test_a_folder_that_vanished_is_a_full_spool_until_it_is_back(folder: Path, spool: Spool) -> None:
    spool.append(records(1))
    folder.rename(folder.with_name("away"))
    with pytest.raises(SpoolFullError):
        spool.append([record(1)])
    folder.with_name("away").rename(folder)
    spool.append([record(1)])
    assert contents(spool) == records(2)


def test_a_folder_that_cannot_be_made_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="SITEMON_SPOOL_DIR"):
        open_spool(tmp_path / "file" / "spool", MAX, HERE)


DAMAGES = {
    "headers that are not msgpack": "UPDATE record SET headers = x'c1' WHERE id = 2",
    "headers of another shape": "UPDATE record SET headers = x'80' WHERE id = 2",
    "headers that are text": "UPDATE record SET headers = 'x' WHERE id = 2",
    "a header's name that is not UTF-8": "UPDATE record SET headers = x'9192a1ff00' WHERE id = 2",
    "a header without a value": "UPDATE record SET headers = x'9192a161c0' WHERE id = 2",
    "a topic that is none": "UPDATE record SET topic = 'no topic' WHERE id = 2",
    "a topic that is not UTF-8": "UPDATE record SET topic = cast(x'ff' AS text) WHERE id = 2",
    "a topic that is bytes": "UPDATE record SET topic = x'74' WHERE id = 2",
    "a key that is a number": "UPDATE record SET key = 5 WHERE id = 2",
    "a key that is not UTF-8": "UPDATE record SET key = cast(x'ff' AS text) WHERE id = 2",
    "a value that is text": "UPDATE record SET value = 'x' WHERE id = 2",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_row_that_is_no_record_says_so_and_those_around_it_are_read(spool: Spool, folder: Path, damage: str) -> None:
    spool.append(records(3))
    with closing(sqlite3.connect(folder / "spool-0.db")) as database, database:
        database.execute(DAMAGES[damage])
    first, second, third = spool.read(10)
    assert (first.record, third.record) == (record(0), record(2))
    assert (first.problem, third.problem) == ("", "")
    assert second.id == 2
    assert second.problem
    assert isinstance(second.record.key, bytes)


def test_on_a_full_disk_what_was_sent_is_deleted_all_the_same(spool: Spool) -> None:
    """To delete all at once takes a journal as large as the file."""
    spool.append([record(number, 600) for number in range(4_000)])

    def is_emptied() -> bool:
        largest = spool.file.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            os.truncate(spool.file, largest + 1)
        except OSError:
            spool.remove(3_999)
        return contents(spool) == [record(3_999, 600)]

    assert holds_in_a_child(is_emptied)
