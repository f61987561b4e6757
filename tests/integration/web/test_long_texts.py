"""URLs and labels as long as there are any: the page reads them once, and keeps little of them."""

import hashlib
import tracemalloc
from collections.abc import Sequence
from contextlib import closing
from typing import Final

import msgspec
import pytest

from sitemon.model.moment import to_ms
from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.page import PresentReader, Watch
from sitemon.store.pool import Pool
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import have_counted, rows
from tests.integration.web.conftest import Connect
from tests.results import a_result, this_hour

LONG_URL: Final = "http://wide.example/" + "a" * 7_900
LONG_LABELS: Final = {"about": "x" * 4_000 + "\N{GRINNING FACE}"}
IN_CHUNKS: Final = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(60))
"""So long, and so little compressible, that PostgreSQL keeps it beside the row."""
REGIONS: Final = [f"region-{number:02}" for number in range(20)]
SAID_MS: Final = to_ms(this_hour()) - 3_000


def a_start(site: str, region: str, labels: dict[str, str]) -> Started:
    return Started(
        site=site,
        region=region,
        token=1,
        sequence=SAID_MS,
        at_ms=SAID_MS,
        interval_ms=7_200_000,
        from_slot_ms=SAID_MS + 3_000,
        patience_ms=40_000,
        labels=labels,
    )


def fill(conn: Connection, names: Names, sites: int, url: str, labels: dict[str, str]) -> None:
    for site in (f"site-{number}" for number in range(sites)):
        write_batch(conn, names, [a_result(site, region=region, url=url) for region in REGIONS])
        write_notices(conn, names, [a_start(site, region, labels) for region in REGIONS])


def read_of(reader: Connect, present: PresentReader) -> Sequence[Watch]:
    with closing(reader()) as conn:
        return present.read(conn).watches


def test_of_very_long_ones_little_is_kept(conn: Connection, names: Names, reader: Connect) -> None:
    fill(conn, names, 10, LONG_URL, LONG_LABELS)
    present = PresentReader()
    tracemalloc.start()
    try:
        watches = read_of(reader, present)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(watches) == 10 * len(REGIONS)
    assert kept_bytes < 1_000_000
    assert {watch.url for watch in watches} == {LONG_URL[:2_048] + "…"}
    assert {id(watch.labels) for watch in watches} == {id(watches[0].labels)}
    assert watches[0].labels == LONG_LABELS
    assert all(one is other for one, other in zip(watches, read_of(reader, present), strict=True))


@pytest.mark.parametrize("length", [400, 501, 2_048])
def test_a_url_that_is_not_very_long_is_whole(conn: Connection, names: Names, reader: Connect, length: int) -> None:
    url = ("http://ä.example/" + "a" * length)[:length]
    fill(conn, names, 1, url, {})
    assert {(watch.url, len(watch.labels)) for watch in read_of(reader, PresentReader())} == {(url, 0)}


def test_what_is_another_by_the_time_it_is_read_is_there_the_next_time(
    conn: Connection, names: Names, reader: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(conn, names, 1, LONG_URL, LONG_LABELS)
    present = PresentReader()
    with monkeypatch.context() as patch:
        patch.setattr(PresentReader, "_read_long", lambda *_: None)
        watches = read_of(reader, present)
    assert {(watch.url, len(watch.labels)) for watch in watches} == {("", 0)}
    assert {watch.labels["about"] for watch in read_of(reader, present)} == set(LONG_LABELS.values())


def fetched_from_beside(conn: Connection) -> dict[str, int]:
    """How many long values were fetched so far that are kept beside their rows."""
    have_counted(conn)
    found = """
        SELECT pg_class.relname, idx_scan
        FROM pg_class JOIN pg_stat_all_tables AS toast ON relid = reltoastrelid
        WHERE pg_class.oid IN ('sitemon.target'::regclass, 'sitemon.watch'::regclass)
    """
    return dict(rows(conn, found))


def test_of_what_did_not_change_no_long_text_is_fetched_however_many_have_it(
    conn: Connection, names: Names, reader: Connect
) -> None:
    fill(conn, names, 10, "http://wide.example/" + IN_CHUNKS, {"about": IN_CHUNKS})
    have_counted(conn)
    pool, present = Pool(reader, 1), PresentReader()
    with pool.connection() as lent:
        before = fetched_from_beside(lent)
        watches = present.read(lent).watches
        of_first = fetched_from_beside(lent)
        assert present.read(lent).watches == watches
        of_second = fetched_from_beside(lent)
    pool.close()
    assert {watch.labels["about"] for watch in watches} == {IN_CHUNKS}
    assert 0 < of_first["watch"] - before["watch"] < 10
    assert 0 < of_first["target"] - before["target"] < 10
    assert of_second == of_first


@pytest.mark.parametrize("length", [10, 4_000])
def test_labels_that_were_edited_are_read_anew(conn: Connection, names: Names, reader: Connect, length: int) -> None:
    present = PresentReader()
    for sequence, letter in enumerate("ab"):
        start = a_start("shop", "default", {"about": letter * length})
        write_notices(conn, names, [msgspec.structs.replace(start, sequence=SAID_MS + sequence)])
        assert [watch.labels for watch in read_of(reader, present)] == [{"about": letter * length}]
