"""Files that somebody edits: sites, alerts, servers, and variables of the environment."""

import functools
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sitemon.checks.http.prepare import first_request, prepare
from sitemon.checks.judge.masked import secrets_of
from sitemon.config import servers
from sitemon.config.alerts import load_alerts
from sitemon.config.documents import read_document
from sitemon.config.settings import settings
from sitemon.config.sites import load_sites
from sitemon.model.alerts import Audience
from sitemon.model.errors import ConfigurationError
from sitemon.model.target import target_of
from tests.fuzz.target import SEPARATOR, Target, parts_of

_TEMPLATES: Final = Path(__file__).parents[3] / "conf_templates"
_ENVIRONMENT: Final = {"SHOP_KEY": "s3cret-of-the-shop", "SITEMON_ADDRESS_POLICY": "private"}
_PATHS: Final = ((), ("sites",), ("sites", 0), ("sites", 1, "url"), ("a", "b", 0), ("defaults", "expect", "json", 2))
_SERVERS: Final[Mapping[str, Callable[..., Any]]] = {
    "pg-server.json": servers.postgres_server,
    "db-admin.json": servers.admin_credentials,
    "sitemon-db.json": servers.database_credentials,
    "kafka-server.json": servers.kafka_server,
    "redis.json": servers.redis_server,
}


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="sitemon-fuzz-")


def _file(name: str, data: bytes) -> Path:
    file = Path(_folder().name) / name
    file.write_bytes(data)
    file.chmod(0o600)
    return file


def read_any(name: str, data: bytes) -> None:
    """Read a document, and ask for the lines of places in it."""
    with suppress(ConfigurationError):
        document = read_document(_file(name, data))
        for path in _PATHS:
            line = document.line_of(path)
            assert line is None or 1 <= line <= data.count(b"\n") + data.count(b"\r") + 100_000


def read_sites(data: bytes) -> None:
    """Load sites, and prepare what is sent to each."""
    try:
        sites = load_sites(_ENVIRONMENT, _file("sites.yaml", data)).sites
    except ConfigurationError as exc:
        assert not any("a mistake in sitemon" in mistake.problem for mistake in exc.mistakes)  # noqa: PT017
        return
    for site in sites:
        assert repr(site)
        assert target_of(site.url).port
        assert "" not in secrets_of(site)
        if site.url.startswith("http"):
            assert prepare(first_request(site), site.proxy).head


def read_alerts(data: bytes) -> None:
    """Load channels and routes."""
    file = _file("alerts.yaml", data)
    with suppress(ConfigurationError):
        alerts = load_alerts({**_ENVIRONMENT, "CONF_DIR": str(file.parent)})
        alerts.recipients(Audience({"team": "web"}), "down")
        alerts.reminders_for(Audience({"team": "web"}))


def read_server(data: bytes) -> None:
    """Read a server's file, and the variables that may stand for it: ``name``, its JSON, ``NAME=value`` a line."""
    name, content, variables = parts_of(data, 3)
    known = name.decode(errors="replace")
    kind = known if known in _SERVERS else "redis.json"
    environ = _environ_of(variables)
    file = _file(kind, content) if content else None
    with suppress(ConfigurationError):
        assert repr(_SERVERS[kind](None if file is None else str(file), environ))


def read_settings(data: bytes) -> None:
    """Read variables of the environment."""
    with suppress(ConfigurationError):
        settings(_environ_of(data))


def _environ_of(variables: bytes) -> dict[str, str]:
    """Return what an environment can hold: bytes without NUL, as Python reads them."""
    lines = variables.replace(b"\0", b"").decode(errors="surrogateescape").split("\n")
    found = {name: value for name, is_there, value in (line.partition("=") for line in lines) if is_there}
    return {"CONF_DIR": "/nonexistent", **found}


