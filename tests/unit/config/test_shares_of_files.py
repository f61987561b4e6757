"""What is bounded for all sites together: who takes most of it keeps nobody else's edits out."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import Mock

import pytest

from sitemon.config import edits, site_room
from sitemon.config.sites import load_sites
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.model.errors import ConfigurationError
from tests.integration.checks.certificates import new_authority
from tests.unit.config.test_files_at_fault import site, watcher_of, write
from tests.unit.config.test_watcher import names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file of an owner, and that of somebody else."""
    folder = tmp_path / "sites.d"
    folder.mkdir()
    write(folder / "a.yaml", site("mine"))
    write(folder / "pay.yaml", site("pay"))
    return folder


def seen_from(name: str, *regions: str) -> str:
    return site(name, f", regions: [{', '.join(regions)}]")


def some(letter: str, most: int) -> Iterable[str]:
    return (f"{letter}{n}" for n in range(most))


def ever_later(folder: Path, **environ: str) -> SitesWatcher:
    """Return a watcher that rests after no edit, however long that took."""
    moments = itertools.count(0, 1_000)
    return SitesWatcher({"CONF_DIR": str(folder.parent), **environ}, monotonic_s=lambda: float(next(moments)))


def trusting(folder: Path, name: str, lengths: Iterable[int]) -> list[str]:
    """Return sites that name files of CA certificates of these lengths."""
    pem = new_authority("ours").pem
    found = []
    for n, length in enumerate(lengths):
        file = folder / f"{name}{n}.pem"
        file.write_bytes(pem.ljust(length, b"\n"))
        os.utime(file, (length, length))
        found.append(site(f"{name}{n}", f", tls: {{ca_file: {file.name}}}").replace("http:", "https:"))
    return found


def test_one_of_several_files_leaves_regions_to_the_others(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", seen_from("all", *some("a", 81)))
    assert names(watcher) == ["mine", "pay"]
    write(folder / "a.yaml", seen_from("most", *some("a", 80)))
    write(folder / "pay.yaml", seen_from("pay", "eu"))
    assert names(watcher) == ["most", "pay"]
    assert watcher.refresh().by_name["pay"].regions == ("eu",)


def test_and_room_for_certificates(folder: Path) -> None:
    write(folder / "pay.yaml", *trusting(folder, "pay", [4_000]))
    watcher = watcher_of(folder)
    write(folder / "a.yaml", *trusting(folder, "all", [1 << 20] * 13))
    assert names(watcher) == ["mine", "pay0"]
    write(folder / "a.yaml", *trusting(folder, "most", [1 << 20] * 12))
    trusting(folder, "pay", [4_010])
    write(folder / "pay.yaml", *trusting(folder, "pay", [4_010, 4_000]))
    assert names(watcher) == [*sorted(some("most", 12)), "pay0", "pay1"]


def test_what_files_take_together_leaves_regions_to_who_takes_few(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", seen_from("most", *some("a", 80)))
    write(folder / "b.yaml", seen_from("rest", *some("b", 20)))
    assert names(watcher) == ["most", "pay", "rest"]
    for n in range(5):
        write(folder / f"few{n}.yaml", seen_from(f"few{n}", *some(f"f{n}", 5)))
    write(folder / "pay.yaml", seen_from("pay", "eu", "us"))
    assert names(watcher) == [*some("few", 5), "most", "pay", "rest"]
    assert watcher.refresh().by_name["pay"].regions == ("eu", "us")
    write(folder / "pay.yaml", seen_from("pay", *some("p", 3)))
    assert names(watcher) == [*some("few", 5), "most", "pay", "rest"]
    assert watcher.refresh().by_name["pay"].regions == ("eu", "us")


def test_and_room_for_certificates_to_who_has_few(folder: Path) -> None:
    write(folder / "pay.yaml", *trusting(folder, "pay", [4_000]))
    watcher = watcher_of(folder)
    write(folder / "a.yaml", *trusting(folder, "most", [1 << 20] * 12))
    write(folder / "b.yaml", *trusting(folder, "rest", [1 << 20] * 4))
    assert len(names(watcher)) == 17
    trusting(folder, "pay", [4_010])
    write(folder / "pay.yaml", *trusting(folder, "pay", [4_010, 300_000]))
    assert names(watcher)[12:14] == ["pay0", "pay1"]
    assert len(load_sites({"CONF_DIR": str(folder.parent)}).sites) == 18


def test_a_file_that_is_alone_has_all_the_room(folder: Path) -> None:
    (folder / "pay.yaml").unlink()
    write(folder / "a.yaml", seen_from("all", *some("a", 100)))
    watcher = watcher_of(folder)
    write(folder / "a.yaml", seen_from("all", *some("b", 100)))
    assert watcher.refresh().by_name["all"].regions == tuple(some("b", 100))


def test_who_grows_least_is_not_at_fault(folder: Path) -> None:
    write(folder / "large.yaml", seen_from("large", *some("l", 60)))
    watcher = watcher_of(folder)
    write(folder / "a.yaml", seen_from("all", *some("a", 38)))
    write(folder / "pay.yaml", seen_from("pay", *some("p", 6)))
    assert names(watcher) == ["large", "mine", "pay"]
    assert watcher.refresh().by_name["pay"].regions == tuple(some("p", 6))


@pytest.mark.parametrize(
    ("regions", "problem"),
    [
        ({"a": 81, "pay": 1}, "expected at most 80 regions of one of several files of sites"),
        ({"a": 60, "b": 41, "pay": 1}, "expected at most 100 regions of all sites together"),
    ],
    ids=["more than its share", "more than others leave"],
)
def test_at_a_start_it_is_who_takes_most(folder: Path, regions: dict[str, int], problem: str) -> None:
    for name, most in regions.items():
        write(folder / f"{name}.yaml", seen_from(name, *some(name, most)))
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"CONF_DIR": str(folder.parent)})
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{folder}/a.yaml: regions: {problem}"]


def test_the_files_that_refused_ones_name_are_not_all_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = ever_later(folder, SITEMON_ADDRESS_POLICY="public")
    paths = ["/".join(steps) for steps in itertools.product("xy", repeat=10)]
    for name in ("a0", "a1"):
        (folder / name).mkdir()
        for link in "xy":
            (folder / name / link).symlink_to(".")
        sites = (site(f"s{m}", f", tls: {{ca_file: {name}/{path}/ca.pem}}") for m, path in enumerate(paths))
        write(folder / f"{name}.yaml", *sites)
    assert len(watcher.current().sites) == 2
    looked_at = Mock(wraps=edits.stat_of)
    monkeypatch.setattr(edits, "stat_of", looked_at)
    watcher.current()
    assert site_room.MOST_FILES < looked_at.call_count < site_room.MOST_FILES + 20


def test_those_of_who_names_few_are(folder: Path) -> None:
    watcher = ever_later(folder)
    write(folder / "a.yaml", *(site(f"s{n}", f", tls: {{ca_file: {n}.pem}}") for n in range(1_010)))
    write(folder / "pay.yaml", site("pay0", ", tls: {ca_file: pay0.pem}").replace("http:", "https:"))
    assert len(watcher.current().sites) == 2
    trusting(folder, "pay", [4_000])
    watcher.current()
    assert "pay0" in watcher.current().by_name
