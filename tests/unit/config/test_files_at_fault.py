"""Files of sites beside one that is at fault: what that costs, and what stays."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from sitemon.config import kept_parts, site_values
from sitemon.config.site_parts import read_part
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.local.certificates import Authority
from tests.unit.config.test_watcher import names
from tests.unit.config.test_watcher import write as replace

SHOP = "{name: shop, url: http://shop/}"
NEW = "{name: new, url: http://shop/}"

Check = Callable[[SitesWatcher], bool]


def write(file: Path, *sites: str) -> None:
    replace(file, f"sites: [{', '.join(sites)}]\n")


def site(name: str, more: str = "") -> str:
    return f"{{name: {name}, url: http://a/{more}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file of somebody who has made no mistake."""
    folder = tmp_path / "sites.d"
    folder.mkdir()
    write(folder / "shop.yaml", SHOP)
    return folder


@pytest.fixture
def edits_of_others_are_taken_up(folder: Path) -> Check:
    def are_taken_up(watcher: SitesWatcher) -> bool:
        write(folder / "other.yaml", NEW)
        return "new" in names(watcher)

    return are_taken_up


def watcher_of(folder: Path, **environ: str) -> SitesWatcher:
    return SitesWatcher({"CONF_DIR": str(folder.parent), **environ})


def test_each_file_is_read_once_however_many_are_at_fault_for_each_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, edits_of_others_are_taken_up: Check
) -> None:
    chain = [folder / f"a{n:02}.yaml" for n in range(50)]
    for n, file in enumerate(chain):
        write(file, site(f"s{n}"))
    watcher = watcher_of(folder)
    before = names(watcher)
    read = Mock(wraps=read_part)
    monkeypatch.setattr(kept_parts, "read_part", read)
    for n, file in enumerate(chain):
        write(file, site(f"s{n - 1}", ", method: HEAD") if n else site("s0", ", intervall: 1"))
    assert names(watcher) == before
    assert {one.method for one in watcher.refresh().sites} == {"GET"}
    assert read.call_count == 50
    assert edits_of_others_are_taken_up(watcher)
    assert read.call_count == 51


def test_while_a_file_is_at_fault_what_another_one_had_in_the_meantime_goes(folder: Path) -> None:
    write(folder / "m.yaml", site("m"))
    write(folder / "a.yaml", site("first"))
    watcher = watcher_of(folder)
    write(folder / "m.yaml", site("m", ", x: [first, s0, s1]"))
    for n in range(3):
        write(folder / "a.yaml", site(f"s{n}"))
        assert names(watcher) == ["first", "m", f"s{n}", "shop"]


def test_a_site_that_no_file_at_fault_may_name_goes(folder: Path) -> None:
    write(folder / "m.yaml", site("m"))
    write(folder / "a.yaml", site("a1"), site("a2"))
    watcher = watcher_of(folder)
    write(folder / "m.yaml", site("m"), site("a1", ", intervall: 1"))
    write(folder / "a.yaml")
    assert names(watcher) == names(watcher) == ["a1", "m", "shop"]
    write(folder / "m.yaml", site("m"))
    assert names(watcher) == ["m", "shop"]


@pytest.mark.parametrize("is_long", [False, True])
def test_a_file_that_cannot_be_read_or_is_very_long_may_name_any(folder: Path, *, is_long: bool) -> None:
    write(folder / "a.yaml", site("a"))
    watcher = watcher_of(folder)
    if is_long:
        write(folder / "b.yaml", "}" + " " * (4 << 20))
    else:
        (folder / "b.yaml").symlink_to("nowhere")
    write(folder / "a.yaml")
    assert names(watcher) == ["a", "shop"]


def test_a_site_that_stays_for_another_file_depends_on_none_that_goes(folder: Path) -> None:
    write(folder / "a.yaml", site("a", ", depends_on: [gateway]"), site("gateway"))
    watcher = watcher_of(folder)
    write(folder / "m.yaml", site("a", ", intervall: 1"))
    write(folder / "a.yaml")
    assert names(watcher) == ["a", "shop"]
    assert watcher.refresh().by_name["a"].depends_on == ()


def test_nor_does_one_that_others_depend_on_stay_once_it_was_taken_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder / "a.yaml", site("a", ", depends_on: [gateway]"))
    write(folder / "b.yaml", site("b"), site("gateway", ", depends_on: [shop]"))
    watcher = watcher_of(folder)
    write(folder / "b.yaml", site("b"), site("renamed"))
    write(folder / "shop.yaml", SHOP.replace("}", ", depends_on: [a]}"))
    assert names(watcher) == names(watcher) == ["a", "b", "renamed", "shop"]
    assert {one.name: one.depends_on for one in watcher.refresh().sites if one.depends_on} == {"shop": ("a",)}
    fault = f"{folder / 'a.yaml'}: a: depends_on: there is no site gateway"
    assert caplog.messages == [f"config.sites_kept: the edit was not taken up: {fault}"]
    write(folder / "c.yaml", site("gateway"))
    assert watcher.refresh().by_name["a"].depends_on == ("gateway",)


