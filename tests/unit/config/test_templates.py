"""The files of ``conf_templates`` are a configuration without mistakes."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from sitemon.config.alert_channels import CHANNEL_FIELDS
from sitemon.config.alert_channels import KINDS as KINDS_OF_CHANNELS
from sitemon.config.alerts import HEARTBEAT_FIELDS, ROUTE_FIELDS, load_alerts
from sitemon.config.routes import ESCALATION_FIELDS
from sitemon.config.server_files import KINDS
from sitemon.config.servers import (
    admin_credentials,
    database_credentials,
    kafka_server,
    postgres_server,
    redis_server,
)
from sitemon.config.settings import known_variables
from sitemon.config.site_fields import SHARED
from sitemon.config.sites import load_sites
from sitemon.config.web import web_settings
from sitemon.model.site import Body, Proxy

FOLDER: Final = Path(__file__).parents[3] / "conf_templates"
IN_FOLDER: Final = {"CONF_DIR": str(FOLDER)}


def test_each_file_of_the_design_is_there() -> None:
    names = {file.name for file in FOLDER.iterdir()}
    assert names == {kind.file_name for kind in KINDS} | {"sites.yaml", "alerts.yaml", "README.md"}


def test_the_servers_are_those_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert postgres_server(None, IN_FOLDER).sslmode == "disable"
    assert admin_credentials(None, IN_FOLDER).database == "postgres"
    assert database_credentials(None, IN_FOLDER).database == "sitemon"
    assert kafka_server(None, IN_FOLDER).client == {"bootstrap_servers": ["127.0.0.1:9092"]}
    assert redis_server(None, IN_FOLDER).url == "redis://127.0.0.1:6379/0"
    assert web_settings(None, IN_FOLDER).tokens == {}


def test_the_sites_show_every_accepted_field() -> None:
    assert [site.name for site in load_sites(IN_FOLDER).sites] == ["example", "shop", "mail", "name-server"]
    words = (FOLDER / "sites.yaml").read_text()
    inner = {name for field in SHARED.values() if isinstance(field, dict) for name in field}
    assert [name for name in {*SHARED, *inner} if not re.search(rf"[ #{{]{name}:", words)] == []


def test_the_alerts_show_every_accepted_field() -> None:
    alerts = load_alerts(IN_FOLDER)
    assert [channel.kind for channel in alerts.channels.values()] == [*KINDS_OF_CHANNELS]
    words = (FOLDER / "alerts.yaml").read_text()
    fields = {
        "channels",
        "routes",
        "heartbeat",
        "references",
        *CHANNEL_FIELDS,
        *HEARTBEAT_FIELDS,
        *ROUTE_FIELDS,
        *ESCALATION_FIELDS,
    }
    assert [name for name in fields if not re.search(rf"[ #{{-]{name}:|^{name}:", words, re.MULTILINE)] == []


def test_what_is_commented_out_in_the_sites_is_accepted_too(tmp_path: Path) -> None:
    words = re.sub(
        r"^( +)# (X-Key|auth|body|proxy|json|  - )", r"\1\2", (FOLDER / "sites.yaml").read_text(), flags=re.MULTILINE
    )
    (tmp_path / "sites.yaml").write_text(words)
    shop = load_sites({"CONF_DIR": str(tmp_path), "SHOP_TOKEN": "t", "SHOP_KEY": "k"}).by_name["shop"]
    assert [(header.value, header.is_secret) for header in shop.headers] == [
        ("web", False),
        ("k", True),
        ("Bearer t", True),
    ]
    assert shop.body == Body(b'{"query":"{ stock }"}', "application/json")
    assert shop.proxy == Proxy("proxy.example", 3128)
    assert [one.path for one in shop.expect.json] == ["$.status", "$.version", "$.errors", "$.queue"]


def test_the_examples_of_the_readme_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ca.pem", "service.cert", "service.key"):
        (tmp_path / name).touch(mode=0o600)
    examples = re.findall(r"^    (\{.*?\})$", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    readers = (postgres_server, kafka_server, kafka_server, redis_server, web_settings)
    for example, read in zip(examples, readers, strict=True):
        file = tmp_path / "example.json"
        file.write_text(example)
        file.chmod(0o600)
        assert json.loads(example)
        read(str(file), {})


def test_the_variables_of_the_readme_exist() -> None:
    named = set(re.findall(r"`(SITEMON_[A-Z_]+[A-Z])`", (FOLDER / "README.md").read_text()))
    assert named - set(known_variables()) == set()
    assert len(named) > 5
