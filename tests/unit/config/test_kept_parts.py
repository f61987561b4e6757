"""An edit of a file of sites takes what that file takes; what others take is nobody's matter but theirs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sitemon.config import documents, kept_parts, sites_watcher
from sitemon.config.site_parts import Part, read_part
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.local.certificates import Authority
from tests.unit.config.test_watcher import names, write


def sites(*found: str) -> str:
    return f"sites: [{', '.join(f'{{name: {name}, url: https://a/}}' for name in found)}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sites.d"
    folder.mkdir()
    for name in "abc":
        write(folder / f"{name}.yaml", sites(name))
    return folder


class Reads:
    """The names of the files that were read, in their order, and what each takes in seconds of CPU."""

    def __init__(self) -> None:
        self.of: list[str] = []
        self.take_s: dict[str, float] = {}

    def __call__(self, file: Path, *given: Any) -> Part:
        self.of.append(file.name)
        return read_part(file, *given)._replace(took_s=self.take_s.get(file.name, 0.0))

    def since(self) -> list[str]:
        found, self.of = self.of, []
        return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    reads = Reads()
    monkeypatch.setattr(kept_parts, "read_part", reads)
    return reads


def watcher_of(folder: Path, **environ: str) -> SitesWatcher:
    return SitesWatcher({"CONF_DIR": str(folder.parent), **environ})


def test_an_edit_reads_the_edited_file_alone(folder: Path, reads: Reads) -> None:
    watcher = watcher_of(folder)
    for n in range(2):
        write(folder / "b.yaml", sites("b", f"b{n}"))
        assert names(watcher) == ["a", "b", f"b{n}", "c"]
    assert reads.since() == ["b.yaml", "b.yaml"]


def test_what_was_read_is_kept_once(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder / "b.yaml", sites("b", "d"))
    assert names(watcher) == ["a", "b", "c", "d"]
    kept = {name: site for part in watcher._kept._parts.values() for name, site in part.sites.items()}
    assert all(kept[site.name] is site for site in watcher.current().sites)


def test_a_file_at_fault_is_said_to_be_so_and_not_read_again(
    folder: Path, reads: Reads, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = watcher_of(folder)
    write(folder / "a.yaml", "{")
    assert names(watcher) == names(watcher) == ["a", "b", "c"]
    write(folder / "b.yaml", sites("b", "d"))
    assert names(watcher) == ["a", "b", "c", "d"]
    assert reads.since() == ["a.yaml", "b.yaml"]
    first, again = caplog.messages
    assert first == again
    assert str(folder / "a.yaml") in first


def test_an_edit_of_a_file_that_it_names_reads_it_again(folder: Path, reads: Reads) -> None:
    ca_file = Authority(folder, datetime(2026, 11, 24, tzinfo=UTC)).file
    write(folder / "a.yaml", sites("a").replace("https://a/", f"https://a/, tls: {{ca_file: {ca_file}}}"))
    watcher = watcher_of(folder)
    ca_file.write_text("no certificate")
    os.utime(ca_file, (1, 1))
    assert names(watcher) == ["a", "b", "c"]
    assert reads.since() == ["a.yaml"]


def test_a_file_that_it_names_and_that_came_just_after_that_is_not_missed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_before_it_comes(*given: Any) -> Part:
        part = read_part(*given)
        if not (folder / "ca.pem").exists():
            os.utime(Authority(folder, datetime(2026, 11, 24, tzinfo=UTC)).file, (1, 1))
        return part

    watcher = watcher_of(folder)
    monkeypatch.setattr(kept_parts, "read_part", read_before_it_comes)
    write(folder / "a.yaml", sites("a", "new").replace("https://a/", "https://a/, tls: {ca_file: ca.pem}"))
    assert names(watcher) == ["a", "b", "c"]
    assert names(watcher) == ["a", "b", "c", "new"]


def test_all_are_read_again_in_another_environment(folder: Path, reads: Reads) -> None:
    environ = {"CONF_DIR": str(folder.parent), "TOKEN": "old"}
    write(folder / "a.yaml", sites("a").replace("https://a/", "https://a/, headers: {x: '${TOKEN}'}"))
    watcher = SitesWatcher(environ)
    environ["TOKEN"] = "new"
    write(folder / "b.yaml", sites("b"))
    assert watcher.refresh().by_name["a"].headers[0].value == "new"
    assert sorted(reads.since()) == ["a.yaml", "b.yaml", "c.yaml"]


def test_one_that_could_not_be_read_is_read_again_with_the_next_edit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(24, "Too many open files")

    watcher = watcher_of(folder)
    write(folder / "a.yaml", sites("a", "new"))
    with monkeypatch.context() as patch:
        patch.setattr(documents, "content_of", fail)
        assert names(watcher) == ["a", "b", "c"]
    write(folder / "b.yaml", sites("b"))
    assert names(watcher) == ["a", "b", "c", "new"]


def test_who_may_read_it_is_an_edit(folder: Path, reads: Reads) -> None:
    watcher = watcher_of(folder)
    (folder / "a.yaml").chmod(0o640)
    names(watcher)
    assert reads.since() == ["a.yaml"]


@pytest.mark.parametrize("longer", ["a", "b"])
def test_which_file_is_at_fault_depends_on_no_order_of_reading(folder: Path, reads: Reads, longer: str) -> None:
    watcher = watcher_of(folder)
    for name in "ab":
        write(folder / f"{name}.yaml", sites(name, "new") + (200 * "#" if name == longer else "#"))
    assert watcher.refresh().by_name["new"].file == str(folder / "a.yaml")
    assert reads.since()[-1] == f"{longer}.yaml"  # what is new in it may take long
    write(folder / "b.yaml", sites("b", "new", "more"))
    assert names(watcher) == ["a", "b", "c", "new"]
    assert watcher.refresh().by_name["new"].file == str(folder / "a.yaml")


def test_of_files_with_mistakes_few_names_of_other_files_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites_watcher, "MOST_FILES", 3)
    watcher = watcher_of(folder)
    for name in "ab":
        found = sites(*(f"{name}{n}" for n in range(5)))
        for n in range(5):
            found = found.replace("https://a/}", f"https://a/, tls: {{ca_file: {name}{n}.pem}}}}", 1)
        write(folder / f"{name}.yaml", found)
    assert names(watcher) == ["a", "b", "c"]
    assert sum(len(part.sizes) for part in watcher._kept._parts.values()) == 3
