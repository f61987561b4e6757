"""``alerts.yaml``: what it says, and all of its mistakes with their lines."""

import re
from pathlib import Path

import pytest

from sitemon.apprise_services import is_service
from sitemon.config.alerts import load_alerts
from sitemon.model.alerts import EVENTS, Alerts, Escalation, Heartbeat, Route
from sitemon.model.errors import ConfigurationError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GOOD = """
channels:
  hook: {webhook: "https://hooks.example/${TOKEN}", secret: "${SECRET}"}
  am: {alertmanager: "http://alertmanager.example:9093"}
  ops: {apprise: ["json://chat.example/${TOKEN}", "json://sms.example/"], timezone: Europe/Helsinki}
routes:
  - match: {team: web}
    channels: [hook, am]
    events: [down]
    continue: true
    remind_every: 0
    group_for: 0
    escalate: [{after: 15m, channels: [ops]}]
  - channels: [am]
"""
NOT_OURS = "the environment variable SITEMON_DB_PASSWORD is not for sites: see SITEMON_SECRETS_ALLOW"
NO_SERVICE = "expected a URL of a service that Apprise knows, with all that it needs: mailto://…"
STEPS = "steps such as {after: 15m, channels: [boss]}"
BAD = """
chanels: {}
references: {default: [x], eu: [], e u: ["https://a.example/", "https://a.example/"]}
channels:
  one: {webhook: "hooks.example", secret: "hunter2"}
  two: {webhook: "https://me:hunter2@hooks.example/"}
  three: {apprise: "nothing://hunter2"}
  four: {alertmanager: "http://am.example", secret: "x", timezone: UTC}
  five: {}
  six: 3
  seven: {webhook: "https://hooks.example/${UNSET}", secret: "${SITEMON_DB_PASSWORD}"}
  eight: {apprise: ["json://ok.example/", "slack://hunter2", 5], timezone: Mars/Olympus, secret: "x"}
  nine/2: {apprise: []}
  ten: {webhook: "https://hooks.example/", alertmanager: "http://am.example"}
routes:
  - {match: {team: web}, channels: [onne, one, one], events: [down, degraded, up, down]}
  - match: team
    chanels: [one]
    group_for: 1h
    remind_every: 1m
  - 5
  - channels: [one, eight, nine]
    escalate: [{after: 0, channels: [one], to: x}, {channels: [onne]}, 5, {after: 1m, channels: []}]
  - {channels: one, escalate: {after: 1m, channels: [one]}, group_for: soon, continue: 5, events: down}
"""


def load(tmp_path: Path, words: str) -> Alerts:
    file = tmp_path / "alerts.yaml"
    file.write_text(words)
    file.chmod(0o600)
    return load_alerts({"CONF_DIR": str(tmp_path), "TOKEN": "t", "SECRET": SECRET, "SITEMON_DB_PASSWORD": "hunter2"})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_channels_and_routes_are_what_the_file_says(tmp_path: Path) -> None:
    alerts = load(tmp_path, GOOD)
    hook, am = alerts.channels["hook"], alerts.channels["am"]
    assert (hook.kind, hook.url, len(hook.secret)) == ("webhook", "https://hooks.example/t", 24)
    assert (am.kind, am.url, am.secret) == ("alertmanager", "http://alertmanager.example:9093", b"")
    first, second = alerts.routes
    assert first == Route(
        match={"team": "web"},
        channels=("hook", "am"),
        events=("down",),
        group_for_s=0.0,
        goes_on=True,
        remind_every_s=0.0,
        escalate=(Escalation(900.0, ("ops", "ops/2")),),
    )
    assert second == Route(
        match={},
        channels=("am",),
        events=EVENTS,
        group_for_s=10.0,
        remind_every_s=3600.0,
    )


def test_each_service_of_a_list_is_a_channel_of_its_own(tmp_path: Path) -> None:
    channels = load(tmp_path, GOOD).channels
    assert [*channels] == ["hook", "am", "ops", "ops/2"]
    assert [channels[name].url for name in ("ops", "ops/2")] == ["json://chat.example/t", "json://sms.example/"]
    assert {channels[name].timezone for name in ("ops", "ops/2")} == {"Europe/Helsinki"}


