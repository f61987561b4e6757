"""PostgreSQL away, frozen, full, crowded, read-only, moved: the recorder waits in its group and goes on by itself."""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

import psycopg2
import pytest

from sitemon import clock
from sitemon.local.postgres import Postgres
from sitemon.local.postgres_files import unused_user
from sitemon.local.process import run_guarded
from sitemon.model.errors import FatalError
from sitemon.store.connect import Connection
from tests.databases import as_admin, rows, run
from tests.faults.outages import (
    crowded,
    frozen,
    killed,
    killed_for_good,
    password_changed,
    read_only,
    sessions_ended,
    stopped,
)
from tests.faults.relay import Relay
from tests.faults.scene import Scene
from tests.pipeline import wait_for

pytestmark = pytest.mark.faults

LONGER_THAN_ITS_PATIENCE_S = 40.0
SMALL_DISK_BYTES = 64 << 20


AWAY = ["recorder.postgres_away", "recorder.postgres_back"]
FAULTS: Mapping[str, tuple[Callable[[Scene], AbstractContextManager[None]], list[str]]] = {
    "stopped": (lambda scene: stopped(scene.postgres), AWAY),
    "killed": (lambda scene: killed(scene.postgres), AWAY),
    "read-only": (read_only, AWAY),
    "too many connections": (crowded, AWAY),
    "password changed": (
        password_changed,
        ["recorder.postgres_away", "recorder.postgres_refuses", "recorder.postgres_back"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_waits_in_its_group_says_so_once_and_goes_on(scene: Scene, fault: str) -> None:
    caused, said = FAULTS[fault]
    scene.begin()
    members = scene.members()
    scene.suffers(caused(scene))
    account = scene.close_account()
    assert scene.members() == members
    assert account.missed == []
    scene.finish()
    assert scene.said("recorder", "recorder.") == said


def test_sessions_ended_again_and_again_cost_nothing_but_time(scene: Scene) -> None:
    scene.begin()
    scene.suffers(sessions_ended(scene))
    account = scene.end()
    assert account.missed == []
    assert without_repeats(scene.said("recorder", "recorder.")) == scene.said("recorder", "recorder.")


def test_a_freeze_of_seconds_is_waited_out(scene: Scene) -> None:
    scene.begin()
    members = scene.members()
    scene.suffers(frozen(scene.postgres.pid))
    account = scene.close_account()
    assert scene.members() == members
    assert account.missed == []
    scene.finish()
    assert scene.said("recorder", "recorder.") == []


def test_a_freeze_longer_than_its_patience_costs_the_connection_only(scene: Scene) -> None:
    scene.begin()
    members = scene.members()
    scene.suffers(frozen(scene.postgres.pid), LONGER_THAN_ITS_PATIENCE_S)
    account = scene.close_account()
    assert scene.members() == members
    assert account.missed == []
    scene.finish()
    assert scene.said("recorder", "recorder.") == ["recorder.postgres_frozen", *AWAY]


def test_a_full_disk_is_waited_for(scene: Scene, small_disk: Path) -> None:
    scene.begin()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    wait_for(lambda: "No space left on device" in scene.pipeline.log_of("recorder"))
    scene.goes_on_for(10)
    filler.unlink()
    account = scene.end()
    assert account.missed == []
    # A small batch may fit in between, so it may go on for a moment.
    assert scene.said("recorder", "recorder.") == AWAY * (len(scene.said("recorder", "recorder.")) // 2)


@pytest.fixture
def small_disk(scene: Scene, tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB on which the scene's database lives; the write-ahead log stays on the large one."""
    folder = Path(tempfile.mkdtemp(prefix="sitemon-faults-"))  # pytest's own folders are closed to PostgreSQL's user
    try:
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES},uid={unused_user()},mode=0700"]
        run_guarded([*mount, "sitemon-faults", folder], log=tmp_path / "mount.log")
    except FatalError:
        pytest.skip("mounting a small disk needs root")
    try:
        scene.provision()
        tablespace = f"disk_{scene.owner.database}"
        with scene.as_administrator() as conn:
            run(conn, f"CREATE TABLESPACE {{disk}} LOCATION '{folder}'", disk=tablespace)
            run(conn, "ALTER DATABASE {name} SET TABLESPACE {disk}", name=scene.owner.database, disk=tablespace)
            yield folder
            scene.pipeline.down()
            run(conn, "ALTER DATABASE {name} SET TABLESPACE pg_default", name=scene.owner.database)
            run(conn, "DROP TABLESPACE {disk}", disk=tablespace)
    finally:
        run_guarded(["/bin/umount", "--lazy", folder], log=tmp_path / "mount.log")
        folder.rmdir()


def test_after_a_failover_to_a_standby_it_goes_on_there(scene: Scene, tmp_path: Path) -> None:
    primary = Postgres(tmp_path / "primary")
    primary.start()
    standby = Standby(tmp_path / "standby", primary)
    standby.start()
    try:
        with closing(as_admin(primary.server, primary.admin)) as conn:
            # What is committed is on both: without it a failover may lose what the recorder believes to be safe.
            run(conn, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            rows(conn, "SELECT pg_reload_conf()")
        with Relay(primary.port) as address:
            scene.extra |= primary.environment | {
                "SITEMON_PG_PORT": str(address.port),
                "SITEMON_DB_USER": scene.owner.user,
                "SITEMON_DB_DATABASE": scene.owner.database,
            }
            scene.begin()
            scene.suffers(killed_for_good(primary), 3)
            address.move(standby.port)
            scene.goes_on_for(5)  # a standby that is not promoted yet: it takes connections, and no writes
            with closing(as_admin(standby.server, standby.admin)) as conn:
                rows(conn, "SELECT pg_promote()")
            account = scene.end()
            assert account.missed == []
            assert scene.said("recorder", "recorder.") == AWAY
    finally:
        standby.kill()
        primary.kill()


def test_a_database_that_is_made_anew_under_load_has_its_schedule_at_once(scene: Scene) -> None:
    scene.begin()
    scene.goes_on_for(5)
    scene.pipeline.run("recreate", "recreate-sitemon-db", "--yes")
    scene.forget_before_now()
    scene.wait_until_recorded_after(clock.now_ms())
    account = scene.end()
    assert account.missed == []


def test_a_database_that_is_restored_from_a_copy_reads_what_it_lacks(scene: Scene) -> None:
    scene.begin()
    database, copy = scene.owner.database, f"{scene.owner.database}_copy"
    with scene.as_administrator() as conn:
        scene.pipeline.let_go()
        with sessions_ended(scene):
            wait_for(lambda: is_copied(conn, database, copy))
        scene.goes_on_for(15)
        run(conn, "DROP DATABASE {database} WITH (FORCE)", database=database)
        run(conn, "ALTER DATABASE {copy} RENAME TO {database}", copy=copy, database=database)
    account = scene.end()
    assert account.missed == []
    assert "recorder.goes_back" in scene.said("recorder")


def is_copied(conn: Connection, database: str, copy: str) -> bool:
    """Copy a database, if nobody is connected to it in this moment."""
    try:
        run(conn, "CREATE DATABASE {copy} TEMPLATE {database}", copy=copy, database=database)
    except psycopg2.errors.ObjectInUse:
        return False
    return True


class Standby(Postgres):
    """A hot standby that follows a primary by streaming replication."""

    def __init__(self, folder: Path, primary: Postgres) -> None:
        super().__init__(folder)
        self._primary = primary

    def prepare(self) -> None:
        """Take over the primary's passwords, and with the first start its data."""
        (self.folder / "admin-password").write_text(self._primary.secret("admin-password"))
        super().prepare()

    def fill(self, folder: Path) -> None:
        """Copy the primary."""
        place = f"host=127.0.0.1 port={self._primary.port} user={self.admin.user} password={self.admin.password}"
        self.run_program("pg_basebackup", "-d", place, "-D", folder, "-R", "-c", "fast")


def without_repeats(events: list[str]) -> list[str]:
    """Return the events without those that say the same as the one before."""
    return [event for event, _ in itertools.groupby(events)]
