"""All of a file is in memory before its sites are counted: who may have few of them can fill little of it."""

import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitemon.config import site_reader
from sitemon.config.documents import Document, read_document
from sitemon.config.site_parts import Part, read_part
from sitemon.config.sites import load_sites

FEW = {"SITEMON_SITES_PER_FILE": "10"}
MOST_VALUES = 20_600
PUBLIC = {"SITEMON_ADDRESS_POLICY": "public"}
SEE = ": see SITEMON_SITES_PER_FILE"
TOO_MANY = f"more than 20,600 values, each list and mapping as two{SEE}"
TOO_LONG = f"longer than 1.02 MiB{SEE}"

HOSTILE = {
    "mappings": ("a.yaml", "sites: [" + "{a: 1}," * 20_000 + "]", TOO_MANY),
    "names of fields": ("a.yaml", "sites: [{" + ",".join(f"a{n}: b" for n in range(40_000)) + "}]", TOO_MANY),
    "what is no site": ("a.yaml", "x: [" + "1," * 80_000 + "]", TOO_MANY),
    "merged mappings": (
        "a.yaml",
        "defaults: &d {" + ",".join(f"a{n}: b" for n in range(300)) + "}\nsites:\n" + "- {<<: *d}\n" * 500,
        "the aliases stand for too many values",
    ),
    "texts by aliases": (
        "a.yaml",
        f"defaults: &d {{x: {'x' * 50_000}}}\nsites:\n- x: [{'*d, ' * 100}]\n",
        "the aliases stand for too much text",
    ),
    "wide letters": ("a.yaml", f"# \U0001f600{'x' * (4 << 20)}\n", TOO_LONG),
    "texts": ("a.json", json.dumps({"sites": [f"{n}" for n in range(100_000)]}), TOO_MANY),
    "objects": ("a.json", json.dumps({"sites": [{}] * 150_000}), TOO_MANY),
    "blanks": ("a.json", f'{{"\U0001f600": 1}}{" " * (4 << 20)}', TOO_LONG),
}
OF_A_REFUSAL = 5 << 20
"""Bytes: 4 MiB of a file with mistakes are looked through for names. To build these took 6 to 40 MB."""


@pytest.mark.parametrize(("name", "words", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_what_needs_more_than_sites_need_is_refused_before_it_is_built(
    tmp_path: Path, name: str, words: str, problem: str
) -> None:
    (tmp_path / name).write_text(words)

    def read() -> Part:
        return read_part(tmp_path / name, FEW, ())

    assert [mistake.problem for mistake in read().mistakes] == [problem]
    tracemalloc.start()
    try:
        read()
        assert tracemalloc.get_traced_memory()[1] < OF_A_REFUSAL
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_as_much_as_they_need_is_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    for number, problem in ((MOST_VALUES - 7, "expected a mapping, not a number"), (MOST_VALUES, TOO_MANY)):
        file.write_text('{"sites": [' + "1," * number + "1]}")
        assert read_part(file, FEW, ()).mistakes[0].problem == problem


def test_who_may_have_more_sites_has_more_room(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text("sites: []\nx: [" + "1," * 30_000 + "]\n#" + "x" * (2 << 20))
    for environ, problem in (
        (FEW, TOO_LONG),
        ({"SITEMON_SITES_PER_FILE": "100"}, f"longer than 1.2 MiB{SEE}"),
        (PUBLIC, "unknown field"),
        ({"SITEMON_SITES_PER_FILE": "10000000"}, "unknown field"),
        ({}, "unknown field"),
    ):
        (mistake,) = read_part(tmp_path / "sites.yaml", environ, ()).mistakes
        assert mistake.problem == problem


def rich(number: int) -> dict[str, Any]:
    """Return a site that says by itself all that is usual."""
    return {
        "name": f"shop-{number}-checkout",
        "url": f"https://checkout-{number}.shop.example.com/api/v2/health?verbose=true",
        "interval": "30s",
        "timeout": "10s",
        "regions": ["hel"],
        "labels": {"team": "checkout", "environment": "production", "service": f"checkout-{number}", "tier": "1"},
        "headers": {"Accept": "application/json", "X-Trace": f"monitoring-{number}"},
        "expect": {
            "status": [200, "204-206"],
            "json": [{"path": "$.status", "equals": "ok"}, {"path": "$.queue.length", "less_than": 500}],
            "max_latency": "2s",
            "cert_days": 14,
        },
        "down_after": 3,
        "alerts": ["checkout-on-call"],
        "slo": 99.9,
    }


@pytest.mark.parametrize("name", ["sites.yaml", "sites.json"])
def test_there_is_room_for_two_thousand_sites_of_which_each_says_all_that_is_usual(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps({"sites": [rich(number) for number in range(2_000)]}, indent=2))
    assert len(load_sites({"CONF_DIR": str(tmp_path)} | PUBLIC).sites) == 2_000


def nodes_there() -> list[yaml.Node]:
    return [one for one in gc.get_objects() if isinstance(one, yaml.Node)]


def test_of_files_that_were_read_no_nodes_are_there_while_the_next_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a start, which reads all of them, they took nine tenths of its memory."""
    of_other_tests = nodes_there()
    nodes: list[int] = []

    def counted(file: Path, most_sites: int | None) -> Document:
        nodes.append(len(nodes_there()) - len(of_other_tests))
        return read_document(file, most_sites)

    monkeypatch.setattr(site_reader, "read_document", counted)
    for number in range(3):
        (tmp_path / f"{number}.yaml").write_text(json.dumps({"sites": [rich(number)]}))
    load_sites({"SITEMON_SITES": str(tmp_path)})
    assert nodes == [0, 0, 0]