@pytest.mark.parametrize(
    "files",
    [
        {"a1": site("a1", ", depends_on: [a2]"), "a2": site("a2", ", depends_on: [a1]")},
        {"a1": site("a1", ", depends_on: [shop]"), "shop": SHOP.replace("}", ", depends_on: [a1]}")},
        {"a1": f"{site('a1', ', depends_on: [a2]')}, {site('a2', ', depends_on: [a1]')}"},
    ],
    ids=["two files", "with another's site", "one file"],
)
def test_a_ring_is_the_fault_of_the_file_that_closed_it(
    folder: Path, files: dict[str, str], edits_of_others_are_taken_up: Check
) -> None:
    last, *others = sorted(files, key="shop".__eq__)
    for name in others:
        write(folder / f"{name}.yaml", files[name])
    write(folder / f"{last}.yaml", site(last))
    watcher = watcher_of(folder)
    before = names(watcher)
    write(folder / f"{last}.yaml", files[last])
    assert names(watcher) == before
    assert watcher.refresh().by_name[last].depends_on == ()
    assert edits_of_others_are_taken_up(watcher)


def test_where_breaking_a_ring_closes_another_one_nobody_else_is_kept_out(
    folder: Path, edits_of_others_are_taken_up: Check
) -> None:
    write(folder / "z.yaml", site("z", ", depends_on: [a1]"))
    write(folder / "a1.yaml", site("a1"))
    write(folder / "a2.yaml", site("a2"))
    watcher = watcher_of(folder)
    write(folder / "a1.yaml", site("a1", ", depends_on: [z]"))
    write(folder / "a2.yaml", site("a2", ", depends_on: [z]"))
    write(folder / "z.yaml", site("z", ", depends_on: [a2]"))
    for _ in range(2):
        found = {one.name: one.depends_on for one in watcher.refresh().sites}
        assert found == {"z": ("a1",), "a1": (), "a2": (), "shop": ()}
    assert edits_of_others_are_taken_up(watcher)


def test_nor_where_it_has_a_site_stay_that_would_close_one(folder: Path) -> None:
    write(folder / "a.yaml", site("a"))
    write(folder / "b.yaml", site("b"), site("gone", ", depends_on: [a]"))
    write(folder / "c.yaml", site("c", ", depends_on: [b]"))
    watcher = watcher_of(folder)
    write(folder / "d.yaml", site("d", ", x: [gone]"))
    write(folder / "b.yaml", site("b"))
    assert names(watcher) == ["a", "b", "c", "gone", "shop"]
    (folder / "d.yaml").unlink()
    write(folder / "a.yaml", site("a", ", depends_on: [gone]"))
    write(folder / "b.yaml", site("b", ", depends_on: [c]"), site("gone"))
    write(folder / "c.yaml", site("c", ", depends_on: [d]"), site("d", ", depends_on: [c]"))
    for _ in range(2):
        found = {one.name: one.depends_on for one in watcher.refresh().sites}
        assert found == {"a": (), "b": (), "c": ("b",), "gone": ("a",), "shop": ()}


def test_who_lets_a_file_of_certificates_grow_keeps_out_nobody(
    folder: Path, edits_of_others_are_taken_up: Check
) -> None:
    ca_file = Authority(folder, datetime(2026, 11, 24, tzinfo=UTC)).file
    write(folder / "a.yaml", site("a", f", tls: {{ca_file: {ca_file}}}").replace("http:", "https:"))
    watcher = watcher_of(folder)
    with ca_file.open("r+b") as file:
        file.truncate(20 << 20)
    os.utime(ca_file, (1, 1))
    assert edits_of_others_are_taken_up(watcher)
    assert "a" in names(watcher)


@pytest.mark.parametrize("field", ["ca_file: a/loop", "cert_file: a/loop", "cert_file: a/loop, key_file: a/loop"])
def test_nor_does_who_names_a_link_to_itself(
    folder: Path, caplog: pytest.LogCaptureFixture, field: str, edits_of_others_are_taken_up: Check
) -> None:
    watcher = watcher_of(folder, SITEMON_ADDRESS_POLICY="public")
    (folder / "a").mkdir()
    (folder / "a" / "loop").symlink_to("loop")
    write(folder / "a.yaml", site("a", f", tls: {{{field}}}").replace("http:", "https:"))
    assert edits_of_others_are_taken_up(watcher)
    assert f"expected a file; there is none at {folder}/a/loop" in caplog.text


def test_nor_does_who_writes_json_of_any_depth(folder: Path, edits_of_others_are_taken_up: Check) -> None:
    watcher = watcher_of(folder)
    for n in range(800, 1_000):
        (folder / f"a{n}.json").write_text(
            f'{{"sites": [{{"name": "a", "url": "http://a/", "x": {"[" * n}{"]" * n}}}]}}'
        )
        os.utime(folder / f"a{n}.json", (1, 1))
    assert edits_of_others_are_taken_up(watcher)


def test_whatever_fails_at_a_file_is_a_mistake_of_that_file(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    edits_of_others_are_taken_up: Check,
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("something of the file")

    watcher = watcher_of(folder)
    monkeypatch.setattr(site_values, "readable_file", fail)
    write(folder / "a.yaml", site("a", ", tls: {ca_file: a}").replace("http:", "https:"))
    assert edits_of_others_are_taken_up(watcher)
    said = f"{folder / 'a.yaml'}: cannot be read, by a mistake in sitemon: KeyError"
    assert caplog.messages == [f"config.sites_kept: the edit was not taken up: {said}"]
