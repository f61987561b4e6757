"""However many mistakes a file of sites has: to say what is wrong takes no longer than to read one that is right."""

import difflib
import json
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError

SITES = 2_000


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Mock:
    compare = Mock(wraps=difflib.get_close_matches)
    monkeypatch.setattr(difflib, "get_close_matches", compare)
    return compare


def mistakes(folder: Path, fields: Callable[[int], str]) -> list[str]:
    """Return what is said of sites that have these fields too."""
    file = folder / "sites.yaml"
    lines = [f"- {{name: s{n}, url: http://s/, {fields(n)}}}\n" for n in range(SITES)]
    file.write_text("sites:\n" + "".join(lines))
    with pytest.raises(ConfigurationError) as caught:
        load_sites({}, file)
    return [str(mistake).removeprefix(str(file)) for mistake in caught.value.mistakes]


def test_names_that_nobody_has_are_compared_with_all_others_now_and_then(tmp_path: Path, compare: Mock) -> None:
    found = mistakes(tmp_path, lambda n: f"depends_on: [s{n}x]")
    assert len(found) == 1_000
    assert found[0] == ":2: s0: depends_on: there is no site s0x; did you mean s0?"
    assert found[-1] == ":1001: s999: depends_on: there is no site s999x"
    assert sum(len(call.args[1]) for call in compare.call_args_list) <= 302_000


def test_of_thousands_of_rings_some_are_told(tmp_path: Path) -> None:
    found = mistakes(tmp_path, lambda n: f"depends_on: [s{n ^ 1}]")
    assert len(found) == 100
    assert found[1] == ":4: s2: depends_on: expected no ring: s2 depends on s3 depends on s2"


def test_a_long_ring_is_told_briefly(tmp_path: Path) -> None:
    [found] = mistakes(tmp_path, lambda n: f"depends_on: [s{(n + 1) % SITES}]")
    assert found.startswith(":2: s0: depends_on: expected no ring: s0 depends on s1 depends on")
    assert found.endswith("depends on … depends on s0")
    assert len(found) < 500


def test_after_a_thousand_nothing_more_is_read(tmp_path: Path, compare: Mock) -> None:
    found = mistakes(tmp_path, lambda n: f"intervall{n}: 1")
    assert len(found) == 1_001
    assert found[-1] == ":1002: sites[1000]: nothing is read from here on: there are mistakes enough"
    assert compare.call_count == 1_000


@pytest.mark.parametrize(
    ("name", "words"), [("sites.yaml", "x: 1\n" * 2_000), ("sites.json", "{" + '"x": 1,\n' * 2_000 + '"x": 1}')]
)
def test_of_keys_that_stand_twice_a_thousand_are_told(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text(words)
    with pytest.raises(ConfigurationError) as caught:
        load_sites({}, tmp_path / name)
    assert len(caught.value.mistakes) == 1_000
    assert str(caught.value.mistakes[0]) == f"{tmp_path / name}:2: x: stands twice; first on line 1"


@pytest.mark.parametrize("name", ["sites.yaml", "sites.json"])
def test_of_fields_that_nobody_knows_a_thousand_are_told(tmp_path: Path, compare: Mock, name: str) -> None:
    (tmp_path / name).write_text("{" + ",\n".join(f'"site{n}": 1' for n in range(2_000)) + "}")
    with pytest.raises(ConfigurationError) as caught:
        load_sites({}, tmp_path / name)
    assert len(caught.value.mistakes) == compare.call_count == 1_000
    assert str(caught.value.mistakes[-1]) == f"{tmp_path / name}:1000: site999: unknown field; did you mean sites?"


def test_a_long_name_is_compared_with_none(tmp_path: Path, compare: Mock) -> None:
    (tmp_path / "sites.json").write_text(json.dumps({"s" * 1_000_000: 1}))
    with pytest.raises(ConfigurationError, match="…: unknown field"):
        load_sites({}, tmp_path / "sites.json")
    assert not compare.called


@pytest.mark.parametrize(
    ("pattern", "is_of_python"),
    [("(?=a)", True), ("(?<!a)", True), (r"(a)\1", True), ("(?P<a>.)(?P=a)", True), ("a**", False), ("(?i", False)],
)
def test_python_is_asked_for_no_opinion_of_a_regex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, is_of_python: bool
) -> None:
    monkeypatch.setattr(re, "compile", Mock(side_effect=AssertionError))
    (found, *_) = mistakes(tmp_path, lambda n: f"match: '{pattern}'")
    assert ": s0: match: not a valid regex: " in found
    assert found.endswith("; lookaround and backreferences are not supported") == is_of_python


def test_what_is_merged_is_merged_once(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text("defaults: {<<: {}, !!merge a: {}}\n")
    with pytest.raises(ConfigurationError, match=":1: a: stands twice; first on line 1"):
        load_sites({}, tmp_path / "sites.yaml")


@pytest.mark.parametrize("fields", ["{}", "expect: {{{}}}"], ids=["of a site", "within a field"])
def test_nothing_has_hundreds_of_fields(tmp_path: Path, compare: Mock, fields: str) -> None:
    many = ", ".join(f"interval{n}: 1" for n in range(500))
    found = mistakes(tmp_path, lambda n: fields.format(many) if n == 0 else "method: GET")
    assert len(found) == 1
    assert "expected at most 100 fields" in found[0]
    assert not compare.called
