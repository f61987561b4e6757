"""Kafka's jars come from KAFKA_HOME, or from a cache that must be whole."""

import json
from pathlib import Path

import pytest

from sitemon.local import kafka_files
from sitemon.local.part import MissingToolError


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole cache, on a machine without Maven and KAFKA_HOME."""
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kafka_files, "_cache_folder", lambda: tmp_path)
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
