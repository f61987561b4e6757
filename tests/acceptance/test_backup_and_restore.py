"""Backup and restore as docs/operations.md has them: its own lines, in its order."""

import os
import re
import subprocess
import uuid
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer, admin_credentials, postgres_server
from sitemon.local.sample import SampleServer
from sitemon.store.provision import provision
from tests.acceptance.conftest import url, write_sites
from tests.databases import as_admin, run
from tests.pipeline import Pipeline, script, wait_for

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
[SECTION] = re.findall(r"^## Backup and restore\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
BACKUP, RESTORE = re.findall(r"^ *```sh\n(.*?)^ *```", SECTION, re.MULTILINE | re.DOTALL)
PATIENCE_MS: Final = 14_000
"""Of a site with an interval and a timeout of a second."""
SLOTS_MS = """
    SELECT (extract(epoch FROM slot_at) * 1000)::bigint FROM sitemon.results
    WHERE kind = 'scheduled' AND outcome <> 'missed' ORDER BY 1
"""


@pytest.fixture
def owner(postgres_server: PostgresServer, admin: Credentials) -> Credentials:
    """A role of the test's own too, for it is to be lost with the database."""
    name = f"backed-up-{uuid.uuid4().hex}"
    owner = Credentials(user=name, password="owner's", database=name)
    provision(postgres_server, admin, owner)
    return owner


def slots_ms(pipeline: Pipeline) -> list[int]:
    return [row[0] for row in pipeline.rows(SLOTS_MS)]


def do(lines: str, pipeline: Pipeline) -> None:
    """Run the page's lines; the servers are those of the test."""
    ours = pipeline.environment
    programs = [pipeline.stack.postgres.program("psql").parent, Path(script("sitemon")).parent]
    place = {
        "PGHOST": ours["SITEMON_PG_HOST"],
        "PGPORT": ours["SITEMON_PG_PORT"],
        "PGUSER": ours["SITEMON_DB_USER"],
        "PGPASSWORD": ours["SITEMON_DB_PASSWORD"],
        "PGDATABASE": ours["SITEMON_DB_DATABASE"],
        "PATH": os.pathsep.join([*map(str, programs), ours["PATH"]]),
    }
    own = "\n".join(line for line in lines.splitlines() if not line.startswith("export "))
    done = subprocess.run(
        ["bash", "-euc", own], env=ours | place, cwd=pipeline.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def lose_the_database(pipeline: Pipeline) -> None:
    ours = pipeline.environment
    with closing(as_admin(postgres_server(None, ours), admin_credentials(None, ours))) as conn:
        run(conn, "DROP DATABASE {name} WITH (FORCE)", name=ours["SITEMON_DB_DATABASE"])
        run(conn, "DROP ROLE {name}", name=ours["SITEMON_DB_USER"])


def test_what_was_backed_up_and_what_came_after_it_is_there_again_and_the_ledger_even(
    pipeline: Pipeline, sample: SampleServer
) -> None:
    write_sites(pipeline.sites_file, {"name": "good", "url": url(sample, "/good"), "interval": 1, "timeout": 1})
    pipeline.start("worker", "recorder")
    wait_for(lambda: len(slots_ms(pipeline)) >= 5)
    do(BACKUP, pipeline)
    backed_up = slots_ms(pipeline)
    wait_for(lambda: len(slots_ms(pipeline)) >= len(backed_up) + 5)
    pipeline.processes["recorder"].stop(timeout_s=10)
    lost = slots_ms(pipeline)
    lose_the_database(pipeline)
    do(RESTORE, pipeline)
    restored = slots_ms(pipeline)
    assert restored
    assert {*restored} < {*lost}
    now_ms = clock.now_ms()
    pipeline.start("recorder")
    pipeline.await_closed(now_ms + PATIENCE_MS, within_s=60)
    assert "recorder.goes_back" in pipeline.log_of("recorder")
    found = slots_ms(pipeline)
    assert {*lost} < {*found}  # but not each second: a worker that is busy misses some
    said = pipeline.run("ledger", "sitemon", "ledger", "--strict")
    assert re.fullmatch(r"[1-9]\d+ expected = .* \+ 0 unaccounted; 0 unexpected\n", said)
