"""Every mistake in a file of sites is said in one line: file, line, site, field, what was expected.

One file of ``testdata`` a mistake, with the exact words that follow the file's name.
"""

import math
import os
from pathlib import Path
from typing import Final
from unittest.mock import Mock

import pytest

from sitemon.config import documents, site_reader
from sitemon.config.documents import read_document
from sitemon.config.sites import load_sites
from sitemon.config.values import DEEPEST
from sitemon.model.errors import ConfigurationError

TESTDATA: Final = Path(__file__).parent / "testdata"
DNS_URL: Final = (
    "expected a URL such as dns://192.0.2.53/example.org?type=A (A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SRV, TXT)"
)

ONE_KIND: Final = "expected path and one of equals, matches, exists, less_than, at_most, more_than, at_least"
EVERYWHERE: Final = "expected at most 2 places at which it looks everywhere (.. or, in a filter, $)"
OF_THE_PAGE: Final = "expected a regex in quotes as the second argument of match and search"

EXPECTED: Final = {
    "a_list.yaml": [":1: expected defaults: and sites:, not a list"],
    "alerts_not_a_list.yaml": [":4: a: alerts: expected a list of at most 100 channels of alerts.yaml, or off"],
    "alerts_number.yaml": [":4: a: alerts[1]: expected the name of a channel"],
    "alerts_on.yaml": [":2: defaults.alerts: expected a list of at most 100 channels of alerts.yaml, or off"],
    "auth_basic_and_bearer.yaml": [":4: a: auth: expected {basic: {username: …, password: …}} or {bearer: …}"],
    "auth_bearer_with_space.yaml": [":4: a: auth.bearer: expected a token without spaces, in ASCII"],
    "auth_beside_header.yaml": [":4: a: auth: stands twice, here and as the header Authorization"],
    "auth_password_like_a_tag.yaml": [
        (
            ":5: not valid YAML: could not determine a constructor for the tag "
            "(text that begins with ! or * belongs in quotes)"
        )
    ],
    "auth_password_missing.yaml": [":4: a: auth.basic.password: missing"],
    "auth_password_number.yaml": [":4: a: auth.basic.password: expected text, not a number (put it in quotes)"],
    "auth_scheme_misspelt.yaml": [":4: a: auth.baerer: unknown field; did you mean bearer?"],
    "auth_token_like_an_alias.yaml": [
        ":5: not valid YAML: found undefined alias (text that begins with ! or * belongs in quotes)"
    ],
    "auth_username_with_colon.yaml": [":4: a: auth.basic.username: expected a name without a colon"],
    "auth_variable_unset.yaml": [":5: a: auth.bearer: the environment variable NOT_SET is not set"],
    "body_form_number.yaml": [":4: a: body.form.n: expected text, not a number (put it in quotes)"],
    "body_json_date.yaml": [
        ":4: a: body.json.days[0]: expected what JSON has: text, numbers, lists and mappings, not a date"
    ],
    "body_kind_unknown.yaml": [":4: a: body.jsn: unknown field; did you mean json?"],
    "body_number.yaml": [":4: a: body: expected text, {json: …} or {form: …}"],
    "body_variable_unset.yaml": [":6: a: body.json.key: the environment variable NOT_SET is not set"],
    "body_with_a_wrong_tag.yaml": [": not valid YAML: a value is not of the type that its tag says"],
    "defaults_interval.yaml": [
        ":2: defaults.interval: expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds"
    ],
    "defaults_not_a_mapping.yaml": [":1: defaults: expected a mapping, not a list"],
    "defaults_with_name.yaml": [":3: defaults.name: belongs to a site, not to defaults"],
    "depends_on_a_ring.yaml": [":4: a: depends_on: expected no ring: a depends on b depends on c depends on a"],
    "depends_on_itself.yaml": [":4: a: depends_on: expected no ring: a depends on a"],
    "depends_on_number.yaml": [":4: a: depends_on[0]: expected the name of a site"],
    "depends_on_text.yaml": [":4: a: depends_on: expected a list of at most 20 names of sites"],
    "depends_on_unknown.yaml": [":4: a: depends_on: there is no site gatewey; did you mean gateway?"],
    "enabled_word.yaml": [":4: a: enabled: expected true or false, not other text"],
    "expect_body_size_over_max_body.yaml": [
        ":5: a: expect.body_size: expected less than max_body, 1024 bytes: no more is read"
    ],
    "expect_cert_days_fraction.yaml": [":4: a: expect.cert_days: expected a whole number from 1 to 3650"],
    "expect_header_kind_unknown.yaml": [":4: a: expect.headers.X-App.match: unknown field; did you mean matches?"],
    "expect_header_number.yaml": [":4: a: expect.headers.X-App: expected text, not a number (put it in quotes)"],
    "expect_header_of_two_kinds.yaml": [
        ":4: a: expect.headers.X-App: expected text, {matches: …} or {exists: true or false}"
    ],
    "expect_header_regex.yaml": [":6: a: expect.headers.X-App.matches: not a valid regex: missing ): ("],
    "expect_header_twice.yaml": [
        ":4: a: expect.headers.x-app: stands twice; upper and lower case are the same in a header's name"
    ],
    "expect_json_field_misspelt.yaml": [":4: a: expect.json[0].equal: unknown field; did you mean equals?"],
    "expect_json_function_unknown.yaml": [
        ":4: a: expect.json[0].path: not a valid JSON path (RFC 9535): function 'starts' is not defined"
    ],
    "expect_json_not_a_list.yaml": [
        ":4: a: expect.json: expected a list of at least one path such as {path: $.status, equals: ok}"
    ],
    "expect_json_number.yaml": [":4: a: expect.json[0].less_than: expected a number"],
    "expect_json_of_no_kind.yaml": [f":4: a: expect.json[0]: {ONE_KIND}"],
    "expect_json_of_two_kinds.yaml": [f":4: a: expect.json[0]: {ONE_KIND}"],
    "expect_json_path.yaml": [":7: a: expect.json[1].path: not a valid JSON path (RFC 9535): unexpected end of query"],
    "expect_json_path_costly.yaml": [
        f":7: b: expect.json[0].path: {EVERYWHERE}",
        f":10: c: expect.json[0].path: {EVERYWHERE}",
        f":13: d: expect.json[0].path: {EVERYWHERE}",
        ":19: f: expect.json[0].path: expected at most 1,000 ways by its selectors",
        f":25: h: expect.json[0].path: {OF_THE_PAGE}",
        f":28: i: expect.json[0].path: {OF_THE_PAGE}",
    ],
    "expect_json_path_missing.yaml": [":4: a: expect.json[0].path: missing"],
    "expect_json_path_without_dollar.yaml": [
        ":4: a: expect.json[0].path: expected a JSON path that begins with $, such as $.status"
    ],
    "expect_json_regex.yaml": [
        (
            ":4: a: expect.json[0].matches: not a valid regex: invalid perl operator: (?=; "
            "lookaround and backreferences are not supported"
        )
    ],
    "expect_max_latency_zero.yaml": [":4: a: expect.max_latency: expected a latency of more than 0, and at most 300s"],
    "expect_not_a_mapping.yaml": [":4: a: expect: expected a mapping, not a number"],
    "expect_not_match_regex.yaml": [
        ":4: a: expect.not_match: not a valid regex: no argument for repetition operator: *"
    ],
    "field_in_the_wrong_place.yaml": [":4: a: status: unknown field here; it belongs under expect"],
    "field_misspelt.yaml": [":4: a: intervall: unknown field; did you mean interval?"],
    "follow_redirects_number.yaml": [":4: a: follow_redirects: expected true or false, not a number"],
    "header_framing.yaml": [":4: a: headers.Transfer-Encoding: is written by sitemon: it says where the request ends"],
    "header_line_break.yaml": [
        ":4: a: headers.X-A: expected one line without spaces at its ends, of characters up to U+00FF"
    ],
    "header_name.yaml": [":4: a: headers.X A: expected the name of a header: letters, digits and dashes"],
    "header_number.yaml": [":4: a: headers.X-A: expected text, not a number (put it in quotes)"],
    "header_twice.yaml": [":6: a: headers.x-a: stands twice; upper and lower case are the same in a header's name"],
    "header_variable_malformed.yaml": [
        ":4: a: headers.X-Key: expected ${NAME} with the name of an environment variable"
    ],
    "header_variable_unset.yaml": [":5: a: headers.X-Key: the environment variable NOT_SET is not set"],
    "headers_not_a_mapping.yaml": [":4: a: headers: expected a mapping of names to text, not text"],
    "in_json.json": [
        ":4: sites[0]: name: expected 1 to 200 letters, digits, dashes, underscores and dots",
        ":8: b: expect.status[1]: expected a status such as 200, or a range such as 200-299",
    ],
    "interval_infinite.yaml": [
        ":4: a: interval: expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds"
    ],
    "interval_not_a_duration.yaml": [
        ":4: a: interval: expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds"
    ],
    "interval_of_part_of_a_millisecond.yaml": [":4: a: interval: expected an interval of whole milliseconds"],
    "interval_too_short.yaml": [":4: a: interval: expected an interval of at least 1s, and at most 366d"],
    "ip_version_5.yaml": [":4: a: ip_version: expected any, 4 or 6"],
    "key_twice.json": [":4: url: stands twice; first on line 3"],
    "key_twice.yaml": [":5: interval: stands twice; first on line 4"],
    "labels_long.yaml": [":4: a: labels: expected labels of 4 KiB in all at most"],
    "labels_number.yaml": [":4: a: labels.team: expected text, not a number (put it in quotes)"],
    "maintenance_endless.yaml": [
        ":7: a: maintenance[0].duration: expected less than the 24h from one window to the next"
    ],
    "maintenance_every_second.yaml": [":7: a: maintenance[0].rrule: expected FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"],
    "maintenance_every_second_week.yaml": [
        ":5: a: maintenance[0].start: expected the first day too, such as 2026-11-29T02:00: INTERVAL counts from it"
    ],
    "maintenance_field_misspelt.yaml": [":5: a: maintenance[0].rule: unknown field; did you mean rrule?"],
    "maintenance_never.yaml": [
        ":7: a: maintenance[0].rrule: expected a rule that has a day; there is none, or it is too rare"
    ],
    "maintenance_not_a_list.yaml": [":4: a: maintenance: expected a list of at most 20 windows"],
    "maintenance_once_without_day.yaml": [
        ":5: a: maintenance[0]: rrule: missing; without one, start has to be a moment such as 2026-11-29T02:00"
    ],
    "maintenance_rule_of_hours.yaml": [":7: a: maintenance[0].rrule: BYHOUR: expected start to say the time of day"],
    "maintenance_rule_unknown_day.yaml": [
        ":7: a: maintenance[0].rrule: expected a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU"
    ],
    "maintenance_rule_without_days.yaml": [
        ":7: a: maintenance[0].rrule: expected the days, such as BYDAY=SU or BYMONTHDAY=1, or start with the first day"
    ],
    "maintenance_start_hour.yaml": [
        ":6: a: maintenance[0].start: expected a time such as 02:00, or with its day 2026-11-29T02:00"
    ],
    "maintenance_start_number.yaml": [":6: a: maintenance[0].start: expected text, not a number (put it in quotes)"],
    "maintenance_too_long.yaml": [":7: a: maintenance[0].duration: expected a duration of at least 1s, and at most 7d"],
    "maintenance_until.yaml": [
        ":7: a: maintenance[0].rrule: UNTIL: expected 20270131, 20270131T235959 or 20270131T235959Z"
    ],
    "maintenance_without_duration.yaml": [":5: a: maintenance[0]: duration: missing"],
    "maintenance_zone.yaml": [":8: a: maintenance[0].timezone: expected a time zone such as UTC or Europe/Helsinki"],
    "match_not_a_regex.yaml": [":4: a: match: not a valid regex: missing ): ("],
    "match_not_text.yaml": [":4: a: match: expected text, not a number (put it in quotes)"],
    "match_twice.yaml": [":5: a: expect.match: stands twice, beside expect and under it"],
    "match_with_backreference.yaml": [
        ":4: a: match: not a valid regex: invalid escape sequence: \\1; lookaround and backreferences are not supported"
    ],
    "match_with_lookbehind.yaml": [
        ":4: a: match: not a valid regex: invalid perl operator: (?<=; lookaround and backreferences are not supported"
    ],
    "max_body_zero.yaml": [":4: a: max_body: expected a size from 1 to 67108864 bytes"],
    "max_redirects_negative.yaml": [":4: a: max_redirects: expected a whole number from 0 to 50"],
    "method_misspelt.yaml": [
        ":4: a: method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; did you mean DELETE?"
    ],
    "method_unknown.yaml": [":4: a: method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"],
    "name_is_true.yaml": [":2: sites[0]: name: expected text, not true or false (put it in quotes)"],
    "name_missing.yaml": [":2: sites[0]: name: missing"],
    "name_twice.yaml": [":4: a: name: stands twice; first at {folder}/name_twice.yaml:2"],
    "name_with_space.yaml": [":2: sites[0]: name: expected 1 to 200 letters, digits, dashes, underscores and dots"],
    "not_json.json": [":3: not valid JSON: expecting ',' delimiter"],
    "not_utf8.yaml": [":2: expected text in UTF-8"],
    "not_yaml.yaml": [":3: not valid YAML: did not find expected '-' indicator"],
    "proxy_of_tls.yaml": [":4: a: proxy: expected a proxy such as http://proxy.example:3128"],
    "proxy_without_port.yaml": [":4: a: proxy: expected a proxy such as http://proxy.example:3128"],
    "remind_every_too_short.yaml": [":4: a: remind_every: expected 0 for never, or at least 5m"],
    "regions_name.yaml": [":4: a: regions[1]: expected 1 to 64 letters, digits, dashes and underscores"],
    "regions_not_a_list.yaml": [":4: a: regions: expected a list of at least one region"],
    "site_not_a_mapping.yaml": [":2: sites[0]: expected a mapping, not text"],
    "sites_not_a_list.yaml": [":1: sites: expected a list, not a mapping"],
    "method_without_body.yaml": [":4: a: method: expected another than HEAD, whose response has no body for match"],
    "slo_of_a_hundred.yaml": [":4: a: slo: expected a percentage below 100, such as 99.9"],
    "status_empty.yaml": [":4: a: expect.status: expected at least one status such as 200, or a range such as 200-299"],
    "status_interim.yaml": [":4: a: expect.status: expected one from 200 on: 1xx comes before the response"],
    "status_of_a_followed_redirect.yaml": [
        ":4: a: expect.status: expected follow_redirects: false beside it, or the status of the redirect's target"
    ],
    "status_out_of_range.yaml": [":4: a: expect.status[1]: expected a status such as 200, or a range such as 200-299"],
    "status_range_backwards.yaml": [
        ":5: a: expect.status[0]: expected a status such as 200, or a range such as 200-299"
    ],
    "status_true.yaml": [":4: a: expect.status: expected a status such as 200, or a range such as 200-299"],
    "status_without_body.yaml": [":4: a: expect.status: expected one whose response has a body for json"],
    "timeout_too_long.yaml": [":4: a: timeout: expected a timeout of more than 0, and at most 300s"],
    "timeout_zero.yaml": [":4: a: timeout: expected a timeout of more than 0, and at most 300s"],
    "tls_ca_file_missing.yaml": [":4: a: tls.ca_file: expected a file; there is none at {folder}/nowhere.pem"],
    "tls_ca_file_without_certificates.yaml": [
        ":4: a: tls.ca_file: expected certificates in PEM; {folder}/interval_infinite.yaml holds none"
    ],
    "tls_cert_file_without_key.yaml": [
        (
            ":4: a: tls.cert_file: expected a certificate and its key, without a password, in PEM; "
            "not so in {folder}/ip_version_5.yaml"
        )
    ],
    "tls_key_file_alone.yaml": [":4: a: tls.key_file: expected cert_file beside it"],
    "tls_server_name_address.yaml": [":4: a: tls.server_name: expected a host name such as shop.example"],
    "tls_server_name_of_a_wildcard.yaml": [":4: a: tls.server_name: expected a host name such as shop.example"],
    "top_field_misspelt.yaml": [":1: default: unknown field; did you mean defaults?"],
    "url_empty_label.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_ipv6.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_missing.yaml": [":2: a: url: missing"],
    "url_of_another_ip_version.yaml": [":4: a: ip_version: expected 6, which the address in the URL is, or any"],
    "url_port.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_scheme_ftp.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_tcp_without_port.yaml": [":3: a: url: expected a URL such as tcp://example.org:5432"],
    "url_tls_with_path.yaml": [":3: a: url: expected a URL such as tls://example.org:993"],
    "url_dns_without_name.yaml": [f":3: a: url: {DNS_URL}"],
    "url_dns_record_type.yaml": [f":3: a: url: {DNS_URL}"],
    "fields_of_the_web_for_tcp.yaml": [
        ":6: a: method: means nothing to tcp://",
        ":8: a: expect.status: means nothing to tcp://",
    ],
    "expect_records_for_the_web.yaml": [":4: a: expect.records: means nothing to https://"],
    "expect_records_empty.yaml": [":4: a: expect.records: expected a list of at least one record"],
    "expect_records_number.yaml": [":4: a: expect.records[0]: expected text, not a number (put it in quotes)"],
    "url_with_space.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_without_host.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "url_without_scheme.yaml": [":3: a: url: expected a URL such as https://example.org/path"],
    "yaml_date_out_of_range.yaml": [": not valid YAML: a date or a number is out of range"],
    "yaml_of_two_documents.yaml": [":2: not valid YAML: but found another document"],
    "yaml_nested.yaml": [":1: nested more than 64 deep"],
    "yaml_aliases.yaml": [":5: the aliases stand for too many values"],
    "yaml_alias_within.yaml": [":4: an alias stands within what it stands for"],
    "interval_of_many_digits.yaml": [
        ":4: a: interval: expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds"
    ],
    "json_path_of_many_digits.json": [":2: a: expect.json[0].path: expected a JSON path of at most 1,000 characters"],
    "json_path_of_many_names.yaml": [
        ":3: a: expect.json[0].path: expected a JSON path of at most 1,000 characters",
        ":4: b: expect.json[0].path: expected at most 100 names, signs and values",
        ":5: c: expect.json[0].path: expected at most 100 names, signs and values",
    ],
    "json_path_of_a_huge_number.yaml": [
        ":4: a: expect.json[0].path: not a valid JSON path (RFC 9535): a place or a number is out of range"
    ],
    "json_half_pair.json": [": expected text of whole characters, not halves of surrogate pairs"],
    "json_nested.json": [": nested more than 64 deep"],
    "body_nested_by_aliases.yaml": [":4: a: body: nested more than 64 deep"],
    "yaml_with_python_object.yaml": [
        (
            ":1: not valid YAML: could not determine a constructor for the tag "
            "(text that begins with ! or * belongs in quotes)"
        )
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_says_the_mistake_with_its_line(name: str) -> None:
    file = TESTDATA / name
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"SITEMON_SITES": str(file)})
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        f"{file}{said.replace('{folder}', str(TESTDATA))}" for said in EXPECTED[name]
    ]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sites.yaml")
    with pytest.raises(ConfigurationError, match="expected a file, not a pipe or a device"):
        load_sites({"CONF_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("leads_to", "words"),
    [
        ("/dev/zero", "expected a file, not a pipe or a device"),
        ("/dev/tty", "expected a file, not a pipe or a device"),
        ("sites.yaml", "Too many levels of symbolic links"),
        ("gone.yaml", "No such file or directory"),
        (".", "Is a directory"),
    ],
)
def test_a_link_in_the_folder_leads_to_no_device_and_in_no_circle(tmp_path: Path, leads_to: str, words: str) -> None:
    (tmp_path / "sites.d").mkdir()
    (tmp_path / "sites.d" / "sites.yaml").symlink_to(leads_to)
    with pytest.raises(ConfigurationError, match=words):
        load_sites({"CONF_DIR": str(tmp_path)})


@pytest.mark.parametrize("suffix", ["yaml", "json"])
@pytest.mark.parametrize(
    "content",
    [
        "root:$6$s3cr3t$s3cr3t:19000:0:99999:7:::\nme:!:19000:0:99999:7:::\n",
        "root:$6$s3cr3t$s3cr3t:19000:0:99999:7:::\n" * 2,
        "sites:\n- root:$6$s3cr3t$s3cr3t:19000:0:99999:7:::\n",
        "A=s3cr3t\0B=s3cr3t\0",
    ],
)
def test_of_what_a_link_leads_to_no_mistake_holds_a_word(tmp_path: Path, suffix: str, content: str) -> None:
    (tmp_path / "shadow").write_text(content)
    (tmp_path / "sites.d").mkdir()
    (tmp_path / "sites.d" / f"sites.{suffix}").symlink_to("../shadow")
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"CONF_DIR": str(tmp_path)})
    assert "s3cr3t" not in str(caught.value.mistakes)


