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

PROVISION = "import sitemon.tasks; sitemon.tasks.provision()"
MAINTAIN = "import sys, sitemon.tasks; sitemon.tasks.maintain(); assert 'psycopg2' not in sys.modules"
MEANWHILE = "import sitemon.tasks as ours\nwith ours._{}.taken(): ours.{}()"
MAINTAIN_HERE = "import sitemon.worker.managing; sitemon.worker.managing.main()"
AHEAD = """
from datetime import timedelta
from sitemon import clock
utc_now = clock.utc_now
clock.utc_now = lambda: utc_now() + timedelta(days=40)
"""
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid AND relkind = 'r'"

RunCode = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def database(postgres_server: PostgresServer, admin: Credentials) -> Iterator[str]:
    """The name of a database and of its owner, which are not there yet."""
    name = f"managed-{uuid.uuid4().hex[:8]}"
    yield name
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
        run(conn, "DROP ROLE IF EXISTS {name}", name=name)


@pytest.fixture
def run_code(
    postgres_server: PostgresServer, admin: Credentials, kafka_server: KafkaServer, redis_url: str, database: str
) -> RunCode:
    """Run Python on some code, whose application is made of the environment; `variables` come before ours."""
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
    return lambda code, **variables: subprocess.run(
        [sys.executable, "-c", code],
        env=environ | variables,
        check=False,
        timeout=60,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_makes_the_database_and_one_the_partitions_that_are_missing(
    run_code: RunCode, postgres_server: PostgresServer, admin: Credentials, database: str
) -> None:
    run_code(PROVISION).check_returncode()
    with closing(as_admin(postgres_server, admin, database)) as conn:
        made = rows(conn, f"{PARTITIONS} ORDER BY 1")
        ((newest,),) = rows(conn, f"{PARTITIONS} WHERE inhparent = 'sitemon.result'::regclass ORDER BY 1 DESC LIMIT 1")
        with conn.cursor() as cursor:
            cursor.execute(f"DROP TABLE {newest}")
        run_code(MAINTAIN).check_returncode()
        assert rows(conn, f"{PARTITIONS} ORDER BY 1") == made


def test_one_whose_clock_is_ahead_drops_nothing(
    run_code: RunCode, postgres_server: PostgresServer, admin: Credentials, database: str
) -> None:
    run_code(PROVISION).check_returncode()
    with closing(as_admin(postgres_server, admin, database)) as conn:
        made = rows(conn, f"{PARTITIONS} ORDER BY 1")
        for code in (MAINTAIN_HERE, PROVISION):
            run_code(AHEAD + code).check_returncode()
            assert rows(conn, f"{PARTITIONS} ORDER BY 1") == made


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"SITEMON_PG_PORT": "1"}, "UnreachableError: "),
        ({"SITEMON_PG_SSLMODE": "perhaps"}, "ConfigurationError: SITEMON_PG_SSLMODE: "),
    ],
)
def test_what_prevents_maintenance_is_the_tasks_error(run_code: RunCode, variables: dict[str, str], error: str) -> None:
    assert f"\nsitemon.model.errors.{error}" in run_code(MAINTAIN, **variables).stderr


def test_while_one_is_at_it_another_maintains_nothing_and_who_provisions_is_told(run_code: RunCode) -> None:
    away = {"SITEMON_PG_PORT": "1"}
    run_code(MEANWHILE.format("MAINTAINING", "maintain"), **away).check_returncode()
    told = run_code(MEANWHILE.format("PROVISIONING", "provision"), **away).stderr
    assert told.endswith("RetryableError: it is being done at this moment\n")
