"""A database is made anew while PostgreSQL cleans it up, also by an administrator who is no superuser."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials
from sitemon.local.postgres import Postgres
from sitemon.store.connect import Connection
from sitemon.store.provision import provision
from sitemon.store.recreate import recreate
from tests.conftest import started
from tests.databases import as_admin, rows, run
from tests.pipeline import wait_for

SLOW_AUTOVACUUM = {
    "autovacuum_naptime": "1s",
    "autovacuum_vacuum_threshold": "0",
    "autovacuum_vacuum_cost_delay": "100ms",
    "autovacuum_vacuum_cost_limit": "1",
}


@pytest.fixture
def postgres(stack_folder: Path) -> Iterator[Postgres]:
    """A server of the test's own, whose autovacuum takes minutes for anything."""
    postgres = started(Postgres(stack_folder))
    with closing(as_admin(postgres.server, postgres.admin)) as conn:
        for name, value in SLOW_AUTOVACUUM.items():
            run(conn, f"ALTER SYSTEM SET {name} = '{value}'")
        run(conn, "SELECT pg_reload_conf()")
        run(conn, "CREATE ROLE modest LOGIN CREATEDB CREATEROLE PASSWORD 'modest'")
    yield postgres
    postgres.stop()


def cleaners(conn: Connection, database: str) -> int:
    """Return how many workers of autovacuum are in a database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = %s"
    [(count,)] = rows(conn, query, (database,))
    return int(count)


def test_it_is_dropped_all_the_same(postgres: Postgres) -> None:
    modest = Credentials(user="modest", password="modest", database="postgres")
    new = Credentials(user="shop", password="shop", database="shop")
    provision(postgres.server, modest, new)
    with closing(as_admin(postgres.server, postgres.admin, new.database)) as inside:
        run(inside, "CREATE TABLE public.untidy AS SELECT generate_series(1, 100000) AS number")
        run(inside, "DELETE FROM public.untidy")
    with closing(as_admin(postgres.server, postgres.admin)) as conn:
        wait_for(lambda: cleaners(conn, new.database) > 0)
    recreate(postgres.server, modest, new, adopt=False)
    with closing(as_admin(postgres.server, postgres.admin, new.database)) as anew:
        assert rows(anew, "SELECT to_regclass('public.untidy')") == [(None,)]
