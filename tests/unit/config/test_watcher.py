"""Edits of the sites while a process runs."""

import itertools
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from sitemon.config import kept_parts, site_room, sites_watcher
from sitemon.config.site_parts import Part, read_part
from sitemon.config.sites_watcher import LOOK_EVERY_S, SitesWatcher
from sitemon.local.certificates import Authority
from sitemon.model.errors import ConfigurationError

A = "sites: [{name: a, url: http://a/}]\n"
B = "sites: [{name: b, url: http://b/}]\n"
B_AND_C = "sites: [{name: b, url: http://b/}, {name: c, url: http://c/}]\n"
BAD = "sites: [{name: b, url: http://b/, intervall: 1}]\n"

_long_ago, _later = itertools.count(1_700_000_000), itertools.count(2_100_000_000)


def write(file: Path, content: str, *, is_settled: bool = True) -> None:
    """Replace a file by renaming, as editors do; settled means that it was written a while ago."""
    new = file.with_suffix(".new")
    new.write_text(content)
    moment = next(_long_ago if is_settled else _later)
    os.utime(new, (moment, moment))
    new.replace(file)


def names(watcher: SitesWatcher) -> list[str]:
    return sorted(site.name for site in watcher.refresh().sites)


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(event)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sites.yaml"
    write(file, A)
    return file


