"""A package of our name in the working folder, where others may write: what we start runs ours."""

import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sitemon.checks.http.page import Page
from sitemon.checks.judge.apart import JudgeProcess
from sitemon.checks.judge.apart_process import TOO_COSTLY
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.question import Question
from sitemon.clock import utc_now
from sitemon.local.keeper import start_keeper
from sitemon.local.sample import SampleServer
from sitemon.model.errors import ConfigurationError, FatalError
from sitemon.model.site import Site
from sitemon.python_command import module_path
from sitemon.worker.maintaining import maintain_apart
from tests.pipeline import own_code

PACKAGE = Path(__file__).parents[3] / "sitemon"
PLANTED = """
from pathlib import Path
Path({proof!r}).write_text("the neighbour's code ran")
raise SystemExit(9)
"""


def judge(_: Path) -> None:
    """Ask for a verdict on a page, which a process of ours gives."""
    process = JudgeProcess()
    question = Question(
        Site(name="shop", url="http://shop.test/"), Page(200, {}, (b"hello",)), Measured(utc_now(), 0.1, None)
    )
    try:
        assert process.judge(question) != TOO_COSTLY
    finally:
        process.end()


def maintain(_: Path) -> None:
    """Maintain a database of which nobody said where it is."""
    with pytest.raises(ConfigurationError):
        maintain_apart()


def keep(folder: Path) -> None:
    """Start a keeper of a stack that another process is about to start."""
    with (folder / "keeper").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(FatalError, match="another process is about to start or stop the stack"):
            start_keeper(folder)


def sample(folder: Path) -> None:
    """Start the server of the sample sites."""
    server = SampleServer(folder)
    try:
        server.start()
    finally:
        server.stop()


@pytest.fixture
def proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is written if the package that lies in the working folder is run."""
    shared, proof = tmp_path / "shared", tmp_path / "proof"
    (shared / "sitemon").mkdir(parents=True)
    (shared / "sitemon" / "__init__.py").write_text(PLANTED.format(proof=str(proof)))
    monkeypatch.chdir(shared)
    monkeypatch.setenv("CONF_DIR", str(tmp_path))
    for name, value in own_code().items():
        monkeypatch.setenv(name, value)
    return proof


@pytest.mark.parametrize("start", [judge, maintain, keep, sample])
def test_it_is_not_run(start: Callable[[Path], None], proof: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    start(folder)
    assert not proof.exists()


def test_nor_where_the_working_folder_is_in_our_own_path(proof: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is under ``python -c``, where it has no name."""
    monkeypatch.syspath_prepend("")
    judge(proof.parent)
    assert not proof.exists()
    assert all(map(os.path.isabs, module_path().split(os.pathsep)))


def test_no_module_is_run_by_another_command() -> None:
    places = [
        path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if re.search(r"""["']-m["']""", path.read_text())
    ]
    assert places == [Path("python_command.py")]
