"""A name that stood in a file, or may stand in one that is at fault, is not free for others."""

import itertools
from pathlib import Path

import pytest

from sitemon.config.sites_watcher import SitesWatcher
from sitemon.model.site import Site
from tests.unit.config.test_files_at_fault import site, watcher_of, write

PAY = "{name: pay, url: http://pay/}"
WITH_A_TYPO = PAY.replace("}", ", intervall: 1}")
MENDED = PAY.replace("}", ", method: HEAD}")
TAKEN = "{name: pay, url: http://evil/}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file of an owner, and that of somebody else."""
    folder = tmp_path / "sites.d"
    folder.mkdir()
    write(folder / "a.yaml", site("mine"))
    write(folder / "b.yaml", PAY, site("other"))
    return folder


def pay(watcher: SitesWatcher) -> tuple[str, str]:
    """Return what is taken up of it after two looks: one may change what the next one finds."""
    watcher.refresh()
    found = watcher.refresh().by_name["pay"]
    return found.url, found.method


@pytest.mark.parametrize("is_renamed", [False, True])
def test_the_name_of_a_site_on_its_way_is_not_free_for_who_waits_for_it(folder: Path, *, is_renamed: bool) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", TAKEN)
    assert pay(watcher) == ("http://pay/", "GET")
    if is_renamed:
        (folder / "b.yaml").unlink()
    else:
        write(folder / "b.yaml", site("other"))
    write(folder / "c.yaml", WITH_A_TYPO)
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")


def test_nor_for_who_takes_it_while_the_owner_is_at_fault_for_long(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "b.yaml", site("other"))
    write(folder / "c.yaml", WITH_A_TYPO)
    for n in range(3):
        write(folder / "a.yaml", site(f"a{n}"))
        assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "a.yaml", TAKEN)
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")


def test_who_mends_his_file_has_his_names_however_long_it_was_at_fault(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "b.yaml", WITH_A_TYPO)
    for n in range(3):
        write(folder / "a.yaml", site(f"a{n}"))
        assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "a.yaml", TAKEN)
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "b.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")


def test_a_site_that_was_edited_beside_a_file_at_fault_has_its_name_too(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", site("mine", ", x: [pay]"))
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "b.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")
    (folder / "b.yaml").unlink()
    write(folder / "c.yaml", WITH_A_TYPO)
    assert pay(watcher) == ("http://pay/", "HEAD")
    write(folder / "a.yaml", TAKEN)
    assert pay(watcher) == ("http://pay/", "HEAD")


def test_a_file_at_fault_keeps_nobody_from_moving_his_sites(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", site("mine", ", x: [pay]"))
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "b.yaml", site("other"))
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")
    assert watcher.refresh().by_name["pay"].file == str(folder / "c.yaml")


def test_nor_does_one_that_never_rests(folder: Path) -> None:
    moments = iter(range(0, 1_000, 10))
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: float(next(moments)))
    for n in range(4):
        (folder / "a.yaml").write_text("#" * n)
        write(folder / "d.yaml", site(f"d{n}"))
        watcher.refresh()
    (folder / "a.yaml").write_text("#" * 5)
    write(folder / "b.yaml", site("other"))
    write(folder / "c.yaml", WITH_A_TYPO)
    assert watcher.refresh().by_name["pay"].method == "GET"
    (folder / "a.yaml").write_text("#" * 6)
    write(folder / "c.yaml", MENDED)
    assert watcher.refresh().by_name["pay"].method == "HEAD"


def test_nor_is_the_name_free_while_its_file_never_rests(folder: Path) -> None:
    moments = iter(range(0, 1_000, 10))
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: float(next(moments)))
    write(folder / "a.yaml", TAKEN)
    for n in range(4):
        (folder / "b.yaml").write_text(f"sites: [{PAY}] # {n}")
        write(folder / "d.yaml", site(f"d{n}"))
        watcher.refresh()
    write(folder / "b.yaml", site("other"))
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")


class Stirring:
    """Looks at a folder, in which somebody writes a file of another name before each look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._moments = itertools.count(0, 10)
        self._watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: float(next(self._moments)))
        for _ in range(4):
            self.look()

    def look(self) -> Site:
        self.rest()
        (self._folder / f"junk{next(self._moments)}.yaml").write_text("#")
        return self._watcher.refresh().by_name["pay"]

    def rest(self) -> None:
        for junk in self._folder.glob("junk*"):
            junk.unlink()


def test_nor_does_one_that_has_a_new_name_each_time(folder: Path) -> None:
    stirring = Stirring(folder)
    (folder / "b.yaml").rename(folder / "c.yaml")
    for _ in range(2):
        stirring.look()
    assert stirring.look().file == str(folder / "c.yaml")
    write(folder / "c.yaml", MENDED)
    assert stirring.look().method == "HEAD"


def test_nor_is_the_name_his_who_stirs_so_and_takes_it_then(folder: Path) -> None:
    stirring = Stirring(folder)
    (folder / "b.yaml").unlink()
    for n in range(3):
        (folder / "c.yaml").write_text(f"sites: [{PAY}] # {n}")
        assert stirring.look().url == "http://pay/"
    write(folder / "c.yaml", WITH_A_TYPO)
    for _ in range(3):
        assert stirring.look().url == "http://pay/"
    write(folder / "a.yaml", TAKEN)
    found = stirring.look()
    assert (found.url, found.file) == ("http://pay/", str(folder / "b.yaml"))
    write(folder / "c.yaml", MENDED)
    assert stirring.look().method == "HEAD"


@pytest.mark.parametrize("is_new", [False, True])
def test_what_two_claim_at_once_stays_as_it_was_until_one_goes(folder: Path, *, is_new: bool) -> None:
    if is_new:
        write(folder / "b.yaml", site("other"))
    watcher = watcher_of(folder)
    if is_new:
        write(folder / "a.yaml", site("mine", ", x: 1"))
        watcher.refresh()
        write(folder / "b.yaml", PAY, site("other"))
    assert pay(watcher) == ("http://pay/", "GET")
    (folder / "b.yaml").unlink()
    write(folder / "a0.yaml", TAKEN)
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "GET")
    (folder / "a0.yaml").unlink()
    assert pay(watcher) == ("http://pay/", "HEAD")


def test_who_takes_the_name_of_a_file_that_went_has_none_of_its_sites(folder: Path) -> None:
    watcher = watcher_of(folder)
    (folder / "b.yaml").unlink()
    write(folder / "c.yaml", WITH_A_TYPO)
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "b.yaml", TAKEN)
    assert pay(watcher) == ("http://pay/", "GET")
    write(folder / "c.yaml", MENDED)
    assert pay(watcher) == ("http://pay/", "HEAD")
