"""A site is as long as each check may take time for, and its results are as short as what is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from sitemon.clock import thread_cpu_s
from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.errors import ConfigurationError
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Certificate, decode, encode
from sitemon.model.schedule import Started, encode_event
from sitemon.model.site import Site
from sitemon.record.batch import MAX_VALUE_BYTES
from sitemon.record.notices import sort_out_notices
from sitemon.stream.consumer import Message
from tests.results import a_result, this_hour
from tests.unit.record.stage import TOPICS

URL = "http://a.example/"
LETTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 2_600)))
CONTROL = "\x01"
"""It takes six bytes in JSON."""


def load(folder: Path, *sites: dict[str, Any]) -> SiteSet:
    file = folder / "sites.json"
    file.write_text(json.dumps({"sites": sites}))
    return load_sites({}, file)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"url": URL + "x" * 8_000}, "a: url: expected a URL of at most 8,000 bytes"),
        ({"url": URL + "?x=" + "\u00e9" * 4_000}, "a: url: expected a URL of at most 8,000 bytes"),
        ({"match": "x" * 4_096}, "a: match: expected a regex of at most 4 KiB"),
        ({"match": CONTROL * 700}, "a: match: expected a regex of at most 4 KiB"),
        ({"expect": {"not_match": "x" * 4_096}}, "a: expect.not_match: expected a regex of at most 4 KiB"),
        ({"headers": {"Cookie": "x" * 16_384}}, "a: headers: expected headers of 16 KiB in all at most"),
        (
            {"headers": {f"x{n}": "x" * 200 for n in range(100)}},
            "a: headers: expected headers of 16 KiB in all at most",
        ),
        ({"headers": {f"x{n}": "x" for n in range(101)}}, "a: headers: expected at most 100 headers"),
        ({"expect": {"status": [200] * 20_000}}, "a: : expected at most 64 KiB in all, but for its body"),
        ({"expect": {"status": [200] * 1_000}}, "a: : expected at most 1,000 values in all, but for its body"),
        (
            {
                "alerts": {
                    "channels": ["a"],
                    "escalate": [{"after": "5m", "channels": [f"c{n}" for n in range(98)]}] * 11,
                }
            },
            "a: : expected at most 1,000 values in all, but for its body",
        ),
        ({"regions": [f"r{n}" for n in range(101)]}, "a: regions: expected at most 100 regions of all sites together"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_that_is_too_long_is_a_mistake(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {"name": "a", "url": URL} | fields)
    assert [str(mistake).partition(": ")[2] for mistake in caught.value.mistakes] == [problem]


def test_the_headers_of_a_site_count_with_those_of_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    defaults = {"headers": {f"x{n}": "x" for n in range(60)}}

    def read(first: int) -> SiteSet:
        site = {"name": "a", "url": URL, "headers": {f"X{n}": "y" for n in range(first, first + 60)}}
        file.write_text(json.dumps({"defaults": defaults, "sites": [site]}))
        return load_sites({}, file)

    assert len(read(40).by_name["a"].headers) == 100
    with pytest.raises(ConfigurationError) as caught:
        read(41)
    (mistake,) = caught.value.mistakes
    assert str(mistake).endswith("a: headers: expected at most 100 headers, with those of the defaults")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"url": f"http://{LETTERS}/"}, "a: url: expected a URL such as https://example.org/path"),
        ({"url": f"http://{LETTERS[:64]}.example/"}, "a: url: expected a URL such as https://example.org/path"),
        ({"url": f"http://{'shöp.' * 60}example/"}, "a: url: expected a URL such as https://example.org/path"),
        ({"url": f"dns://192.0.2.53/{LETTERS}"}, "a: url: expected a URL such as dns://192.0.2.53/"),
        ({"proxy": f"http://{LETTERS}:3128"}, "a: proxy: expected "),
        ({"tls": {"server_name": LETTERS}}, "a: tls.server_name: expected a host name such as shop.example"),
    ],
    ids=["host", "label", "many labels", "domain name", "proxy", "server name"],
)
def test_a_name_that_is_too_long_is_refused_at_once(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    began_s = thread_cpu_s()
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {"name": "a", "url": "https://a.example/"} | fields)
    assert thread_cpu_s() - began_s < 0.2
    assert [str(mistake).partition(": ")[2].startswith(problem) for mistake in caught.value.mistakes] == [True]


def test_a_name_in_other_letters_may_be_as_long_as_any(tmp_path: Path) -> None:
    assert load(tmp_path, {"name": "a", "url": f"http://{'ü' * 55}.{'é' * 55}.example./"}).sites


def test_a_body_may_be_long(tmp_path: Path) -> None:
    assert load(tmp_path, {"name": "a", "url": URL, "method": "POST", "body": "x" * 100_000}).sites


def test_regions_of_all_sites_are_counted(tmp_path: Path) -> None:
    sites = [{"name": f"s{n}", "url": URL, "regions": [f"r{n % 100}"]} for n in range(200)]
    assert len(load(tmp_path, *sites).sites) == 200
    with pytest.raises(ConfigurationError):
        load(tmp_path, *sites, {"name": "more", "url": URL, "regions": ["another"]})


def test_and_so_are_those_of_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    defaults = {"regions": [f"r{n}" for n in range(101)]}
    file.write_text(json.dumps({"defaults": defaults, "sites": [{"name": "a", "url": URL}]}))
    with pytest.raises(ConfigurationError, match="expected at most 100 regions of all sites together"):
        load_sites({}, file)


@pytest.mark.parametrize("match", [CONTROL * 680, "x" * 4_094])
def test_the_longest_result_of_the_longest_site_is_recorded(tmp_path: Path, match: str) -> None:
    longest = {"name": "x" * 200, "url": URL + '"' * (8_000 - len(URL)), "match": match}
    [site] = load(tmp_path, longest).sites
    result = the_longest_result(site)
    value = encode(result)
    assert len(value) <= MAX_VALUE_BYTES
    assert decode(value) == result


def test_the_longest_labels_of_a_site_and_of_the_defaults_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    own, common = ({name: "\u00e9" * 2_042} for name in "ab")
    sites = [{"name": "a", "url": URL, "labels": own}]
    file.write_text(json.dumps({"defaults": {"labels": common}, "sites": sites}))
    [site] = load_sites({}, file).sites
    assert site.labels == own | common
    event = Started(site="a", region="eu", at_ms=1, interval_ms=60_000, from_slot_ms=1, labels=site.labels)
    message = Message(TOPICS.schedule, 0, 1, b"k", encode_event(event), 1)
    assert sort_out_notices([message], TOPICS, 10).notices == [event]


def the_longest_result(site: Site) -> Any:
    certificate = Certificate(
        subject=CONTROL * 256, issuer=CONTROL * 256, begins_at=this_hour(), expires_at=this_hour()
    )
    wide = "\U0001f600"
    return a_result(
        site.name,
        url=site.display_url,
        match=site.match,
        region="x" * 64,
        outcome=Outcome.DOWN,
        reason=Reason.PROTOCOL_ERROR,
        ip="2001:db8:2001:db8:2001:db8:192.168.100.100",
        error=wide * 200,
        excerpt=wide * 512,
        certificates=(certificate,) * 8,
    )
