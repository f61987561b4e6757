"""The tasks that manage the database, as a worker runs them."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from tests.databases import as_admin, rows, run
from tests.pipeline import own_code

RUN = "import sys, sitemon.tasks; getattr(sitemon.tasks, sys.argv[1])()"
AHEAD = """
from datetime import timedelta
from sitemon import clock
utc_now = clock.utc_now
clock.utc_now = lambda: utc_now() + timedelta(days=40)
"""
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid AND relkind = 'r'"


@pytest.fixture
def database(postgres_server: PostgresServer, admin: Credentials) -> Iterator[str]:
    """The name of a database and of its owner, which are not there yet."""
    name = f"managed-{uuid.uuid4().hex[:8]}"
    yield name
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
        run(conn, "DROP ROLE IF EXISTS {name}", name=name)


@pytest.fixture
def run_task(
    postgres_server: PostgresServer, admin: Credentials, kafka_server: KafkaServer, redis_url: str, database: str
) -> Callable[..., None]:
    """Run a task in a process of its own, whose application is made of the environment; `before` is code."""
    environ = {
        "PATH": os.environ["PATH"],
        **own_code(),
        "SITEMON_REDIS_URL": redis_url,
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS": str(kafka_server.client["bootstrap_servers"]),
        "SITEMON_KAFKA_TOPIC": kafka_server.topic,
        "SITEMON_PG_HOST": postgres_server.host,
        "SITEMON_PG_PORT": str(postgres_server.port),
        "SITEMON_PG_SSLMODE": "disable",
        "SITEMON_DB_ADMIN_USER": admin.user,
        "SITEMON_DB_ADMIN_PASSWORD": admin.password,
        "SITEMON_DB_USER": database,
        "SITEMON_DB_PASSWORD": "secret-word",
        "SITEMON_DB_DATABASE": database,
    }
    return lambda task, before="": subprocess.run(
        [sys.executable, "-c", before + RUN, task], env=environ, check=False, timeout=60
    ).check_returncode()


def test_one_makes_the_database_and_one_the_partitions_that_are_missing(
    run_task: Callable[..., None], postgres_server: PostgresServer, admin: Credentials, database: str
) -> None:
    run_task("provision")
    with closing(as_admin(postgres_server, admin, database)) as conn:
        made = rows(conn, f"{PARTITIONS} ORDER BY 1")
        ((newest,),) = rows(conn, f"{PARTITIONS} WHERE inhparent = 'sitemon.result'::regclass ORDER BY 1 DESC LIMIT 1")
        with conn.cursor() as cursor:
            cursor.execute(f"DROP TABLE {newest}")
        run_task("maintain")
        assert rows(conn, f"{PARTITIONS} ORDER BY 1") == made


def test_one_whose_clock_is_ahead_drops_nothing(
    run_task: Callable[..., None], postgres_server: PostgresServer, admin: Credentials, database: str
) -> None:
    run_task("provision")
    with closing(as_admin(postgres_server, admin, database)) as conn:
        made = rows(conn, f"{PARTITIONS} ORDER BY 1")
        for task in ("maintain", "provision"):
            run_task(task, before=AHEAD)
            assert rows(conn, f"{PARTITIONS} ORDER BY 1") == made