@pytest.mark.parametrize("words", ["", "channels:\nroutes:\n"])
def test_an_empty_file_tells_nobody(tmp_path: Path, words: str) -> None:
    assert load(tmp_path, words) == Alerts()


def test_a_service_to_which_apprise_sends_no_line_whole_is_refused(tmp_path: Path) -> None:
    """Of Matrix in Markdown it counts what it makes of a message against the length of what it was given."""
    load(tmp_path, GOOD.replace("json://sms.example/", "matrix://me:hunter2@chat.example/#ops?format=html"))
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, GOOD.replace("json://sms.example/", "matrix://me:hunter2@chat.example/#ops?format=markdown"))
    [mistake] = caught.value.mistakes
    assert str(mistake).removeprefix(f"{tmp_path}/alerts.yaml") == (
        ":5: channels.ops.apprise[1]: "
        "expected a URL that names a receiver, and no format= in which Apprise cuts each line"
    )


def test_without_a_file_nobody_is_told() -> None:
    assert load_alerts({"CONF_DIR": "nowhere"}) == Alerts()


def test_every_mistake_is_said_with_its_line_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, BAD)
    said = [str(mistake).removeprefix(f"{tmp_path}/alerts.yaml") for mistake in caught.value.mistakes]
    assert said == [
        ":2: chanels: unknown field; did you mean channels?",
        ":5: channels.one.webhook: expected a URL such as https://hooks.example/sitemon, without a password",
        ":5: channels.one.secret: expected whsec_ and 24 to 64 bytes in base64",
        ":6: channels.two.webhook: expected a URL such as https://hooks.example/sitemon, without a password",
        ":6: channels.two: secret: missing; a webhook is signed with it",
        f":7: channels.three.apprise: {NO_SERVICE}",
        ":8: channels.four.secret: means nothing to alertmanager",
        ":8: channels.four.timezone: means nothing to alertmanager",
        ":9: channels.five: expected one of webhook, alertmanager, apprise",
        ":10: channels.six: expected a mapping of names, not a number",
        ":11: channels.seven.webhook: the environment variable UNSET is not set",
        f":11: channels.seven.secret: {NOT_OURS}",
        ":12: channels.eight.secret: means nothing to apprise",
        ":12: channels.eight.timezone: expected a time zone such as UTC or Europe/Helsinki",
        f":12: channels.eight.apprise[1]: {NO_SERVICE}",
        ":12: channels.eight.apprise[2]: expected text, not a number (put it in quotes)",
        ":13: channels.nine/2: expected 1 to 200 letters, digits, dashes, underscores and dots",
        ":13: channels.nine/2.apprise: expected a URL of Apprise, or a list of them",
        ":14: channels.ten: expected one of webhook, alertmanager, apprise",
        ":16: routes[0].channels[0]: no channel of this name; did you mean one?",
        ":16: routes[0].channels[2]: one stands twice",
        ":16: routes[0].events[2]: no event of this name",
        ":16: routes[0].events[3]: down stands twice",
        ":18: routes[1].chanels: unknown field; did you mean channels?",
        ":17: routes[1]: channels: missing",
        ":19: routes[1].group_for: expected at most 10m: who is down waits for it",
        ":17: routes[1].match: expected a mapping of names to text, not text",
        ":20: routes[1].remind_every: expected 0 for never, or at least 5m",
        ":21: routes[2]: expected a mapping of names, not a number",
        ":22: routes[3].channels[2]: no channel of this name; did you mean nine/2?",
        ":23: routes[3].escalate[0].to: unknown field",
        ":23: routes[3].escalate[0].after: expected a duration such as 15m",
        ":23: routes[3].escalate[0].channels[0]: one is told from the start",
        ":23: routes[3].escalate[1]: after: missing",
        ":23: routes[3].escalate[1].channels[0]: no channel of this name; did you mean one?",
        ":23: routes[3].escalate[2]: expected a mapping of names, not a number",
        ":23: routes[3].escalate[3].channels: expected a channel at least",
        ":24: routes[4].channels: expected a list of at most 100 channels, not text",
        ":24: routes[4].events: expected a list, not text",
        ":24: routes[4].group_for: expected a duration such as 500ms, 30s, 5m, 1h, or a number of seconds",
        f":24: routes[4].escalate: expected a list of at most 10 {STEPS}, not a mapping",
        ":24: routes[4].continue: expected true or false, not a number",
        ":3: references.default[0]: expected a URL such as https://hooks.example/sitemon, without a password",
        ":3: references.eu: expected a list of URLs",
        ":3: references.e u: expected 1 to 64 letters, digits, dashes and underscores",
        ":3: references.e u[1]: stands twice",
    ]
    assert "hunter2" not in str(said)


