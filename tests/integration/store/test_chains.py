"""Chains of certificates, as results carry them: each is kept once, with when it was there, in whichever order."""

import itertools
from datetime import datetime, timedelta

from sitemon.model.result import Certificate
from sitemon.store.chains import MOST_KEPT
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.page_site import read_chains
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy
from sitemon.store.write import write_batch
from tests.databases import execute, looks_at, rows
from tests.results import a_result, this_hour


def certificate(name: str, days: int) -> Certificate:
    begins_at = this_hour() - timedelta(days=1)
    return Certificate(
        subject=f"CN={name}", issuer="CN=an authority", begins_at=begins_at, expires_at=begins_at + timedelta(days=days)
    )


OLD = (certificate("shop", 30), certificate("an authority", 300))
NEW = (certificate("shop", 90), certificate("an authority", 300))
TOLD = [(0, OLD), (5, OLD), (10, NEW), (20, NEW)]


def at(minute: int) -> datetime:
    return this_hour() + timedelta(minutes=minute)


def test_each_is_kept_once_from_first_to_last(conn: Connection, names: Names) -> None:
    for number, order in enumerate(itertools.permutations(TOLD)):
        site = f"shop-{number}"
        for minute, chain in [*order, *order]:
            write_batch(conn, names, [a_result(site, minute=minute, certificates=chain), a_result(minute=minute)])
        chains = read_chains(conn, site, 5)
        assert [(one.first_at, one.last_at) for one in chains] == [(at(10), at(20)), (at(0), at(5))]
        assert [[tuple(each) for each in one.certificates] for one in chains] == [
            [(each.subject, each.issuer, each.begins_at, each.expires_at) for each in chain] for chain in (NEW, OLD)
        ]
    assert read_chains(conn, "shop", 5) == []


def test_several_of_one_batch_are_kept_too(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result("shop", minute=minute, certificates=chain) for minute, chain in TOLD])
    assert [one.last_at for one in read_chains(conn, "shop", 5)] == [at(20), at(5)]


def test_one_that_nobody_told_of_for_long_is_forgotten(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result("shop", minute=minute, certificates=chain) for minute, chain in TOLD])
    tidy(Steps(conn), at(6))
    assert rows(conn, "SELECT DISTINCT last_at FROM sitemon.certificates") == [(at(20),)]


def test_of_a_server_that_has_another_at_each_visit_the_newest_are_kept(conn: Connection, names: Names) -> None:
    most = MOST_KEPT + 5
    chains = [(certificate(f"shop-{number}", 30),) for number in range(most)]
    write_batch(conn, names, [a_result("shop", minute=n / 10, certificates=one) for n, one in enumerate(chains)])
    write_batch(conn, names, [a_result("blog", certificates=OLD)])
    kept = read_chains(conn, "shop", most)
    assert [one.certificates[0].subject for one in kept] == [f"CN=shop-{n}" for n in reversed(range(5, most))]
    assert len(read_chains(conn, "blog", 5)) == 1


def test_where_none_is_new_none_is_looked_at_but_those_that_are_told(conn: Connection, names: Names) -> None:
    make_many(conn, names)
    before = looks_at(conn, "certificate_chain")
    write_batch(conn, names, [a_result("shop", minute=2, certificates=OLD)])
    assert looks_at(conn, "certificate_chain") - before <= 10


def test_where_one_is_new_those_of_its_site_are_looked_at(conn: Connection, names: Names) -> None:
    make_many(conn, names)
    before = looks_at(conn, "certificate_chain")
    write_batch(conn, names, [a_result("shop", minute=2, certificates=NEW)])
    assert looks_at(conn, "certificate_chain") - before <= 10


def test_of_very_many_some_are_looked_at_with_each_maintenance(conn: Connection, names: Names) -> None:
    make_many(conn, names)
    before = looks_at(conn, "certificate_chain")
    tidy(Steps(conn), at(-1))
    looked_at = looks_at(conn, "certificate_chain") - before
    assert 0 < looked_at < MANY / 2


MANY = 10_000


def make_many(conn: Connection, names: Names) -> None:
    """Of as many sites, with as much about each as fills 20 MB."""
    write_batch(conn, names, [a_result("shop", certificates=OLD)])
    execute(
        conn,
        """
        WITH added AS (
            INSERT INTO sitemon.site (name) SELECT 'site-' || number FROM generate_series(1, %s) AS number
            RETURNING site_id
        )
        INSERT INTO sitemon.certificate_chain (site_id, region_id, digest, chain, first_at, last_at)
        SELECT added.site_id, region_id, digest, chain || jsonb_build_array(padding), first_at, last_at
        FROM added
        CROSS JOIN sitemon.certificate_chain
        CROSS JOIN (SELECT string_agg(md5(number::text), '') AS padding FROM generate_series(1, 40) AS number) AS wide
        """,
        (MANY,),
    )
    execute(conn, "ANALYZE sitemon.certificate_chain")
