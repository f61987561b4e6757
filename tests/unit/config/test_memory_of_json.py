"""However a JSON file is made, and however much of it is wrong, to read it takes little more memory than its values."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from sitemon.config import documents
from sitemon.config.json_lines import JsonLines
from sitemon.config.sites import load_sites
from sitemon.config.values import ValuePath
from sitemon.model.errors import ConfigurationError

LENGTH = 100_000
OF_LINES = 15
"""Times the length of a text, for what is found of its lines. An object for each value took 22 to 98."""
OF_A_READ = 70
"""Times the length of a file. Lists in lists take 43, whoever reads them."""

OF_KEYS = 25


def filled(value: str) -> str:
    return ",".join([value] * (LENGTH // (len(value) + 1)))


LISTS = {
    "numbers": filled("0"),
    "objects": filled("{}"),
    "lists in lists": filled("[" * 60 + "]" * 60),
    "objects in objects": filled('{"":' * 60 + "0" + "}" * 60),
    "lines": "0," + "\n" * LENGTH + "0",
}


def peak_bytes(act: Callable[[], object]) -> int:
    act()  # what is kept for all files, such as what regexes are compiled to, is there then
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def ask(text: str, paths: list[ValuePath]) -> None:
    lines = JsonLines(text)
    for path in paths:
        lines.line_of(path)


@pytest.mark.parametrize("values", LISTS.values(), ids=LISTS)
def test_the_lines_of_a_list_take_a_few_bytes_for_each_value(values: str) -> None:
    paths: list[ValuePath] = [(place, "", "", 0) for place in range(1_000)]
    assert peak_bytes(lambda: ask(f"[{values}]", paths)) < OF_LINES * LENGTH


def test_so_do_those_of_an_object() -> None:
    mapping = {f"{number:x}": 0 for number in range(LENGTH // 8)}
    text = json.dumps(mapping, separators=(",", ":"))
    paths: list[ValuePath] = [(name,) for name in list(mapping)[:1_000]]
    assert peak_bytes(lambda: ask(text, paths)) < OF_LINES * len(text)


@pytest.mark.parametrize("values", LISTS.values(), ids=LISTS)
def test_a_file_of_a_thousand_mistakes_takes_little_more_than_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: str
) -> None:
    monkeypatch.setattr(documents, "_LONGEST", documents.Most(2 * LENGTH))  # for which there is room from the beginning
    (tmp_path / "sites.json").write_text(f'{{"sites": [{values}]}}')

    def load() -> None:
        with pytest.raises(ConfigurationError):
            load_sites({}, tmp_path / "sites.json")

    assert peak_bytes(load) < OF_A_READ * LENGTH


def test_a_key_that_stands_again_among_many_takes_no_more_than_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_LONGEST", documents.Most(2 * LENGTH))
    keys = ",".join(f'"{number:x}":0' for number in range(LENGTH // 8))
    (tmp_path / "sites.json").write_text(f'{{{keys},"0":0}}')

    def load() -> None:
        with pytest.raises(ConfigurationError, match=":1: 0: stands twice; first on line 1"):
            load_sites({}, tmp_path / "sites.json")

    assert peak_bytes(load) < OF_KEYS * LENGTH
