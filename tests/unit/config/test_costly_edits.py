"""Who edits a file of sites that takes long to read waits himself, and others do no longer than theirs takes."""

from pathlib import Path

import pytest

from sitemon.config.sites_watcher import SitesWatcher
from tests.unit.config import test_kept_parts
from tests.unit.config.test_kept_parts import Reads, sites
from tests.unit.config.test_watcher import names, write

folder, reads = test_kept_parts.folder, test_kept_parts.reads


class Watched:
    """A watcher whose clock stands where it is put."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        self._watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: self.now_s)

    def names_at(self, now_s: float) -> list[str]:
        self.now_s = now_s
        return names(self._watcher)


@pytest.fixture
def watched(folder: Path) -> Watched:
    return Watched(folder)


def test_a_costly_file_rests_and_others_are_read_meanwhile(folder: Path, reads: Reads, watched: Watched) -> None:
    reads.take_s["a.yaml"] = 10.0
    write(folder / "a.yaml", sites("a1"))
    assert watched.names_at(0) == ["a1", "b", "c"]
    write(folder / "a.yaml", sites("a2"))
    for n in range(1, 50):
        write(folder / "b.yaml", sites("b", f"b{n}"))
        assert watched.names_at(n) == ["a1", "b", f"b{n}", "c"]
    assert watched.names_at(49.9) == ["a1", "b", "b49", "c"]
    assert watched.names_at(50) == ["a2", "b", "b49", "c"]
    assert reads.since().count("a.yaml") == 2


def test_a_file_waits_for_a_costly_one_as_long_as_itself_would_rest(
    folder: Path,
    reads: Reads,
    watched: Watched,
) -> None:
    reads.take_s |= {"a.yaml": 10.0, "b.yaml": 1.0}
    write(folder / "b.yaml", sites("b1"))
    assert watched.names_at(0) == ["a", "b1", "c"]
    write(folder / "a.yaml", sites("a1"))
    assert watched.names_at(100) == ["a1", "b1", "c"]
    write(folder / "b.yaml", sites("b2"))
    write(folder / "new.yaml", sites("new"))
    assert watched.names_at(101) == ["a1", "b1", "c", "new"]
    assert watched.names_at(104.9) == ["a1", "b1", "c", "new"]
    assert watched.names_at(105) == ["a1", "b2", "c", "new"]


def test_a_costly_file_of_a_new_name_with_each_edit_rests_too(folder: Path, reads: Reads, watched: Watched) -> None:
    reads.take_s |= {f"{n}.yaml": 10.0 for n in range(9)}
    for n in range(9):
        write(folder / f"{n}.yaml", sites(f"s{n}") + "#" * (2 << 20))
        watched.names_at(n)
        (folder / f"{n}.yaml").unlink()
    assert reads.since() == ["0.yaml"]


def test_of_many_costly_files_a_few_are_read_before_others_edits_are_taken_up(
    folder: Path,
    reads: Reads,
    watched: Watched,
) -> None:
    costly = [f"s{n}" for n in range(9)]
    reads.take_s = {f"{name}.yaml": 15.0 for name in costly}
    for name in costly:
        write(folder / f"{name}.yaml", sites(name) + "#" * (1 << 20))
    assert watched.names_at(0) == ["a", "b", "c", "s0", "s1"]
    write(folder / "c.yaml", sites("c", "d"))
    assert watched.names_at(1) == ["a", "b", "c", "d", "s0", "s1"]
    assert watched.names_at(99) == ["a", "b", "c", "d", "s0", "s1", "s2", "s3"]


def test_who_waits_is_read_before_shorter_files_that_come_again_and_again(
    folder: Path,
    reads: Reads,
    watched: Watched,
) -> None:
    reads.take_s = {f"s{n}.yaml": 15.0 for n in range(12)}
    write(folder / "a.yaml", sites("long") + "#" * (2 << 20))
    for n in range(4):
        for name in [f"s{3 * n}", f"s{3 * n + 1}", f"s{3 * n + 2}"]:
            write(folder / f"{name}.yaml", sites(name) + "#" * (1 << 20))
        found = watched.names_at(100 * n)
    assert "long" in found


def test_no_site_goes_on_its_way_into_a_file_that_waits(folder: Path, reads: Reads, watched: Watched) -> None:
    reads.take_s["a.yaml"] = 10.0
    write(folder / "a.yaml", sites("a1"))
    assert watched.names_at(0) == ["a1", "b", "c"]
    write(folder / "a.yaml", sites("a1", "b"))
    write(folder / "b.yaml", sites("b1"))
    assert watched.names_at(1) == ["a1", "b", "b1", "c"]
    assert watched.names_at(50) == ["a1", "b", "b1", "c"]