def test_a_file_has_a_longest_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_LONGEST", documents.Most(1 << 20))
    (tmp_path / "sites.yaml").write_text("sites: []\n#" + "x" * (1 << 20))
    with pytest.raises(ConfigurationError, match="longer than 1 MiB"):
        load_sites({"CONF_DIR": str(tmp_path)})


def test_a_document_may_repeat_itself_within_reason(tmp_path: Path) -> None:
    """Sites that share long defaults are as long as they were meant to be."""
    labels = "".join(f"      label{number}: x\n" for number in range(20))
    sites = "".join(f"  - {{<<: *usual, name: s{number}, url: 'http://s.example/'}}\n" for number in range(2000))
    (tmp_path / "sites.yaml").write_text(f"defaults: &usual\n    labels:\n{labels}sites:\n{sites}")
    assert len(load_sites({"CONF_DIR": str(tmp_path)}).sites) == 2000


def test_every_file_of_testdata_has_its_words() -> None:
    assert {file.name for file in TESTDATA.iterdir()} == set(EXPECTED)


def test_it_collects_the_mistakes_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("sites:\n- {name: a, url: ftp://a/}\n- {name: b, interval: 1}\n")
    (tmp_path / "two.json").write_text('{"sites": [{"name": "c", "url": "http://c/", "timout": 1}]}')
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"SITEMON_SITES": str(tmp_path)})
    assert [str(mistake).removeprefix(f"{tmp_path}/") for mistake in caught.value.mistakes] == [
        "one.yaml:2: a: url: expected a URL such as https://example.org/path",
        "one.yaml:3: b: url: missing",
        "two.json:1: c: timout: unknown field; did you mean timeout?",
    ]
    assert str(caught.value).endswith("(2 more: sitemon lint)")


