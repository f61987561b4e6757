"""What a file of sites comes to."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sitemon.config.sites import SiteSet, load_sites, site_from_fields
from sitemon.local.certificates import Authority
from sitemon.model.alerts import Escalation, Route
from sitemon.model.errors import ConfigurationError
from sitemon.model.site import (
    Body,
    Expect,
    ExpectedHeader,
    ExpectedJson,
    Header,
    Proxy,
    Site,
    StatusRange,
    Tls,
)

YAML_OF_ALL_FIELDS = """
sites:
  - name: shop.eu-1_a
    url: https://user:pw@shop.example:8443/health?x=1
    interval: 1m
    timeout: 500ms
    match: in stock
    method: PATCH
    headers: {X-Team: web, X-Key: "${SHOP_KEY}"}
    body: {form: {key: "${SHOP_KEY}"}}
    auth: {basic: {username: me, password: pw}}
    follow_redirects: false
    max_redirects: 3
    max_body: 64KiB
    ip_version: 4
    proxy: http://me:${SHOP_KEY}@proxy.example:3128/
    tls: {verify: false, ca_file: ca.pem, cert_file: me.pem, key_file: me.key, server_name: Bücher.example.}
    expect:
      status: [200-299, 404]
      not_match: Fatal
      headers: {X-App: "1.2", Content-Type: {matches: ^text/}, X-Debug: {exists: false}}
      json:
        - {path: $.a, equals: {b: [1, null]}}
        - {path: $.c, matches: ^2}
        - {path: $.d, exists: true}
        - {path: $.e, at_most: 5}
      body_size: 1KiB
      max_latency: 250ms
      cert_days: 14
    regions: [eu, us, eu]
    labels: {team: web, note: ""}
    enabled: false
