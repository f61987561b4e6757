"""A file of sites that takes long to read is at fault itself, and holds up no other."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitemon.clock import thread_cpu_s
from sitemon.config import site_reader, site_values
from sitemon.config.site_parts import read_part

RULE = "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;INTERVAL={}"
WINDOW = {"start": "2026-11-29T02:00", "duration": "1h"}


def written(folder: Path, sites: list[dict[str, Any]], **top: Any) -> Path:
    file = folder / "sites.json"
    own = [{"name": f"s{place}", "url": f"http://host{place}.example/", **one} for place, one in enumerate(sites)]
    file.write_text(json.dumps({"sites": own} | top, indent=1))
    return file


def regexes(count: int) -> dict[str, Any]:
    return {"expect": {"json": [{"path": "$.a", "matches": rf"{count}-{n}\pL{{9}}"} for n in range(300)]}}


def of_headers(count: int) -> dict[str, Any]:
    return {"expect": {"headers": {f"x{n}": {"matches": rf"{n}-{count}\pL{{9}}"} for n in range(500)}}}


def paths(count: int) -> dict[str, Any]:
    nested = "[?length(" + "length(" * 19 + "@.a" + ")" * 20 + "==1]"
    return {"expect": {"json": [{"path": f"$.a{count}_{n}{nested}", "exists": True} for n in range(90)]}}


def rules(count: int) -> dict[str, Any]:
    return {"maintenance": [WINDOW | {"rrule": RULE.format(1_000 + 20 * count + n)} for n in range(20)]}


@pytest.mark.parametrize("costly", [regexes, of_headers, paths, rules])
def test_it_is_read_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, costly: Callable[[int], dict[str, Any]]
) -> None:
    monkeypatch.setattr(site_reader, "_READ_S", 0.1)
    monkeypatch.setattr(site_reader, "_READ_S_A_BYTE", 0)
    file = written(tmp_path, [{}, *map(costly, range(40)), {"timeout": "no"}])
    began_s = thread_cpu_s()
    part = read_part(file, {}, ())
    assert thread_cpu_s() - began_s < 1.5
    assert not part.is_fit
    assert part.mistakes[-1].problem == "nothing is read from here on: the file takes too long to read"
    assert part.mistakes[-1].line is not None


@pytest.mark.parametrize(
    ("costly", "place"),
    [
        (regexes, "expect.json[1]"),
        (of_headers, "expect.headers.x2.matches"),
        (paths, "expect.json[2]"),
        (rules, "maintenance"),
    ],
)
def test_the_place_is_told_at_which_it_has_had_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, costly: Callable[[int], dict[str, Any]], place: str
) -> None:
    looks_s = itertools.count().__next__
    looked_at = SimpleNamespace(monotonic_s=looks_s, thread_cpu_s=looks_s)
    monkeypatch.setattr(site_reader, "clock", looked_at)
    monkeypatch.setattr(site_values, "clock", looked_at)
    monkeypatch.setattr(site_reader, "_READ_S", 5)
    monkeypatch.setattr(site_reader, "_READ_S_A_BYTE", 0)
    (mistake,) = read_part(written(tmp_path, [costly(0)]), {}, ()).mistakes
    assert mistake.field == f"s0: {place}"
    assert mistake.problem == "takes too long to read, with all that stands before it"


def test_so_it_is_in_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_reader, "_READ_S", 0)
    monkeypatch.setattr(site_reader, "_READ_S_A_BYTE", 0)
    part = read_part(written(tmp_path, [{}], defaults={"timeout": 5}), {}, ())
    assert [(one.field, one.problem.partition(",")[0]) for one in part.mistakes] == [
        ("defaults.timeout", "takes too long to read"),
        ("sites[0]", "nothing is read from here on: the file takes too long to read"),
    ]


def filters(count: int) -> dict[str, Any]:
    tested = [{"path": f"$[?@.a{count}_{n}==1&&@.b||@.c&&@.d||@.e]", "exists": True} for n in range(50)]
    return {"expect": {"json": tested}}


def test_paths_with_filters_take_several_times_what_usual_sites_take(tmp_path: Path) -> None:
    """So that the time which a file has is enough for the latter, and not for a file that is full of the former."""

    def s_a_byte(sites: list[dict[str, Any]]) -> float:
        file = written(tmp_path, sites)
        part = read_part(file, {}, ())
        assert len(part.sites) == len(sites)
        return part.took_s / file.stat().st_size

    own = [{"match": f"in stock: {place}", "labels": {"shop": str(place)}} for place in range(2_000)]
    assert s_a_byte([*map(filters, range(60))]) > 3 * s_a_byte(own)
