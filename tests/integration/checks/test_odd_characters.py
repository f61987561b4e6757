"""Odd characters in what a site asks for: recorders can read whatever becomes of those that are taken.

Most of what comes to a recorder must be readable, or it ends: one file of sites could have it do so.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sitemon import clock
from sitemon.checks.once import observe
from sitemon.checks.result_of import result_of
from sitemon.config.sites import load_sites
from sitemon.local import behaviours
from sitemon.model.errors import ConfigurationError
from sitemon.model.result import Kind, decode, encode
from sitemon.model.site import Site
from tests.integration.checks.conftest import ServerFactory

CHARACTERS: Final = ["\0", "\x01", "\x7f", "\x85", "\ud800", "\U0010ffff", "\n"]
PAGE: Final = b'{"a": "x\\u0000y", "b": 1}'


def _expecting(**expected: Any) -> dict[str, Any]:
    return {"expect": expected}


FIELDS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "match": lambda odd: {"match": f"q{odd}"},
    "not_match": lambda odd: _expecting(not_match=f"(x{odd}|y)"),
    "header": lambda odd: _expecting(headers={"X-A": f"q{odd}"}),
    "header matches": lambda odd: _expecting(headers={"X-A": {"matches": f"q{odd}"}}),
    "json equals": lambda odd: _expecting(json=[{"path": "$.a", "equals": {f"q{odd}": odd}}]),
    "json matches": lambda odd: _expecting(json=[{"path": "$.a", "matches": f"q{odd}"}]),
    "json path": lambda odd: _expecting(json=[{"path": f"$['a{odd}']", "exists": True}]),
    "method": lambda odd: {"method": f"GE{odd}T"},
    "header of the request": lambda odd: {"headers": {"X-B": f"a{odd}b"}},
    "records": lambda odd: (
        {"url": "dns://127.0.0.1:1/b.example?type=TXT", "timeout": "0.2s"} | _expecting(records=[f"a{odd}b"])
    ),
    "proxy": lambda odd: {"proxy": f"http://127.0.0.1:1/{odd}"},
    "name": lambda odd: {"name": f"shop{odd}"},
    "labels": lambda odd: {"labels": {"team": f"a{odd}"}},
}


def sites_with(url: str, folder: Path) -> Iterator[Site]:
    """Read a site with each character in each field; give those that are taken."""
    for field in FIELDS.values():
        for odd in CHARACTERS:
            file = folder / "sites.json"
            file.write_text(json.dumps({"sites": [{"name": "shop", "url": url, **field(odd)}]}))
            try:
                yield from load_sites({}, file).sites
            except ConfigurationError:
                continue


def test_each_result_is_one_that_is_recorded(serve: ServerFactory, tmp_path: Path) -> None:
    url = serve(behaviours.answering(behaviours.response(PAGE))).url()
    results = [
        result_of(observe(site), site, region="default", kind=Kind.SCHEDULED, slot_at=clock.utc_now())
        for site in sites_with(url, tmp_path)
    ]
    assert [decode(encode(one)) for one in results] == results
    assert len(results) > len(FIELDS)


@pytest.mark.parametrize("field", ["match", "not_match", "header matches", "json matches"])
def test_a_regex_with_a_nul_is_refused(field: str, tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    file.write_text(json.dumps({"sites": [{"name": "shop", "url": "http://shop.example/", **FIELDS[field]("\0")}]}))
    with pytest.raises(ConfigurationError, match=r"expected a regex without NUL characters \(\\x00 finds one\)"):
        load_sites({}, file)