"""


def sites_of(folder: Path, content: str, name: str = "sites.yaml", **environ: str) -> SiteSet:
    (folder / name).write_text(content)
    return load_sites({"CONF_DIR": str(folder), **environ})


def only(sites: SiteSet) -> Site:
    (site,) = sites.sites
    return site


class Own(NamedTuple):
    """A certificate and its key, in files."""

    cert_file: Path
    key_file: Path


def own_certificate(folder: Path, password: bytes | None = None) -> Own:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")])
    begins_at = datetime(2026, 11, 24, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins_at, begins_at + timedelta(days=1))
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    own = Own(folder / "me.pem", folder / "me.key")
    own.cert_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    own.key_file.touch(mode=0o600)
    own.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return own


def test_every_accepted_field_is_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path, datetime(2026, 11, 24, tzinfo=UTC))
    own = own_certificate(tmp_path)
    assert only(sites_of(tmp_path, YAML_OF_ALL_FIELDS, SHOP_KEY="k3y")) == Site(
        name="shop.eu-1_a",
        url="https://user:pw@shop.example:8443/health?x=1",
        interval_ms=60_000,
        timeout_s=0.5,
        match="in stock",
        method="PATCH",
        headers=(
            Header("X-Team", "web"),
            Header("X-Key", "k3y", is_secret=True, secrets=("k3y",)),
            Header("Authorization", "Basic bWU6cHc=", is_secret=True),
        ),
        body=Body(b"key=k3y", "application/x-www-form-urlencoded", ("k3y",)),
        follow_redirects=False,
        max_redirects=3,
        max_body_bytes=65_536,
        ip_version=4,
        proxy=Proxy("proxy.example", 3128, "Basic bWU6azN5"),
        tls=Tls(
            verify=False,
            ca_file=str(authority.file),
            cert_file=str(own.cert_file),
            key_file=str(own.key_file),
            server_name="xn--bcher-kva.example",
        ),
        expect=Expect(
            status=(StatusRange(200, 299), StatusRange(404, 404)),
            headers=(
                ExpectedHeader(name="X-App", equals="1.2"),
                ExpectedHeader(name="Content-Type", matches="^text/"),
                ExpectedHeader(name="X-Debug", exists=False),
            ),
            body_size_bytes=1024,
            not_match="Fatal",
            json=(
                ExpectedJson(path="$.a", equals={"b": [1, None]}),
                ExpectedJson(path="$.c", matches="^2"),
                ExpectedJson(path="$.d", exists=True),
                ExpectedJson(path="$.e", at_most=5.0),
            ),
            max_latency_s=0.25,
            cert_days=14,
        ),
        regions=("eu", "us"),
        labels={"team": "web", "note": ""},
        enabled=False,
        file=str(tmp_path / "sites.yaml"),
    )


def test_a_name_and_a_url_are_enough(tmp_path: Path) -> None:
    site = only(sites_of(tmp_path, "sites: [{name: a, url: http://a.example}]"))
    assert site == Site(name="a", url="http://a.example", file=str(tmp_path / "sites.yaml"))


def test_json_and_yaml_of_the_same_content_are_the_same_sites(tmp_path: Path) -> None:
    json = '{"defaults": {"interval": 5}, "sites": [{"name": "a", "url": "http://a/", "expect": {"status": 204}}]}'
    for folder in ("json", "yaml"):
        (tmp_path / folder).mkdir()
    from_json = sites_of(tmp_path / "json", json, "sites.json")
    from_yaml = sites_of(tmp_path / "yaml", json, "sites.yaml")
    assert msgspec.structs.replace(only(from_json), file=only(from_yaml).file) == only(from_yaml)
    assert only(from_json).interval_ms == 5_000


def test_sites_keep_their_order_and_are_found_by_name(tmp_path: Path) -> None:
    sites = sites_of(tmp_path, "sites: [{name: b, url: http://b}, {name: a, url: http://a}]")
    assert [site.name for site in sites.sites] == ["b", "a"]
    assert sites.by_name["a"] is sites.sites[1]
    assert sites.source == str(tmp_path / "sites.yaml")


def test_no_file_is_a_set_of_no_sites_that_says_where_it_looked(tmp_path: Path) -> None:
    sites = load_sites({"CONF_DIR": str(tmp_path)})
    assert sites.sites == ()
    assert (
        sites.summary == f"no sites: there is no {tmp_path}/sites.yaml or {tmp_path}/sites.json or {tmp_path}/sites.d"
    )


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "sites:\n", "sites: []\n"])
def test_an_empty_file_has_no_sites(tmp_path: Path, content: str) -> None:
    assert sites_of(tmp_path, content).sites == ()


def test_a_site_goes_before_the_defaults_field_by_field(tmp_path: Path) -> None:
    site = only(
        sites_of(
            tmp_path,
            """
            defaults:
              interval: 10s
              timeout: 3
              headers: {X-A: default, X-B: default}
              labels: {team: web, tier: one}
              expect: {status: 404}
              tls: {verify: false}
            sites:
              - name: a
                url: http://a/
                timeout: 4
                headers: {x-b: own, X-C: own}
                labels: {tier: two}
                expect: {match: ok}
            """,
        )
    )
    assert (site.interval_ms, site.timeout_s) == (10_000, 4.0)
    assert site.headers == (Header("X-A", "default"), Header("x-b", "own"), Header("X-C", "own"))
    assert site.labels == {"team": "web", "tier": "two"}
    assert site.expect.status == (StatusRange(404, 404),)
    assert site.match == "ok"
    assert not site.tls.verify


def test_who_is_told_of_a_site_and_how_often_is_inherited(tmp_path: Path) -> None:
    sites = sites_of(
        tmp_path,
        """
        defaults: {alerts: [ops], remind_every: 2h}
        sites:
          - {name: a, url: http://a/}
          - {name: b, url: http://b/, alerts: [hook, ops], remind_every: 0}
          - {name: c, url: http://c/, alerts: off, remind_every: 5m}
          - {name: d, url: http://d/, alerts: "off"}
        """,
    )
    assert [(site.alerts, site.remind_every_s) for site in sites.sites] == [
        (Route(channels=("ops",)), 7200.0),
        (Route(channels=("hook", "ops")), 0.0),
        (Route(channels=()), 300.0),
        (Route(channels=()), 7200.0),
    ]
    [plain] = sites_of(tmp_path, "sites: [{name: a, url: http://a/}]").sites
    assert (plain.alerts, plain.remind_every_s) == (None, None)


def test_a_site_says_what_its_channels_hear_and_to_whom_it_is_escalated(tmp_path: Path) -> None:
    [site] = sites_of(
        tmp_path,
        """
        sites:
          - name: a
            url: http://a/
            alerts:
              channels: [ops]
              events: [down, resolved, degraded]
              group_for: 1m
              escalate: [{after: 15m, channels: [boss]}, {after: 1h, channels: [hook]}]
        """,
    ).sites
    assert site.alerts == Route(
        channels=("ops",),
        events=("down", "resolved", "degraded"),
        group_for_s=60.0,
        escalate=(Escalation(900.0, ("boss",)), Escalation(3600.0, ("hook",))),
    )


STEP = {"after": "5m", "channels": ["boss"]}


@pytest.mark.parametrize(
    ("alerts", "field", "problem"),
    [
        ("{events: [down]}", "alerts", "channels: missing"),
        ("{channels: []}", "alerts.channels", "expected a channel at least, or off"),
        ("[]", "alerts", "expected a channel at least, or off"),
        ("[ops, hook, ops]", "alerts[2]", "ops stands twice"),
        ("{channels: ops}", "alerts.channels", "expected a list of at most 100 channels, not text"),
        (str([f"c{number}" for number in range(101)]), "alerts", "expected a list of at most 100 channels"),
        ("{channels: [ops, 7]}", "alerts.channels[1]", "expected the name of a channel"),
        ("{channels: [ops], event: []}", "alerts.event", "unknown field; did you mean events?"),
        ("{channels: [ops], events: down}", "alerts.events", "expected a list, not text"),
        ("{channels: [ops], events: [dwon]}", "alerts.events[0]", "no event of this name; did you mean down?"),
        ("{channels: [ops], group_for: 1h}", "alerts.group_for", "expected at most 10m: who is down waits for it"),
        ("{channels: [ops], escalate: [{after: 5m}]}", "alerts.escalate[0]", "channels: missing"),
        ("{channels: [ops], escalate: {}}", "alerts.escalate", "expected a list of at most 10 steps such as {after"),
        (f"{{channels: [ops], escalate: {11 * [STEP]}}}", "alerts.escalate", "expected a list of at most 10 steps"),
        (
            f"{{channels: [ops], escalate: {2 * [STEP | {'channels': [f'c{number}' for number in range(51)]}]}}}",
            "alerts.escalate",
            "expected at most 100 channels of all steps together",
        ),
        (
            "{channels: [ops], escalate: [{after: 0, channels: [boss]}]}",
            "alerts.escalate[0].after",
            "expected a duration such as 15m",
        ),
        (
            "{channels: [ops], escalate: [{after: 5m, channels: [ops]}]}",
            "alerts.escalate[0].channels[0]",
            "ops is told from the start",
        ),
    ],
)
def test_a_mistake_in_who_is_told_of_a_site_is_said_where_it_stands(
    tmp_path: Path, alerts: str, field: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sites_of(tmp_path, f"sites:\n- {{name: a, url: http://a/}}\n- {{name: b, url: http://b/, alerts: {alerts}}}\n")
    [mistake] = caught.value.mistakes
    assert (mistake.line, mistake.field) == (3, f"b: {field}")
    assert mistake.problem.startswith(problem)


def test_all_mistakes_in_who_is_told_of_a_site_are_said(tmp_path: Path) -> None:
    alerts = "{channels: [7], event: [], events: [down, dwon, down], escalate: [{after: 0, channels: []}]}"
    with pytest.raises(ConfigurationError) as caught:
        sites_of(tmp_path, f"sites: [{{name: a, url: http://a/, alerts: {alerts}}}]")
    assert [(one.field, one.problem) for one in caught.value.mistakes] == [
        ("a: alerts.event", "unknown field; did you mean events?"),
        ("a: alerts.channels[0]", "expected the name of a channel"),
        ("a: alerts.events[1]", "no event of this name; did you mean down?"),
        ("a: alerts.events[2]", "down stands twice"),
        ("a: alerts.escalate[0].after", "expected a duration such as 15m"),
        ("a: alerts.escalate[0].channels", "expected a channel at least"),
    ]


def test_channels_that_are_not_there_are_mistakes_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text(
        "defaults: {alerts: [opps]}\nsites:\n- {name: a, url: http://a/}\n"
        "- {name: b, url: http://b/, alerts: [ops, x]}\n"
        "- {name: c, url: http://c/, alerts: off}\n"
        "- {name: d, url: http://d/, alerts: {channels: [ops, y], escalate: [{after: 5m, channels: [z]}]}}\n"
    )
    environ = {"CONF_DIR": str(tmp_path)}
    assert len(load_sites(environ).sites) == 4
    with pytest.raises(ConfigurationError) as caught:
        load_sites(environ, channels=frozenset({"ops"}))
    assert [(one.line, one.field, one.problem) for one in caught.value.mistakes] == [
        (1, "defaults.alerts[0]", "no channel of this name; did you mean ops?"),
        (4, "b: alerts[1]", "no channel of this name"),
        (6, "d: alerts.channels[1]", "no channel of this name"),
        (6, "d: alerts.escalate[0].channels[0]", "no channel of this name"),
    ]


def test_each_file_of_a_folder_has_its_own_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "sites.d"
    folder.mkdir()
    (folder / "b.yml").write_text("defaults: {interval: 20}\nsites: [{name: b, url: http://b/}]")
    (folder / "a.json").write_text('{"sites": [{"name": "a", "url": "http://a/"}]}')
    (folder / ".hidden.yaml").write_text("not: sites")
    (folder / "a.yaml~").write_text("not: sites")
    sites = load_sites({"CONF_DIR": str(tmp_path)})
    found = [(site.name, site.interval_ms, site.file) for site in sites.sites]
    assert found == [("a", 60_000, str(folder / "a.json")), ("b", 20_000, str(folder / "b.yml"))]


def test_anchors_and_merge_keys_of_yaml_work(tmp_path: Path) -> None:
    sites = sites_of(
        tmp_path,
        """
        sites:
          - &first {name: a, url: http://a/, interval: 10s, timeout: 1}
          - <<: *first
            name: b
            timeout: 2
        """,
    )
    assert [(site.name, site.interval_ms, site.timeout_s) for site in sites.sites] == [
        ("a", 10_000, 1.0),
        ("b", 10_000, 2.0),
    ]


def test_a_mistake_in_what_was_merged_is_shown_where_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sites_of(tmp_path, "sites:\n- &a {name: a, url: http://a/, interval: x}\n- <<: *a\n  name: b\n")
    assert [(mistake.line, mistake.field) for mistake in caught.value.mistakes] == [
        (2, "a: interval"),
        (2, "b: interval"),
    ]


@pytest.mark.parametrize(
    ("written", "interval_ms"),
    [
        ("1", 1000),
        ("1.5", 1500),
        ("1000ms", 1000),
        ("30s", 30000),
        ("5m", 300000),
        ("1h", 3600000),
        ("1.5h", 5400000),
        ("1d", 86400000),
        ('"30"', 30000),
        ("1.001s", 1001),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_has_a_unit(tmp_path: Path, written: str, interval_ms: int) -> None:
    site = only(sites_of(tmp_path, f"sites: [{{name: a, url: http://a/, interval: {written}}}]"))
    assert site.interval_ms == interval_ms


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "http://a:1/",
        "https://a.example:65535/p?q=1#f",
        "http://[::1]:80/",
        "http://127.0.0.1/",
        "https://müller.example/",
        "http://user:pw@a/",
        "http://a_b.example/",
        "HTTP://A.EXAMPLE/",
        "http://a.example./",
    ],
)
def test_such_urls_are_accepted(tmp_path: Path, url: str) -> None:
    assert only(sites_of(tmp_path, f"sites: [{{name: a, url: '{url}'}}]")).url == url


def test_a_value_from_the_environment_is_masked(tmp_path: Path) -> None:
    content = 'sites: [{name: a, url: http://a/, headers: {X-Key: "Bearer ${TOKEN}", X-Open: "$5 {a}"}}]'
    site = only(sites_of(tmp_path, content, TOKEN="hunter2"))
    assert site.headers[0].value == "Bearer hunter2"
    assert "hunter2" not in repr(site)
    assert site.headers[1] == Header("X-Open", "$5 {a}")


def test_an_empty_variable_of_the_environment_counts_as_not_set(tmp_path: Path) -> None:
    content = 'sites: [{name: a, url: http://a/, headers: {X-Key: "${TOKEN}"}}]'
    with pytest.raises(ConfigurationError, match="the environment variable TOKEN is not set"):
        sites_of(tmp_path, content, TOKEN="")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "sites.json").write_bytes(b'\xef\xbb\xbf{"sites": []}')
    assert load_sites({"CONF_DIR": str(tmp_path)}).sites == ()


def test_a_bare_name_is_looked_for_in_the_working_folder_then_in_the_folder_of_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    monkeypatch.chdir(tmp_path)
    (conf / "mine.yaml").write_text("sites: [{name: conf, url: http://a/}]")
    assert only(load_sites({"SITEMON_SITES": "mine.yaml"})).name == "conf"
    (tmp_path / "mine.yaml").write_text("sites: [{name: here, url: http://a/}]")
    assert only(load_sites({"SITEMON_SITES": "mine.yaml"})).name == "here"


def test_fields_alone_make_a_site_that_its_url_names() -> None:
    site = site_from_fields({"url": "http://u:p@a.example/x?y=1", "timeout": "2s"})
    assert site.name.startswith("http://a.example/x#")
    assert site.timeout_s == 2.0


def test_fields_alone_are_refused_with_every_mistake() -> None:
    with pytest.raises(ConfigurationError) as caught:
        site_from_fields({"match": "(", "expect": {"status": 99}})
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "match: not a valid regex: missing ): (",
        "expect.status: expected a status such as 200, or a range such as 200-299",
        "url: missing",
    ]


def test_a_mistake_in_what_goes_before_a_merged_value_is_shown_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sites.yaml:5: b: interval: expected a duration"):
        sites_of(
            tmp_path,
            "sites:\n- &a {name: a, url: http://a/, interval: 1}\n- <<: *a\n  name: b\n  interval: x\n",
        )


def test_values_that_only_look_alike_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sites.yaml:3: b: match: expected text, not a number"):
        sites_of(
            tmp_path,
            'sites:\n- {name: a, url: http://a/, match: "1"}\n- {name: b, url: http://b/, match: 1}\n',
        )


def test_re2_itself_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="not a valid regex"):
        sites_of(tmp_path, "sites: [{name: a, url: http://a/, match: '(x[never-seen-before'}]")
    assert capfd.readouterr() == ("", "")


OF_A_CLIENT = "sites: [{name: a, url: https://a/, tls: {cert_file: me.pem, key_file: me.key}}]"


def test_a_key_must_belong_to_its_certificate(tmp_path: Path) -> None:
    own = own_certificate(tmp_path)
    assert only(sites_of(tmp_path, OF_A_CLIENT)).tls.key_file == str(own.key_file)
    certificate = own.cert_file.read_bytes()
    own_certificate(tmp_path)
    own.cert_file.write_bytes(certificate)
    os.utime(own.cert_file, ns=(1, 1))
    with pytest.raises(ConfigurationError, match=r"tls.key_file: expected the key of the certificate in .*/me.pem$"):
        sites_of(tmp_path, OF_A_CLIENT)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    own_certificate(tmp_path, b"hunter2")
    with pytest.raises(
        ConfigurationError, match=r"tls\.key_file: expected a certificate and its key, without a password"
    ):
        sites_of(tmp_path, OF_A_CLIENT)


def test_authorization_of_a_site_goes_before_that_of_the_defaults(tmp_path: Path) -> None:
    content = """
        defaults: {auth: {bearer: one}}
        sites:
        - {name: a, url: http://a/}
        - {name: b, url: http://b/, auth: {bearer: two}}
        - {name: c, url: http://c/, headers: {authorization: three}}
        """
    sent = [site.headers[0].value for site in sites_of(tmp_path, content).sites]
    assert sent == ["Bearer one", "Bearer two", "three"]


def test_expected_headers_merge_by_their_names(tmp_path: Path) -> None:
    content = """
        defaults: {expect: {headers: {X-A: "1", X-B: "1"}, cert_days: 14}}
        sites: [{name: a, url: http://a/, expect: {headers: {x-b: {exists: false}}}}]
        """
    expect = only(sites_of(tmp_path, content)).expect
    assert expect.headers == (ExpectedHeader(name="X-A", equals="1"), ExpectedHeader(name="x-b", exists=False))
    assert expect.cert_days == 14


def test_what_does_not_fit_the_defaults_is_a_mistake_of_the_site(tmp_path: Path) -> None:
    content = "defaults: {max_body: 1KiB}\nsites:\n- name: a\n  url: http://a/\n  expect:\n    body_size: 2KiB\n"
    with pytest.raises(ConfigurationError, match=r"sites.yaml:6: a: expect.body_size: expected less than max_body"):
        sites_of(tmp_path, content)


def test_fields_alone_are_held_to_fit_together() -> None:
    with pytest.raises(ConfigurationError, match="ip_version: expected 4, which the address in the URL is, or any"):
        site_from_fields({"url": "http://127.0.0.1/", "ip_version": 6})
    assert site_from_fields({"url": "http://127.0.0.1/", "ip_version": 6, "proxy": "http://[::1]:1"}).ip_version == 6


@pytest.mark.parametrize(("written", "read"), [("any", None), (4, 4), ("6", 6)])
def test_an_ip_version_is_a_number_or_a_word(written: object, read: int | None) -> None:
    assert site_from_fields({"url": "http://a/", "ip_version": written}).ip_version == read


def test_a_literal_password_is_a_secret_too() -> None:
    for auth in ({"bearer": "hunter2"}, {"basic": {"username": "me", "password": "hunter2"}}):
        site = site_from_fields({"url": "http://a/", "auth": auth, "body": "hunter2", "proxy": "http://a:hunter2@p:1"})
        assert site.headers[0].is_secret
        assert "hunter2" not in repr(site)
        assert site.headers[0].value not in repr(site)


def test_values_that_look_alike_are_read_apart(tmp_path: Path) -> None:
    """What sites share is read once: a date is not its text, and yes is not 1."""
    content = """
        sites:
        - {name: a, url: "http://a/", body: "2026-11-24", labels: {n: "1"}}
        - {name: b, url: "http://a/", body: 2026-11-24, labels: {n: "1"}}
        - {name: c, url: "http://a/", max_redirects: 1}
        - {name: d, url: "http://a/", max_redirects: yes}
    """
    with pytest.raises(ConfigurationError) as raised:
        sites_of(tmp_path, content)
    assert [mistake.field for mistake in raised.value.mistakes] == ["b: body", "d: max_redirects"]
