"""The first broker that ends in good order leaves an archive of its classes, and those after it start from it."""

import subprocess
from pathlib import Path

import pytest

from sitemon.local import class_archive
from sitemon.local.kafka import Kafka
from sitemon.local.kafka_files import find_jars, find_java
from tests.conftest import started


@pytest.fixture
def archive(kafka_jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the archive is to be, in a cache that has none."""
    monkeypatch.setattr(class_archive, "cache_folder", lambda: tmp_path / "cache" / "kafka")
    (tmp_path / "cache").mkdir()
    return class_archive.archive_of(find_java(), kafka_jars)


def has_loaded(kafka: Kafka, archive: Path) -> bool:
    return str(archive) in Path(f"/proc/{kafka.pid}/maps").read_text()


def test_a_broker_leaves_an_archive_from_which_the_next_one_starts(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kafka, "stop_within_s", 100.0)  # it writes 50 MB, on a machine that may be busy
    old = archive.with_name("kafka-of-another-java.jsa")
    old.touch()
    kafka = started(Kafka(tmp_path))
    assert not has_loaded(kafka, archive)
    kafka.stop()
    assert list(archive.parent.iterdir()) == [archive]
    kafka.start()
    assert has_loaded(kafka, archive)
    kafka.kill()


def test_java_goes_on_without_an_archive_that_is_damaged(archive: Path) -> None:
    archive.write_bytes(b"half of one")
    assert subprocess.run([find_java(), *class_archive.using(archive), "-version"], check=False).returncode == 0


def test_other_jars_have_an_archive_of_their_own(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "kafka_2.13.jar").touch()
    assert (
        class_archive.archive_of(find_java(), tmp_path) != archive == class_archive.archive_of(find_java(), find_jars())
    )


def test_an_archive_that_cannot_be_kept_is_no_error(archive: Path, tmp_path: Path) -> None:
    draft = tmp_path / "classes.jsa"
    draft.touch()
    class_archive.keep(draft, archive.parent / "missing" / archive.name)
    assert not draft.exists()
