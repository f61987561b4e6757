"""The numbers of names that are kept, so that they need not be looked up again."""

import pytest

from sitemon.model.result import decode, encode
from sitemon.store import names as store_names
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.results import a_result


def test_however_long_they_are_what_is_kept_of_them_takes_bounded_memory(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_names, "_CACHE_BYTES", 100_000)
    results = [a_result(f"site-{n}", url="x" * 8_000, match="y" * 4_000) for n in range(30)]
    for first in range(0, 30, 3):
        write_batch(conn, names, results[first : first + 3])
        kept = names.resolve(conn.cursor(), [])
        assert 3 <= len(kept.targets) == len(kept.sites) <= 100_000 // 12_000
    assert write_batch(conn, names, results).inserted == 0
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(30,)]


def test_a_name_is_kept_once_however_many_targets_its_site_has(conn: Connection, names: Names) -> None:
    for number in range(3):
        result = decode(encode(a_result("shop", url=f"https://shop.example/{number}", minute=number)))
        write_batch(conn, names, [result])
    kept = names.resolve(conn.cursor(), [])
    assert len(kept.targets) == 3
    assert {id(site) for site, _, _ in kept.targets} == {id(site) for site in kept.sites}
