"""The wheel, in an empty folder: what an installation has that is not this checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        PROJECT,
    ]
    subprocess.run(build, check=True, timeout=60)
    return next(folder.glob("sitemon-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with the libraries of this one, which were installed from the lock."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=60)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "--no-deps", wheel], check=True, timeout=60)
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
    assert "sitemon/celery.py" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sitemon"}


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
