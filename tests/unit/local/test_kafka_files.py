"""Kafka's jars come from KAFKA_HOME, or from a cache that must be whole."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from sitemon.local import kafka_files
from sitemon.local.part import MissingToolError
from sitemon.model.errors import FatalError


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole cache, on a machine without Maven and KAFKA_HOME."""
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kafka_files, "cache_folder", lambda: tmp_path)
    (tmp_path / "kafka_2.13.jar").write_bytes(b"12345")
    (tmp_path / "scala.jar").write_bytes(b"123")
    jars = {"kafka_2.13.jar": 5, "scala.jar": 3}
    (tmp_path / "manifest.json").write_text(json.dumps({"pom": kafka_files._pom().read_text(), "jars": jars}))
    return tmp_path


def test_a_whole_cache_needs_no_maven(cache_folder: Path) -> None:
    assert kafka_files.find_jars() == cache_folder


@pytest.mark.parametrize("damage", ["a jar is gone", "a jar is cut", "the pom is newer", "no manifest"])
def test_a_cache_that_is_not_whole_needs_maven(cache_folder: Path, damage: str) -> None:
    if damage == "a jar is gone":
        (cache_folder / "scala.jar").unlink()
    elif damage == "a jar is cut":
        (cache_folder / "scala.jar").write_bytes(b"1")
    elif damage == "the pom is newer":
        manifest = json.loads((cache_folder / "manifest.json").read_text())
        (cache_folder / "manifest.json").write_text(json.dumps(manifest | {"pom": "older"}))
    else:
        (cache_folder / "manifest.json").unlink()
    with pytest.raises(MissingToolError, match="Apache Kafka needs KAFKA_HOME or Maven: apt install maven"):
        kafka_files.find_jars()


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Maven fetched: two jars, which are pinned."""
    (tmp_path / "jars.sha256").write_text(
        "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("kafka.jar", "scala.jar"))
    )
    monkeypatch.setattr(kafka_files, "_deployed", lambda name: tmp_path / name)
    for name in ("kafka.jar", "scala.jar"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_jars_that_are_pinned_pass(fetched: Path) -> None:
    kafka_files._check_hashes(fetched)


@pytest.mark.parametrize("name", ["kafka.jar", "another.jar"])
def test_a_jar_that_is_another_than_pinned_is_refused(fetched: Path, name: str) -> None:
    (fetched / name).write_bytes(b"another")
    with pytest.raises(FatalError, match=rf"{name} \(of 1\) differ"):
        kafka_files._check_hashes(fetched)


def test_a_jar_that_is_pinned_and_does_not_come_is_refused(fetched: Path) -> None:
    (fetched / "scala.jar").unlink()
    with pytest.raises(FatalError, match=r"scala.jar \(of 1\) differ"):
        kafka_files._check_hashes(fetched)


def test_nothing_is_kept_of_a_fetch_that_is_refused(fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder = fetched / "cache"
    monkeypatch.setattr("shutil.which", lambda _: "mvn")
    monkeypatch.setattr(kafka_files, "_run_maven", lambda _, folder: (folder / "kafka.jar").write_bytes(b"another"))
    with pytest.raises(FatalError, match="did not fetch what jars"):
        kafka_files._fetch(cache_folder)
    assert not cache_folder.exists()


def test_the_jars_of_the_pom_are_pinned() -> None:
    pinned = kafka_files._deployed("jars.sha256").read_text()
    version = re.findall(r"<version>(.*?)</version>", kafka_files._pom().read_text())[0]
    assert re.search(rf"^[0-9a-f]{{64}}  kafka_2\.13-{re.escape(version)}\.jar$", pinned, re.MULTILINE)


def test_kafka_home_wins(cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "kafka"
    (home / "libs").mkdir(parents=True)
    (home / "libs" / "kafka_2.13-4.3.1.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(home))
    assert kafka_files.find_jars() == home / "libs"


@pytest.mark.usefixtures("cache_folder")
def test_a_kafka_home_without_kafka_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HOME", "/nowhere")
    with pytest.raises(MissingToolError, match=r"KAFKA_HOME=/nowhere: there is no libs/kafka_\*\.jar in it"):
        kafka_files.find_jars()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_402"', 1),
        ("Segmentation fault", 0),
    ],
)
def test_a_java_tells_its_version(tmp_path: Path, said: str, version: int) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    assert kafka_files._java_version(java) == version


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert kafka_files._java_version(tmp_path / "java") == 0
