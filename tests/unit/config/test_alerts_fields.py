"""Each field of ``conf_templates/alerts.yaml``, wrong in one way: one mistake, with the line on which it stands."""

from pathlib import Path
from typing import Final

import pytest

from sitemon.config.alert_channels import CHANNEL_FIELDS
from sitemon.config.alerts import HEARTBEAT_FIELDS, ROUTE_FIELDS, load_alerts
from sitemon.config.routes import ESCALATION_FIELDS
from sitemon.model.errors import ConfigurationError

TEMPLATE: Final = (Path(__file__).parents[3] / "conf_templates" / "alerts.yaml").read_text()
HOOK, AM, OPS = "https://hooks.example/sitemon", "http://alertmanager.example:9093", '"mailtos://me:secret@mail'
WRONG: Final = [
    (f"webhook: {HOOK}", "webhook: 5", "channels.hook.webhook"),
    ("secret: ", "secret: 5 #", "channels.hook.secret"),
    (f"alertmanager: {AM}", "alertmanager: {a: b}", "channels.am.alertmanager"),
    (f"apprise: {OPS}", "apprise: [] #", "channels.ops.apprise"),
    ("timezone: Europe/Helsinki", "timezone: 2", "channels.ops.timezone"),
    ("match: {team: web}", "match: {team: 5}", "routes[0].match.team"),
    ("channels: [ops]", "channels: ops", "routes[0].channels"),
    ("events: [down,", "events: [7,", "routes[0].events[0]"),
    ("group_for: 10s", "group_for: [10]", "routes[0].group_for"),
    ("remind_every: 1h", "remind_every: often", "routes[0].remind_every"),
    ("it\n      - {after: 15m", "it\n      {after: 15m", "routes[0].escalate"),
    ("after: 15m", "after: []", "routes[0].escalate[0].after"),
    ("channels: [hook]", "channels: 5", "routes[0].escalate[0].channels"),
    ("    continue: true", "    continue: maybe", "routes[0].continue"),
    ('"https://one.example/"', "one", "references.default[0]"),
    ("url: https://heartbeat", "url: ftp://heartbeat", "heartbeat.url"),
    ("every: 60s", "every: soon", "heartbeat.every"),
]
UNKNOWN: Final = [
    ("    timezone:", "    timezon:", "channels.ops.timezon"),
    ("- match:", "- mtch:", "routes[0].mtch"),
    ("events:", "event:", "routes[0].event"),
    ("group_for:", "group:", "routes[0].group"),
    ("remind_every:", "remind:", "routes[0].remind"),
    ("    continue:", "    goes_on:", "routes[0].goes_on"),
    ("\nreferences:", "\nreference:", "reference"),
    ("\nheartbeat:", "\nheart:", "heart"),
    ("  every:", "  evry:", "heartbeat.evry"),
]
TWICE: Final = [
    ("  am:\n", "  hook:\n", "hook"),
    ("channels: [ops]", "channels: [ops, am, ops]", "routes[0].channels[2]"),
    ("events: [down,", "events: [down, down,", "routes[0].events[1]"),
    ("channels: [hook]", "channels: [hook, ops]", "routes[0].escalate[0].channels[1]"),
    ('"https://two.example/"', '"https://one.example/"', "references.default[1]"),
    ("  every:", "  url: https://a.example/\n  every:", "url"),
]
NOT_THERE: Final = [
    ("channels: [ops]", "channels: [opps]", "routes[0].channels[0]"),
    ("channels: [hook]", "channels: [am, hok]", "routes[0].escalate[0].channels[1]"),
    ("events: [down,", "events: [dwon,", "routes[0].events[0]"),
    ("timezone: Europe/Helsinki", "timezone: Europe/Helsinky", "channels.ops.timezone"),
    (HOOK, "https://hooks.example/${NOT_SET}", "channels.hook.webhook"),
]


@pytest.mark.parametrize(("right", "wrong", "field"), [*WRONG, *UNKNOWN, *TWICE, *NOT_THERE])
def test_it_is_one_mistake_at_its_line(tmp_path: Path, right: str, wrong: str, field: str) -> None:
    before, found, after = TEMPLATE.partition(right)
    assert found
    file = tmp_path / "alerts.yaml"
    file.write_text(before + wrong + after)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        load_alerts({"CONF_DIR": str(tmp_path)})
    [mistake] = caught.value.mistakes
    line = (before + wrong[: len(wrong) - len(wrong.lstrip("\n"))]).count("\n") + 1
    assert (mistake.field, mistake.line) == (field, line)


def test_every_field_is_among_those_that_are_wrong() -> None:
    fields = {*CHANNEL_FIELDS, *ROUTE_FIELDS, *ESCALATION_FIELDS, *HEARTBEAT_FIELDS}
    assert fields <= {step.partition("[")[0] for _, _, field in WRONG for step in field.split(".")}