def test_a_name_must_be_unique_across_files(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("sites:\n- {name: a, url: http://a/}\n- {url: http://x/}\n")
    (tmp_path / "two.yaml").write_text("sites:\n- {name: a, url: http://a/}\n- {url: http://x/}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"SITEMON_SITES": str(tmp_path)})
    assert [str(mistake).replace(f"{tmp_path}/", "") for mistake in caught.value.mistakes] == [
        "one.yaml:3: sites[1]: name: missing",
        "two.yaml:2: a: name: stands twice; first at one.yaml:2",
        "two.yaml:3: sites[1]: name: missing",
    ]


@pytest.mark.parametrize("deep", [DEEPEST + 1, 979, 980, 981, 100_000])
def test_a_deeply_nested_file_is_a_mistake(tmp_path: Path, deep: int) -> None:
    (tmp_path / "sites.json").write_text("[" * deep + "]" * deep)
    with pytest.raises(ConfigurationError, match=f"nested more than {DEEPEST} deep"):
        load_sites({"CONF_DIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["sites.json", "sites.yaml"])
@pytest.mark.parametrize(
    "inside", ["", '"[[{"', r'"\"[[{", "{", "\\\\", "[", "é\\\\\"[", "]]}"', '"", "[", ""', "[], [], {}"]
)
def test_brackets_count_where_they_open_lists_and_mappings(tmp_path: Path, name: str, inside: str) -> None:
    deep = DEEPEST - ("[]" in inside)
    (tmp_path / name).write_text("[" * deep + inside + "]" * deep)
    assert read_document(tmp_path / name).value
    (tmp_path / name).write_text("[" * (deep + 1) + inside + "]" * (deep + 1))
    with pytest.raises(ConfigurationError, match=f"nested more than {DEEPEST} deep"):
        read_document(tmp_path / name)


def test_a_long_chain_of_merged_mappings_is_a_mistake(tmp_path: Path) -> None:
    """Its end is built first where that stands less deep."""
    chain = ", ".join(f"&a{place} {{<<: *a{place - 1}}}" for place in range(1, 1_100))
    (tmp_path / "sites.yaml").write_text(f"[[{'1, ' * 50_000}], [[&a0 {{}}, {chain}], {{<<: *a1099}}]]")
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load_sites({"CONF_DIR": str(tmp_path)})


def test_a_number_of_too_many_digits_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    file.write_text('{"sites": ' + "1" * 5_000 + "}")
    with pytest.raises(ConfigurationError, match="not valid JSON: a number has too many digits"):
        load_sites({"SITEMON_SITES": str(file)})


@pytest.mark.parametrize(
    "words",
    [
        '!!int ""',
        '!!int "-"',
        "!!int 1:30",
        '!!float ""',
        '!!float "+_"',
        "!!float 1:30.5",
        "0x" + "f" * 5_000,
        "{? 0x" + "f" * 5_000 + " : a}",
    ],
)
@pytest.mark.parametrize("field", ["name", "headers", "labels", "expect", "body", "ip_version", "alerts"])
def test_a_number_that_is_none_or_too_long_is_a_mistake_with_its_line(tmp_path: Path, field: str, words: str) -> None:
    file = tmp_path / "sites.yaml"
    file.write_text(f"sites:\n- {field}: {words}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"SITEMON_SITES": str(file)})
    assert str(caught.value) == f"{file}:2: not valid YAML: a number is not one, or too long"


@pytest.mark.parametrize("words", ["12:30", "-1:59", "1:30.5", "190:20:30", "1" + ":1" * 20_000])
def test_a_time_of_day_is_text(tmp_path: Path, words: str) -> None:
    (tmp_path / "a.yaml").write_text(f"- {words}\n- {words}\n")
    assert read_document(tmp_path / "a.yaml").value == [words, words]


def test_a_window_may_begin_at_one_without_quotes(tmp_path: Path) -> None:
    window = "{rrule: FREQ=DAILY, start: 22:00, duration: 1h}"
    (tmp_path / "sites.yaml").write_text(f"sites: [{{name: a, url: http://a/, maintenance: [{window}]}}]\n")
    (site,) = load_sites({"CONF_DIR": str(tmp_path)}).sites
    assert site.maintenance[0].start == "22:00"


def test_numbers_are_those_that_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "[0, 08, 010, -7, +7, 1_000, 0x1F, 0b11, 1.5, .5, -.5, 1., 1e3, 1.0e+3, .inf, 1.2.3]"
    )
    found = read_document(tmp_path / "a.yaml").value
    assert found == [0, "08", 8, -7, 7, 1_000, 31, 3, 1.5, 0.5, "-.5", 1.0, "1e3", 1_000.0, math.inf, "1.2.3"]


def test_whatever_fails_at_a_start_is_a_mistake_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_reader, "read_document", Mock(side_effect=KeyError("something of the file")))
    (tmp_path / "sites.yaml").touch()
    with pytest.raises(ConfigurationError, match="cannot be read, by a mistake in sitemon: KeyError"):
        load_sites({"CONF_DIR": str(tmp_path)})


def test_a_value_of_the_environment_is_never_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_sites(
            {"SITEMON_SITES": str(TESTDATA / "header_variable_unset.yaml"), "NOT_SET": "line one\nhunter2"},
        )
    assert "expected one line" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_sites_that_are_named_but_not_there_say_where_they_were_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"SITEMON_SITES": "mine.yaml", "CONF_DIR": "/etc/sitemon"})
    assert str(caught.value) == f"SITEMON_SITES: mine.yaml not found in {tmp_path} or /etc/sitemon"


def test_two_places_for_the_sites_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").touch()
    (tmp_path / "sites.d").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"CONF_DIR": str(tmp_path)})
    expected = "expected one of sites.yaml, sites.json, sites.d; there are sites.yaml and sites.d"
    assert str(caught.value) == f"{tmp_path}: {expected}"
