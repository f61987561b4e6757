"""The sdist and its wheel, in an empty folder: what an installation has that is not this checkout."""

import os
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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with the libraries of this one, which were installed from the lock."""
    folder = tmp_path_factory.mktemp("environment")
    python("-m", "venv", "--without-pip", folder)
    python("-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-deps", wheel)
    site_packages = next((folder / "lib").glob("python*/site-packages"))
    (site_packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


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


def test_every_command_runs(installed: Path, tmp_path: Path) -> None:
    scripts = [path.name for path in (installed / "bin").iterdir() if "sitemon" in path.name]
    assert len(scripts) == 5
    for command in [*([name] for name in scripts), *(["sitemon", name] for name in COMMANDS)]:
        asked = run(installed, tmp_path, *command, "--help")
        assert asked.returncode == 0, asked.stderr
        assert asked.stdout.startswith(f"Usage: {' '.join(command)} ")


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