def test_a_heartbeat_is_a_url_that_is_masked(tmp_path: Path) -> None:
    alerts = load(tmp_path, 'heartbeat: {url: "https://beats.example/${TOKEN}", every: 30s}')
    assert alerts.heartbeat == Heartbeat("https://beats.example/t", 30.0)
    assert "beats.example" not in repr(alerts)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("heartbeat: 3", ":1: heartbeat: expected a mapping of names, not a number"),
        ("heartbeat: {every: 60s}", ":1: heartbeat: url: missing"),
        ("heartbeat: {url: beats.example}", ":1: heartbeat.url: expected a URL"),
        ('heartbeat: {url: "https://beats.example/", every: 1s}', ":1: heartbeat.every: expected at least 10s"),
        ('heartbeat: {uri: "https://beats.example/"}', ":1: heartbeat.uri: unknown field; did you mean url?"),
    ],
)
def test_a_wrong_heartbeat_is_refused(tmp_path: Path, words: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        load(tmp_path, words)


def test_references_are_urls_by_region(tmp_path: Path) -> None:
    words = 'references: {default: ["https://one.example/", "https://two.example/"]}'
    assert load(tmp_path, words).references == {"default": ("https://one.example/", "https://two.example/")}


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ("channels: {a: {alertmanager: 'http://a/'}}\nroutes: [{channels: [[a]]}]", "no channel of this name"),
        ("channels: {a: {alertmanager: 'http://a/'}}\nroutes: [{channels: [{a: 1}]}]", "no channel of this name"),
        ("channels: {a: {webhook: 'http://a/', secret: whsec_ä}}", "expected whsec_ and 24 to 64 bytes in base64"),
        ("channels: {a: {alertmanager: 'http://a..b/'}}", "expected a URL such as"),
        ("channels: {}\nroutes:\n- {channels: [], 7: 1}", ":3: routes[0].7: expected a name that is text"),
        ("channels:\n  a: {alertmanager: 'http://a/'}\n  7: {}", ":3: channels.7: expected a name that is text"),
        ("channels: false", "channels: expected a mapping of names, not true or false"),
        ("routes: ''", "routes: expected a list, not text"),
        ("references: 0", "references: expected a mapping of names, not a number"),
        (f"channels: {{a: {{alertmanager: 'http://{'a' * 64}.example/'}}}}", "expected a URL such as"),
        ("channels: {a: {alertmanager: 'http://[::1.2]/'}}", "expected a URL such as"),
    ],
)
def test_what_nobody_would_write_is_a_mistake_too(tmp_path: Path, words: str, mistake: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(mistake)):
        load(tmp_path, words)


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        (None, {}, None),
        ('{"public_url": "https://status.example/"}', {}, "https://status.example"),
        (
            '{"public_url": "https://a.example"}',
            {"SITEMON_WEB_PUBLIC_URL": "https://b.example"},
            "https://b.example",
        ),
        ('{"public_url": "https://a.example", "tokens": {"anna": "x"}}', {}, "https://a.example"),
        ('{"public_url": "a.example"}', {}, None),
        ("[", {}, None),
    ],
    ids=["no file", "the file", "the environment wins", "mistakes elsewhere", "no address", "no file of fields"],
)
def test_where_the_page_is_says_web_json(
    tmp_path: Path, words: str | None, variables: dict[str, str], expected: str | None
) -> None:
    (tmp_path / "alerts.yaml").write_text("channels: {a: {alertmanager: 'http://a/'}}")
    if words is not None:
        (tmp_path / "web.json").write_text(words)
    assert load_alerts({"CONF_DIR": str(tmp_path)} | variables).page_url == expected


def test_a_url_of_what_is_no_text_is_none_of_a_service() -> None:
    """As a variable of the environment may be, of bytes that are no UTF-8."""
    assert is_service("json://127.0.0.1/\udcff?to=\udcff") is False
