"""``web.json``: what it says, and all of its mistakes with their lines."""

import ipaddress
import json
import logging
from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from sitemon.config.web import WebSettings, web_settings
from sitemon.config.web_file import WEB, Group
from sitemon.model.errors import ConfigurationError

HASH = "6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090"
KEY = "hunter2-hunter2-hunter2-hunter2-"
GOOD = {
    "public_url": "https://status.example/",
    "tokens": {"anna": HASH},
    "session_key": KEY,
    "sign_in_to_read": True,
    "proxy_networks": ["10.0.0.0/8", "::1"],
    "proxy_header": "X-Forwarded-User",
    "public_title": "Example",
    "public_text": "How we are.",
    "public_logo": "EX",
    "public_link": "https://www.example/?a=b",
    "public_groups": {"Shop": {"team": "shop", "tier": "1"}},
}
EXPECTED = WebSettings(
    public_url="https://status.example",
    tokens={"anna": HASH},
    session_key=KEY,
    sign_in_to_read=True,
    proxy_networks=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")),
    proxy_header="x-forwarded-user",
    public_title="Example",
    public_text="How we are.",
    public_logo="EX",
    public_link="https://www.example/?a=b",
    public_groups=(Group("Shop", {"team": "shop", "tier": "1"}),),
)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()


def write(words: str) -> Path:
    file = Path("conf/web.json")
    file.write_text(words)
    file.chmod(0o600)
    return file


def mistakes_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        web_settings(None, environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_a_file_nobody_can_sign_in_and_nothing_is_public() -> None:
    assert web_settings(None, {}) == WebSettings()


def test_every_field_is_read() -> None:
    write(json.dumps(GOOD))
    assert set(GOOD) == set(WEB.parsers) == set(WebSettings.__struct_fields__)
    assert web_settings(None, {}) == EXPECTED


def test_every_field_comes_from_the_environment_too_and_that_wins() -> None:
    write(json.dumps({"public_title": "Other", "tokens": {"ben": HASH}}))
    as_text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in GOOD.items()}
    as_text |= {"proxy_networks": "10.0.0.0/8, ::1", "sign_in_to_read": "yes"}
    assert web_settings(None, {WEB.variable(name): value for name, value in as_text.items()}) == EXPECTED


def test_every_mistake_is_said_with_its_line_and_no_secret() -> None:
    write(
        """{
"public_url": "https://status.example/page",
"tokens": {"anna": "hunter2", "a b": "x"},
"session_key": "hunter2",
"sign_in_to_read": "perhaps",
"proxy_networks": ["10.0.0.0/8", "10.1.2.3/8"],
"proxy_header": "X Forwarded",
"public_title": 3,
"public_link": "javascript:alert(1)",
"public_groups": {"Shop": "team=shop"},
"public_url_": 1
}"""
    )
    said = [one.partition("web.json")[2] for one in mistakes_of()]
    assert said == [
        ":11: public_url_: unknown field; did you mean public_url?",
        ":2: public_url: expected a URL without path, query and password, such as https://status.example",
        ":3: tokens.anna: expected 64 hexadecimal digits: the line that `sitemon web token NAME` prints",
        ":4: session_key: expected at least 32 random characters",
        ":5: sign_in_to_read: expected true or false, not other text",
        ":6: proxy_networks[1]: expected a network such as 10.0.0.0/8",
        ":7: proxy_header: expected the name of a header, such as X-Forwarded-User",
        ":8: public_title: expected text, not a number (put it in quotes)",
        ":9: public_link: expected a URL such as https://www.example/, without a password",
        ':10: public_groups.Shop: expected labels such as {"team": "web"}, not text',
    ]
    assert "hunter2" not in str(said)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ('{"tokens": []}', "tokens: expected an object of names, not a list"),
        ('{"tokens": {"": "x"}}', "tokens.: expected text, not an empty one"),
        ('{"tokens": {"<b>": "x"}}', "tokens.<b>: expected 1 to 64 letters, digits, dots, dashes, underscores and @"),
        (f'{{"tokens": {{"a": "{HASH}", "b": "{HASH}"}}}}', "tokens.b: the same token as that of a"),
        ('{"public_groups": {"": {"a": "b"}}}', "public_groups.: expected a title of printable characters"),
        ('{"public_groups": {"A": {}}}', 'public_groups.A: expected labels such as {"team": "web"}, not a mapping'),
        ('{"public_groups": {"A": {"a": 1}}}', "public_groups.A.a: expected text, not a number"),
        ('{"proxy_networks": []}', "proxy_networks: expected networks such as 10.0.0.0/8"),
        ('{"proxy_header": "X-User"}', "proxy_networks: missing; proxy_header needs it"),
        ('{"proxy_networks": ["::1"]}', "proxy_header: missing; proxy_networks needs it"),
        (
            '{"public_url": "https://me:x@status.example"}',
            "public_url: expected a URL without path, query and password",
        ),
        ('{"public_link": "https://www.example/\\"><b>"}', "public_link: expected a URL such as"),
        (
            '{"sign_in_to_read": true}',
            "sign_in_to_read: nobody can sign in: expected tokens, or proxy_networks and proxy_header",
        ),
        ("[]", "expected an object of fields, not a list"),
    ],
)
def test_a_mistake_says_what_was_expected(words: str, problem: str) -> None:
    write(words)
    assert any(problem in said for said in mistakes_of()), mistakes_of()


@pytest.mark.parametrize("value", ["{", "[]", "anna=x", "[" * 100_000])
def test_what_is_no_json_in_the_environment_is_said(value: str) -> None:
    [said] = mistakes_of(SITEMON_WEB_TOKENS=value)
    assert said.startswith("SITEMON_WEB_TOKENS: expected an object of ")


def test_the_key_of_sessions_is_shown_nowhere() -> None:
    assert "hunter2" not in f"{EXPECTED} {EXPECTED!r} {pretty_repr(EXPECTED)}"


def test_a_key_that_others_can_read_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    write(json.dumps({"session_key": KEY})).chmod(0o644)
    Path("conf").chmod(0o755)
    with caplog.at_level(logging.WARNING):
        web_settings(None, {})
    assert "config.secrets_exposed" in caplog.text
