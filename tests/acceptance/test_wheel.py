"""The sdist and its wheel, in an empty folder: what an installation has that is not this checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from sitemon.cli.main import COMMANDS
from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for

PROJECT = Path(__file__).parents[2]
ASKED = ("Author", "Classifier", "Provides-Extra", "Requires-Dist")
PYTHON = "Programming Language :: Python :: "
HELP_OF_EACH = """
import os
from sitemon.cli.main import COMMANDS, cli
for name in COMMANDS:
    if not os.fork():
        cli([name, "--help"], "sitemon")
    assert os.wait()[1] == 0, name
"""
"""Each command is imported in a process of its own, as its user's is."""


def python(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and with the wheel that is made of it."""
    folder = tmp_path_factory.mktemp("built")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], cwd=PROJECT, check=True)
    quietly = ("--quiet", "--no-deps", "--no-build-isolation")
    python("-m", "pip", "wheel", *quietly, "-w", folder, next(folder.glob("sitemon-*.tar.gz")))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("sitemon-*.whl"))


def environment_with(distribution: Path, folder: Path) -> Path:
    """Make an environment with it, and with the libraries of this one, which were installed from the lock."""
    python("-m", "venv", "--without-pip", folder)
    site_packages = next((folder / "lib").glob("python*/site-packages"))
    (site_packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    quietly = ("--quiet", "--no-deps", "--no-build-isolation", "--ignore-installed")
    python("-m", "pip", "--python", folder / "bin/python", "install", *quietly, distribution)
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel."""
    return environment_with(wheel, tmp_path_factory.mktemp("environment"))


def run(installed: Path, folder: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(installed / "bin" / command[0]), *command[1:]],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_holds_the_sql_and_no_celeryconfig(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("sitemon/store/sql/migrations/") for name in names)
    assert {"sitemon/celery.py", "sitemon/local/kafka-pom.xml", "sitemon/local/kafka-jars.sha256"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sitemon"}


@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="an sdist is no clone")
def test_the_sdist_holds_all_that_git_does(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert set(tracked.stdout.split()) - names == set()


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_every_command_of_either_runs(kind: str, built: Path, tmp_path: Path) -> None:
    installed = environment_with(next(built.glob(kind)), tmp_path / "environment")
    scripts = [path.name for path in (installed / "bin").iterdir() if "sitemon" in path.name]
    assert len(scripts) == 5
    for script in scripts:
        asked = run(installed, tmp_path, script, "--help")
        assert asked.returncode == 0, asked.stderr
        assert asked.stdout.startswith(f"Usage: {script} ")
    asked = run(installed, tmp_path, "python", "-c", HELP_OF_EACH)
    assert asked.returncode == 0, asked.stderr
    assert re.findall(r"^Usage: sitemon (\S+) ", asked.stdout, re.MULTILINE) == list(COMMANDS)


def test_it_says_what_it_is_and_on_which_pythons_it_was_run(installed: Path, tmp_path: Path) -> None:
    show = "from importlib.metadata import metadata; print(metadata('sitemon').as_string())"
    shown = run(installed, tmp_path, "python", "-c", show).stdout.splitlines()
    lines = {name: [line.partition(": ")[2] for line in shown if line.startswith(f"{name}: ")] for name in ASKED}
    pythons = [line.removeprefix(PYTHON) for line in lines["Classifier"] if line.startswith(f"{PYTHON}3.")]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert lines["Author"] == ["The sitemon authors"]
    assert {"local", "web", "dev"} <= set(lines["Provides-Extra"])
    assert any(line.startswith("psutil") and "extra == 'dev'" in line for line in lines["Requires-Dist"])


def test_the_demo_says_what_it_needs(installed: Path, tmp_path: Path) -> None:
    asked = " ".join(run(installed, tmp_path, "sitemon", "demo", "--help").stdout.split())
    assert "It needs what pip install 'sitemon[local]' brings" in asked


def test_it_writes_a_configuration_for_nobody_else_to_read(installed: Path, tmp_path: Path) -> None:
    begun = run(installed, tmp_path, "sitemon", "init")
    assert begun.returncode == 0, begun.stderr
    conf = tmp_path / "conf"
    templates = {file.name for file in (PROJECT / "conf_templates").iterdir()}
    assert {file.name for file in conf.iterdir()} == {*templates, "Procfile"}
    assert (conf / "Procfile").read_bytes() == (PROJECT / "Procfile").read_bytes()
    assert {oct(file.stat().st_mode & 0o777) for file in conf.iterdir()} == {"0o600"}
    assert oct(conf.stat().st_mode & 0o777) == "0o700"
    linted = run(installed, tmp_path, "sitemon", "lint")
    assert linted.returncode == 0, linted.stdout + linted.stderr
    (conf / "redis.json").write_text("mine")
    assert "left as it is: conf/redis.json" in run(installed, tmp_path, "sitemon", "init").stdout
    assert (conf / "redis.json").read_text() == "mine"


def test_a_check_needs_nothing_else(installed: Path, tmp_path: Path, sample: SampleServer) -> None:
    checked = run(installed, tmp_path, "sitemon", "check", url(sample, "/good"), "--match", "In stock", "--json")
    assert checked.returncode == 0, checked.stderr
    assert '"outcome":"up"' in checked.stdout.replace('": "', '":"')
    assert run(installed, tmp_path, "sitemon", "check", url(sample, "/broken")).returncode == 1


def test_celery_finds_the_application_and_rows_arrive(
    installed: Path, pipeline: Pipeline, sample: SampleServer
) -> None:
    write_sites(pipeline.sites_file, {"name": "good", "url": url(sample, "/good"), "interval": 1})
    worker = subprocess.Popen(
        [installed / "bin/python", "-m", "celery", "-A", "sitemon", "worker", "-B"],
        env=pipeline.environment,
        cwd=pipeline.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pipeline.start("recorder")
    try:
        wait_for(lambda: pipeline.rows("SELECT * FROM sitemon.results"))
    finally:
        worker.terminate()
    assert worker.wait(10) == 0
