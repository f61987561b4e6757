"""The first version's three command lines, literally: its files, bare file names and all."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url
from tests.pipeline import Pipeline, script, wait_for

COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'sitemon' AND table_name = %s ORDER BY ordinal_position
"""


@pytest.fixture
def conf_dir(pipeline: Pipeline) -> Path:
    """The first version's files, filled in; nothing else is told of the servers."""
    folder, environment = pipeline.folder / "etc", pipeline.environment
    folder.mkdir(mode=0o700)
    admin = {"user": environment["SITEMON_DB_ADMIN_USER"], "password": environment["SITEMON_DB_ADMIN_PASSWORD"]}
    kafka: dict[str, object] = {
        "bootstrap_servers": environment["SITEMON_KAFKA_BOOTSTRAP_SERVERS"],
        "topic": "seed.results",
    }
    files: dict[str, dict[str, object]] = {
        "pg-server.json": {"host": "127.0.0.1", "port": int(environment["SITEMON_PG_PORT"]), "is_ssl": False},
        "db-admin.json": {**admin, "database": "postgres"},
        "sitemon-db.json": {"user": "seed", "password": "seed's own", "database": "seed"},
        "kafka-server.json": kafka,
        "kafka.json": kafka,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
        (folder / name).chmod(0o600)
    pipeline.extra = {"SITEMON_DB_USER": "seed", "SITEMON_DB_PASSWORD": "seed's own", "SITEMON_DB_DATABASE": "seed"}
    return folder


def command(conf_dir: Path, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("SITEMON_")}
    environment = foreign | {"CONF_DIR": str(conf_dir), "HOME": str(conf_dir)}
    log = (conf_dir / f"{program}.log").open("ab")
    with log:
        return subprocess.Popen(
            [script(program), *arguments],
            env=environment,
            cwd=conf_dir.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def ended(process: "subprocess.Popen[bytes]") -> int:
    process.terminate()
    return process.wait(10)


@pytest.mark.parametrize("are_names_bare", [False, True])
def test_they_work_literally_and_rows_arrive(
    pipeline: Pipeline, conf_dir: Path, sample: SampleServer, are_names_bare: bool
) -> None:
    def file(name: str) -> str:
        return name if are_names_bare else str(conf_dir / name)

    recreate = command(
        conf_dir,
        "recreate-sitemon-db",
        "--db-conn",
        file("pg-server.json"),
        "--admin",
        file("db-admin.json"),
        file("sitemon-db.json"),
    )
    assert recreate.wait(30) == 0
    monitor = command(
        conf_dir,
        "sitemon-monitor",
        "--kafka-conn",
        file("kafka-server.json"),
        "--url",
        url(sample, "/good"),
        "--interval",
        "1",
        "--match",
        "In stock",
    )
    recorder = command(
        conf_dir,
        "sitemon-recorder",
        "--db-conn",
        file("pg-server.json"),
        "--kafka",
        file("kafka.json"),
        file("sitemon-db.json"),
    )
    try:
        wait_for(lambda: len(pipeline.rows("SELECT * FROM sitemon.site_state")) >= 3)
    finally:
        statuses = ended(monitor), ended(recorder)
    assert statuses == (0, 0)
    assert pipeline.rows("SELECT DISTINCT http_code, is_expression_found FROM sitemon.site_state") == [(200, True)]
    assert pipeline.rows("SELECT url, search_expression FROM sitemon.site_info") == [(url(sample, "/good"), "In stock")]


def test_what_its_scripts_read_has_its_columns(pipeline: Pipeline) -> None:
    assert pipeline.rows(COLUMNS, "site_info") == [("url",), ("search_expression",)]
    assert pipeline.rows(COLUMNS, "site_state") == [
        ("check_time",), ("http_code",), ("latency",), ("is_expression_found",)
    ]  # fmt: skip
