"""A process may die at any moment: what it was promised is in Kafka once the next one has been there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.stream.conftest import eventually
from tests.integration.stream.victim import a_publisher

WHILE_AWAY = ["send", "acknowledged", "before append", "after append", "before remove", "after remove"]
PLACES = [*((place, True) for place in WHILE_AWAY), ("send", False), ("acknowledged", False)]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("place", "is_away"), PLACES)
def test_nothing_that_was_promised_is_lost_when_it_dies(place: str, is_away: bool, tmp_path: Path) -> None:
    (tmp_path / "from").write_text("0")
    if is_away:
        (tmp_path / "away").touch()
    command = [sys.executable, "-m", "tests.integration.stream.victim", str(tmp_path), place]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert died.returncode == 9, died.stderr.decode()

    (tmp_path / "away").unlink(missing_ok=True)
    successor = a_publisher(tmp_path)
    eventually(lambda: not (tmp_path / "spool" / "spool-0.db").exists())
    successor.close(1.0)
    assert promised(tmp_path) <= set(in_kafka(tmp_path))
    assert list(dict.fromkeys(in_kafka(tmp_path))) == sorted(set(in_kafka(tmp_path)))


def promised(folder: Path) -> set[int]:
    file = folder / "promised"
    return {int(line) for line in file.read_text().split()} if file.exists() else set()


def in_kafka(folder: Path) -> list[int]:
    file = folder / "kafka"
    return [int(line) for line in file.read_text().split()] if file.exists() else []
