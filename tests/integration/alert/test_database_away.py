"""PostgreSQL is killed under a running alerter: it waits, and goes on where it was."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sitemon.local.postgres import Postgres
from sitemon.store.connect import connect
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_command import delivered, until, write_alerts

ALERTER = [sys.executable, "-c", "from sitemon.cli.alerter import main; main()"]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of the test's own, which it may kill."""
    postgres = Postgres(tmp_path / "postgres")
    postgres.start()
    provision(postgres.server, postgres.admin, postgres.owner)
    yield postgres
    postgres.stop()


@contextmanager
def scene_in(postgres: Postgres, receiver: Receiver) -> Iterator[Scene]:
    with closing(connect(postgres.server, postgres.owner, application_name="test")) as conn:
        prepare_session(conn)
        yield Scene(conn, receiver)


@contextmanager
def alerter(folder: Path, postgres: Postgres) -> Iterator[Path]:
    """Run an alerter, and return the file of what it logs."""
    (folder / "sites.yaml").write_text("sites:\n  - {name: shop, url: https://shop.example/}\n")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3]), "CONF_DIR": str(folder)}
    log = folder / "alerter.log"
    with log.open("w") as stream:
        process = subprocess.Popen(ALERTER, env=environ | postgres.environment, cwd=folder, stderr=stream)
    try:
        yield log
    finally:
        process.kill()
        process.wait()


def test_what_happened_before_and_after_is_told_once(postgres: Postgres, receiver: Receiver, tmp_path: Path) -> None:
    write_alerts(tmp_path, hook=receiver)
    with alerter(tmp_path, postgres) as log:
        with scene_in(postgres, receiver) as scene:
            scene.write(scene.results("uddd"))
            until(lambda: delivered(scene) == 1)
        postgres.kill()
        until(lambda: "alerter.postgres_away" in log.read_text())
        postgres.start()
        with scene_in(postgres, receiver) as scene:
            scene.write(scene.results("dduddd", start=4))
            until(lambda: delivered(scene) == 3)
        assert "alerter.postgres_back" in log.read_text()
    assert scene.said == [("site.down", 1, None), ("site.resolved", 1, 6), ("site.down", 7, None)]