_YAML: Final = (
    b"a: [1, 2.5, 0x1f, 1e3, .inf, ~, yes, 2026-11-28, 2026-11-28T10:00:00+02:00]\n",
    b"a: &x {k: v}\nb: {<<: *x, c: *x}\n? [1, 2]\n: !!set {a, b}\n",
    b"a: |\n  text\n  more\nb: >-\n  folded\nc: 'it''s'\nd: \"\\u00e4\\x41\\ud800\"\n",
    b"%YAML 1.1\n---\na: !!binary aGVsbG8=\nb: !!timestamp 2026-11-28\nc: !!int '12'\n...\n---\nb: 1\n",
    b"a: 1\na: 2\nb: {c: 1, c: 2}\n",
    b"\xef\xbb\xbfsites: []\n",
    b"a: !!omap [a: 1]\nb: !!pairs [a: 1]\nc: !!python/object:os.system x\nd: !!bool x\ne: 0b1\nf: 1:20:30\n",
)
_JSON: Final = (
    b'{"a": [1, -2.5e3, true, null, "\\u00e4\\ud83d\\ude00"], "sites": [{"name": "a"}, {"url": "b"}]}\n',
    b'{"a": 1, "a": 2, "b": {"c": 1, "c": {}}}',
    b'{"a": "\\ud800", "b": NaN, "c": Infinity, "d": 1e999}',
    b"\xef\xbb\xbf[1, 2,\n3]",
    b"[[[[[[]]]]]]",
)
_SITES: Final = (
    (_TEMPLATES / "sites.yaml").read_bytes(),
    b"sites:\n- {name: a, url: 'http://a.example/', interval: 1.5s, timeout: 500ms, match: 'x+', ip_version: 4}\n",
    b"sites:\n- {name: d, url: 'dns://192.0.2.1/shop.example?type=MX', expect: {records: ['10 mail.example.']}}\n",
    b"sites:\n- {name: t, url: 'tls://[::1]:993', tls: {verify: false, server_name: b.example}, labels: {team: web}}\n",
    b"""\
sites:
- name: h
  url: https://u:p%40@b\xc3\xbccher.example:8443/a/../b?q=%zz#f
  headers: {X-Key: 'k ${SHOP_KEY}'}
  body: {form: {a: '${SHOP_KEY}'}}
  auth: {basic: {username: me, password: '${SHOP_KEY}'}}
  proxy: http://u:${SHOP_KEY}@proxy.example:3128
""",
    b"""\
defaults:
  expect: {status: [200-299, 404], max_latency: 1s, cert_days: 7}
  regions: [eu, us]
sites:
- name: j
  url: http://j/
  max_body: 2KiB
  expect:
    json: [{path: '$..a[?@.b > 1].c', at_least: 2}, {path: $.x, matches: '^a'}]
    headers: {X: {matches: y}, Z: {exists: false}}
    not_match: '(?i)err'
    body_size: 1KiB
""",
)
_ALERTS: Final = (
    (_TEMPLATES / "alerts.yaml").read_bytes(),
    b"""\
channels:
  hook: {webhook: 'https://h.example/x', secret: 'whsec_c2l0ZW1vbiBleGFtcGxlIHNlY3JldCAh'}
routes:
- {match: {team: web}, channels: [hook], events: [down, reminder], remind_every: 0, continue: true}
""",
    b"channels: {am: {alertmanager: '${SHOP_KEY}'}}\nroutes: [{channels: [am], remind_every: 10m}]\n",
)
_KAFKA: Final = b"""\
{"bootstrap_servers": ["a:9092", "b:9092"], "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN",
 "sasl_plain_username": "u", "sasl_plain_password": "p", "topic": "t", "partitions": 3}"""
_OF_SERVERS: Final = tuple(
    map(
        SEPARATOR.join,
        (
            (b"kafka-server.json", _KAFKA, b"SITEMON_KAFKA_COMPRESSION_TYPE=gzip\nSITEMON_KAFKA_REPLICATION_FACTOR=-1"),
            (b"pg-server.json", b'{"host": "db", "port": 5432, "is_ssl": true, "sslmode": "verify-full"}'),
            (b"pg-server.json", b"", b"SITEMON_PG_HOST=db\nSITEMON_PG_PORT=5433\nSITEMON_PG_IS_SSL=yes"),
            (b"sitemon-db.json", b'{"user": "u", "password": "p", "database": "d"}', b"SITEMON_DB_USER=v"),
            (b"db-admin.json", b'{"user": "u", "password": ""}'),
            (b"redis.json", b'{"url": "rediss://:p@[::1]:6379/3"}', b"SITEMON_REDIS_URL=redis://h:1/0"),
        ),
    )
)
_SETTINGS: Final = (
    b"SITEMON_REGION=eu\nSITEMON_WORKER_PROCESSES=2\nSITEMON_CHECKS_PER_HOST=5\nSITEMON_SPOOL_MAX=1GiB\n",
    b"SITEMON_ADDRESS_POLICY=public\nSITEMON_ADDRESS_ALLOW=10.0.0.0/8, fd00::/8\nSITEMON_SECRETS_ALLOW=SHOP_*,WIKI\n",
    b"SITEMON_RAW_RETENTION_DAYS=7\nSITEMON_DEAD_LETTER_RATIO=0.25\nSITEMON_SPOOL_DIR=~/spool\nSITEMON_REGIN=x\n",
)

TARGETS: Final = (
    Target("yaml", functools.partial(read_any, "any.yaml"), _YAML),
    Target("json", functools.partial(read_any, "any.json"), _JSON),
    Target("sites", read_sites, _SITES),
    Target("alerts", read_alerts, _ALERTS),
    Target("servers", read_server, _OF_SERVERS),
    Target("settings", read_settings, _SETTINGS),
)
