"""Every message has its effect once, however often and in whatever order it comes."""

import re
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from psycopg2 import extensions

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import PoisonError, UnreachableError
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import Written, prepare_session, write_batch
from tests.databases import checksums, dicts, rows
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour


def test_it_tells_how_many_rows_are_new(conn: Connection, names: Names) -> None:
    assert write_batch(conn, names, [a_result(minute=1), a_result(minute=2)]) == Written(inserted=2, scheduled=2)


def test_a_replay_changes_nothing_in_any_table(conn: Connection, names: Names) -> None:
    batches = [
        [a_result(minute=0), a_missed(minute=1), a_down("other", minute=1)],
        [a_result(minute=1), a_down(minute=2), a_result(minute=2, kind=Kind.ADHOC)],
    ]
    for batch in batches:
        write_batch(conn, names, batch)
    roll_up(Steps(conn), this_hour() + 120 * MINUTE)
    before = checksums(conn)
    for batch in batches:
        assert write_batch(conn, names, batch) == Written()
    assert checksums(conn) == before


def test_a_real_result_replaces_a_missed_one(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_missed()])
    assert write_batch(conn, names, [a_down()]) == Written(replaced=1, scheduled=1)
    assert rows(conn, "SELECT outcome, reason FROM sitemon.results") == [("down", "timeout")]


def test_a_missed_result_never_replaces_a_real_one(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_down()])
    assert write_batch(conn, names, [a_missed()]) == Written()
    assert rows(conn, "SELECT outcome FROM sitemon.results") == [("down",)]


def test_of_two_real_results_the_first_stays(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    assert write_batch(conn, names, [a_down()]) == Written()
    assert rows(conn, "SELECT outcome FROM sitemon.results") == [("up",)]


def test_of_two_missed_results_the_first_stays(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_missed(reason=Reason.LATE)])
    assert write_batch(conn, names, [a_missed(reason=Reason.SHED)]) == Written()
    assert rows(conn, "SELECT reason FROM sitemon.results") == [("late",)]


def test_the_four_kinds_of_one_slot_are_four_results(conn: Connection, names: Names) -> None:
    assert write_batch(conn, names, [a_result(kind=kind) for kind in Kind]) == Written(inserted=4, scheduled=1)


def test_adhoc_results_count_neither_for_status_nor_for_uptime(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_down(kind=Kind.ADHOC)])
    assert rows(conn, "SELECT * FROM sitemon.site_status") == []
    assert rows(conn, "SELECT * FROM sitemon.uptime_hourly") == []
    assert len(rows(conn, "SELECT * FROM sitemon.results")) == 1


def test_two_writers_of_the_same_batches_write_each_result_once(
    conn: Connection, postgres_server: PostgresServer, owner: Credentials
) -> None:
    batches = [[a_result(f"site-{site}", minute=minute) for site in range(200)] for minute in range(10)]
    written: list[Written] = []

    def write_all(order: int) -> None:
        with closing(connect(postgres_server, owner, application_name="test")) as own:
            prepare_session(own)
            names = Names()
            written.extend(write_batch(own, names, batch[::order]) for batch in batches)

    threads = [threading.Thread(target=write_all, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 20
    assert sum(batch.inserted for batch in written) == 2000
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(2000,)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.uptime_hourly") == [(2000,)]
    newest = rows(conn, "SELECT DISTINCT slot_at, since_at FROM sitemon.site_status")
    assert newest == [(this_hour() + 9 * MINUTE, this_hour())]


def test_a_batch_that_fails_leaves_nothing(conn: Connection, names: Names) -> None:
    conn.set_session(readonly=True)
    with pytest.raises(UnreachableError, match="read-only"):
        write_batch(conn, names, [a_result()])
    conn.set_session(readonly=False)
    assert rows(conn, "SELECT * FROM sitemon.site") == []
    assert write_batch(conn, names, [a_result()]) == Written(inserted=1, scheduled=1)


def test_names_of_a_batch_that_failed_are_made_again(conn: Connection, names: Names) -> None:
    with pytest.raises(PoisonError):
        write_batch(conn, names, [a_result("first", http_code=70_000)])
    for site in ("second", "first"):
        assert write_batch(conn, names, [a_result(site)]) == Written(inserted=1, scheduled=1)
    assert rows(conn, "SELECT site FROM sitemon.results ORDER BY site") == [("first",), ("second",)]


def test_the_view_of_results_has_what_the_message_had(conn: Connection, names: Names) -> None:
    result = a_result(match="In stock", is_match_found=True, ip="2001:db8::1", error="a word", http_code=204)
    result = msgspec.structs.replace(result, excerpt="a piece")
    write_batch(conn, names, [result])
    (row,) = dicts(conn, "SELECT * FROM sitemon.results")
    assert row == {
        "site": "shop",
        "url": "https://shop.example/",
        "region": "default",
        "kind": "scheduled",
        "slot_at": result.slot_at,
        "checked_at": result.checked_at,
        "outcome": "up",
        "reason": None,
        "http_code": 204,
        "latency_s": 0.25,
        "dns_s": 0.01,
        "connect_s": 0.02,
        "tls_s": 0.03,
        "first_byte_s": 0.15,
        "download_s": 0.04,
        "match": "In stock",
        "is_match_found": True,
        "ip": "2001:db8::1",
        "http_version": "1.1",
        "redirects": 0,
        "body_bytes": 1256,
        "cert_expires_at": None,
        "error": "a word",
        "excerpt": "a piece",
        "counts_as": "up",
    }


def test_a_missed_result_has_no_numbers(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_missed()])
    (row,) = dicts(conn, "SELECT * FROM sitemon.results")
    assert (row["outcome"], row["reason"]) == (Outcome.MISSED, "shed")
    assert {row[name] for name in ("http_code", "latency_s", "dns_s", "download_s", "ip")} == {None}


def test_scripts_of_the_first_version_find_their_columns(conn: Connection, names: Names) -> None:
    result = a_result(match="hello", is_match_found=False)
    write_batch(conn, names, [result, a_missed(minute=1)])
    assert dicts(conn, "SELECT * FROM sitemon.site_info WHERE search_expression IS NOT NULL") == [
        {"url": "https://shop.example/", "search_expression": "hello"}
    ]
    assert dicts(conn, "SELECT * FROM sitemon.site_state") == [
        {"check_time": result.checked_at, "http_code": 200, "latency": 0.25, "is_expression_found": False}
    ]


def test_writing_leaves_no_transaction_open(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    assert conn.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_the_server_never_holds_a_batch_as_a_whole(conn: Connection, names: Names) -> None:
    batch = [a_result(f"site-{number}", error="x" * 20_000) for number in range(3_000)]
    write_batch(conn, names, batch[:1])
    before_bytes = peak_bytes(conn)
    write_batch(conn, names, batch)
    assert peak_bytes(conn) - before_bytes < 3_000 * 20_000


def peak_bytes(conn: Connection) -> int:
    """Return how much memory the server's process has held at the most."""
    status = Path(f"/proc/{conn.get_backend_pid()}/status").read_text()
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) << 10