@pytest.fixture
def watcher(file: Path) -> SitesWatcher:
    return SitesWatcher({"CONF_DIR": str(file.parent)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sites.d"
    folder.mkdir()
    write(folder / "a.yaml", A)
    write(folder / "b.yaml", B)
    return folder


def test_an_edit_is_taken_up_and_logged(file: Path, watcher: SitesWatcher, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert names(watcher) == ["a"]
    write(file, B)
    assert names(watcher) == ["b"]
    assert logged(caplog, "config.") == [f"config.sites_reloaded: 1 site from {file}"]


def test_an_edit_that_takes_long_to_read_holds_up_nobody_who_has_slots_to_send(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()

    def read_slowly(*given: Any) -> Part:
        assert may_end.wait(10)
        return read_part(*given)

    watcher = SitesWatcher({"CONF_DIR": str(file.parent)}, monotonic_s=itertools.count(0, 1).__next__)
    monkeypatch.setattr(kept_parts, "read_part", read_slowly)
    monkeypatch.setattr(sites_watcher, "_EDIT_WAIT_S", 0.01)
    write(file, B)
    assert [[site.name for site in watcher.without_waiting().sites] for _ in range(3)] == 3 * [["a"]]
    was_looking = watcher.is_looking
    may_end.set()
    assert names(watcher) == ["b"]
    assert (was_looking, watcher.is_looking) == (True, False)
    assert [site.name for site in watcher.without_waiting().sites] == ["b"]


def test_several_may_ask_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unstarted = threading.Thread()

    class WhileAnotherBegins(threading.Thread):
        def start(self) -> None:
            super().start()
            following._looking = unstarted  # as another one does just before he starts it

    following = SitesWatcher({"CONF_DIR": str(file.parent)}, monotonic_s=itertools.count(0, 1).__next__)
    write(file, B)
    monkeypatch.setattr("sitemon.config.sites_watcher.threading.Thread", WhileAnotherBegins)
    following.without_waiting()
    assert [site.name for site in following.without_waiting().sites] == ["b"]


def test_while_an_edit_is_read_other_threads_wait_half_a_millisecond_for_their_turn(
    file: Path, watcher: SitesWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns_s: list[float] = []

    def noting(*given: Any) -> Part:
        turns_s.append(sys.getswitchinterval())
        return read_part(*given)

    usual_s = sys.getswitchinterval()
    monkeypatch.setattr(kept_parts, "read_part", noting)
    for content in (B, BAD):
        write(file, content)
        watcher.refresh()
        assert sys.getswitchinterval() == usual_s
    assert turns_s == pytest.approx([0.0005] * 2)


def test_edits_that_take_long_to_judge_leave_time_between(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, cpu_s = 0.0, itertools.count(0, 2)
    watcher = SitesWatcher({"CONF_DIR": str(file.parent)}, monotonic_s=lambda: now_s)
    monkeypatch.setattr(sites_watcher, "clock", SimpleNamespace(thread_cpu_s=cpu_s.__next__))
    monkeypatch.setattr(kept_parts, "read_part", lambda *given: read_part(*given)._replace(took_s=0.0))
    write(file, B)
    assert names(watcher) == ["b"]
    write(file, A)
    for moment_s in (1.0, 9.9):
        now_s = moment_s
        assert [site.name for site in watcher.current().sites] == ["b"]
        assert names(watcher) == ["b"]
    now_s = 10.1
    assert names(watcher) == ["a"]


def test_while_an_edit_takes_long_to_read_nobody_waits_for_it_without_end(
    watcher: SitesWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites_watcher, "_REFRESH_WAIT_S", 0.01)
    with watcher._lock:
        assert names(watcher) == ["a"]


def test_nor_does_who_comes_first(file: Path, watcher: SitesWatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def read_slowly(*given: Any) -> Part:
        assert may_end.wait(10)
        return read_part(*given)

    monkeypatch.setattr(kept_parts, "read_part", read_slowly)
    monkeypatch.setattr(sites_watcher, "_REFRESH_WAIT_S", 0.01)
    write(file, B)
    assert names(watcher) == ["a"]
    may_end.set()
    monkeypatch.undo()
    assert names(watcher) == ["b"]


def test_the_set_is_the_same_object_while_nothing_changes(watcher: SitesWatcher) -> None:
    assert watcher.refresh() is watcher.refresh()


def test_a_bad_edit_keeps_the_old_set_and_is_logged_once(
    file: Path, watcher: SitesWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, BAD)
    assert names(watcher) == names(watcher) == ["a"]
    (said,) = logged(caplog, "config.")
    assert "sites.yaml:1: b: intervall: unknown field; did you mean interval?" in said
    write(file, B)
    assert names(watcher) == ["b"]


def test_a_mistake_of_ours_keeps_the_old_set_too(
    file: Path, watcher: SitesWatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(kept_parts, "read_part", Mock(side_effect=KeyError("no such key")))
        write(file, B)
        assert names(watcher) == names(watcher) == ["a"]
    assert len(logged(caplog, "config.sites_failed")) == 1
    write(file, B + "\n")
    assert names(watcher) == ["b"]


def test_a_file_that_vanishes_keeps_the_old_set_and_is_logged_once(
    file: Path, watcher: SitesWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    file.unlink()
    assert names(watcher) == names(watcher) == ["a"]
    assert len(logged(caplog, "config.sites_kept")) == 1
    write(file, B)
    assert names(watcher) == ["b"]


def test_a_named_file_that_vanishes_keeps_the_old_set(file: Path) -> None:
    watcher = SitesWatcher({"SITEMON_SITES": str(file)})
    file.unlink()
    assert names(watcher) == ["a"]


def test_a_file_being_written_is_not_taken_up_before_it_rests(file: Path, watcher: SitesWatcher) -> None:
    write(file, "", is_settled=False)
    assert names(watcher) == ["a"]
    write(file, B, is_settled=False)
    assert names(watcher) == ["a"]
    assert names(watcher) == ["b"]


def test_sites_can_be_emptied_on_purpose(file: Path, watcher: SitesWatcher) -> None:
    write(file, "sites: []")
    assert names(watcher) == []


def test_it_looks_at_most_about_once_a_second(file: Path) -> None:
    now_s = 100.0
    watcher = SitesWatcher({"CONF_DIR": str(file.parent)}, monotonic_s=lambda: now_s)
    write(file, B)
    now_s += LOOK_EVERY_S / 2
    assert [site.name for site in watcher.current().sites] == ["a"]
    now_s += LOOK_EVERY_S
    assert [site.name for site in watcher.current().sites] == ["b"]


def test_files_of_a_folder_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "sites.d"
    folder.mkdir()
    write(folder / "a.yaml", A)
    watcher = SitesWatcher({"CONF_DIR": str(tmp_path)})
    write(folder / "b.yaml", B)
    os.utime(folder, (1, 1))
    assert names(watcher) == ["a", "b"]
    (folder / "a.yaml").unlink()
    assert names(watcher) == ["a", "b"]
    assert names(watcher) == ["b"]


def test_who_writes_his_file_again_and_again_keeps_the_edit_of_no_other_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = 0.0
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: now_s)
    write(folder / "b.yaml", B_AND_C)
    taken_up = []
    for n in range(6):
        write(folder / "a.yaml", ["", BAD, A.replace("name: a", f"name: a{n}")][n % 3], is_settled=False)
        taken_up.append(names(watcher))
        now_s += LOOK_EVERY_S
    assert taken_up == 3 * [["a", "b"]] + 3 * [["a", "b", "c"]]
    said = "config.sites_restless: is written again and again, and used as before"
    assert caplog.messages == [f"{said}: {folder / 'a.yaml'}"]
    assert names(watcher) == ["a5", "b", "c"]


def test_nor_does_who_takes_it_away_and_puts_it_back(folder: Path) -> None:
    now_s = 0.0
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: now_s)
    write(folder / "b.yaml", B_AND_C)
    taken_up = []
    for n in range(5):
        if n % 2:
            (folder / "a.yaml").unlink()
        else:
            write(folder / "a.yaml", A, is_settled=False)
        taken_up.append(names(watcher))
        now_s += LOOK_EVERY_S
    assert taken_up == 3 * [["a", "b"]] + 2 * [["a", "b", "c"]]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        BAD,
        "sites:\n" + 1_001 * "- {}\n",
        A.replace("name: a", "name: b"),
        f"sites: [{{name: a, url: http://a/, regions: [{', '.join(f'r{n}' for n in range(99))}]}}]",
        A.replace("}", ", depends_on: [nobody]}"),
    ],
    ids=["no yaml", "a mistake", "very many", "a name of another", "too many regions", "depends on nobody"],
)
def test_a_file_with_mistakes_keeps_the_edit_of_no_other_out(
    folder: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    write(folder / "b.yaml", B.replace("}", ", regions: [eu, us]}"))
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    write(folder / "a.yaml", content)
    assert names(watcher) == ["a", "b"]
    write(folder / "b.yaml", B_AND_C.replace("}", ", regions: [eu, asia]}"))
    assert names(watcher) == names(watcher) == ["a", "b", "c"]
    [said] = caplog.messages
    assert said.startswith(f"config.sites_kept: the edit was not taken up: {folder / 'a.yaml'}:")
    write(folder / "a.yaml", A.replace("name: a", "name: d"))
    assert names(watcher) == ["b", "c", "d"]


def test_nor_where_both_are_edited_at_once(folder: Path) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    write(folder / "a.yaml", A.replace("}", ", intervall: 1}"))
    write(folder / "b.yaml", B_AND_C)
    assert names(watcher) == ["a", "b", "c"]


def test_nor_does_one_with_very_many_files_of_certificates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_room, "MOST_FILES", 1)
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    ca_file = Authority(folder, datetime(2026, 11, 24, tzinfo=UTC)).file
    write(folder / "a.yaml", f"sites: [{{name: a, url: https://a/, tls: {{ca_file: {ca_file}}}}}]")
    write(folder / "b.yaml", B_AND_C)
    assert names(watcher) == ["a", "b", "c"]


def test_who_takes_a_site_out_on_which_another_depends_keeps_out_nobody(folder: Path) -> None:
    write(folder / "a.yaml", A.replace("}", ", depends_on: [c]}"))
    write(folder / "b.yaml", B_AND_C)
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    write(folder / "b.yaml", B.replace("}", ", enabled: false}"))
    assert names(watcher) == ["a", "b"]
    assert not watcher.refresh().by_name["b"].enabled
    write(folder / "a.yaml", A)
    assert names(watcher) == ["a", "b"]


def test_no_site_goes_on_its_way_into_a_file_with_mistakes(folder: Path) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    (folder / "a.yaml").unlink()
    write(folder / "b.yaml", "sites: []")
    write(folder / "c.yaml", "sites: [{name: a, url: http://a/}, {name: b}]")
    assert names(watcher) == names(watcher) == ["a", "b"]
    write(folder / "c.yaml", A)
    assert names(watcher) == ["a"]


def test_an_edit_of_several_files_is_taken_up_once_all_of_them_rest(folder: Path) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)}, monotonic_s=lambda: 0.0)
    write(folder / "a.yaml", "")
    write(folder / "b.yaml", "sites: [{name: a, url: http://a/}, {name: b, url: http://b/}]\n", is_settled=False)
    before = watcher.current()
    assert watcher.refresh() is before
    assert [site.file for site in watcher.refresh().sites] == [str(folder / "b.yaml")] * 2


def test_a_ca_file_that_appears_mends_a_bad_edit(file: Path, watcher: SitesWatcher) -> None:
    write(file, "sites: [{name: tls, url: https://a/, tls: {ca_file: ca.pem}}]")
    assert names(watcher) == ["a"]
    authority = Authority(file.parent, datetime(2026, 11, 24, tzinfo=UTC))
    os.utime(authority.file, (1, 1))
    assert names(watcher) == ["tls"]


def test_a_new_ca_file_makes_a_new_set(file: Path) -> None:
    authority = Authority(file.parent, datetime(2026, 11, 24, tzinfo=UTC))
    os.utime(authority.file, (1, 1))
    write(file, "sites: [{name: tls, url: https://a/, tls: {ca_file: ca.pem}}]")
    watcher = SitesWatcher({"CONF_DIR": str(file.parent)})
    before = watcher.refresh()
    assert watcher.refresh() is before
    Authority(file.parent, datetime(2026, 11, 25, tzinfo=UTC))
    os.utime(authority.file, (2, 2))
    assert watcher.refresh() is not before


def test_no_sites_at_the_start_are_warned_about_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(tmp_path)})
    assert names(watcher) == names(watcher) == []
    assert len(logged(caplog, "config.no_sites")) == 1


def test_mistakes_at_the_start_are_raised(file: Path) -> None:
    write(file, BAD)
    with pytest.raises(ConfigurationError):
        SitesWatcher({"CONF_DIR": str(file.parent)})
