"""``sitemon lint`` and ``sitemon sites``."""

import io
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from sitemon import clock
from sitemon.cli import lint, sites
from sitemon.model.moment import format_utc, from_ms
from sitemon.schedule.slots import next_slot_ms

SITES = """
sites:
  - {name: shop, url: "https://user:hunter2@shop.example/x?key=hunter2", interval: 1h, regions: [eu, us]}
  - {name: six, url: "http://[fe80::1]/", enabled: false}
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir(mode=0o700)


def said_by(command: click.Command, *words: str) -> tuple[object, list[str]]:
    """What a command returns and prints; in the contract that is its exit status."""
    result = CliRunner().invoke(command, words, standalone_mode=False)
    assert result.exception is None
    return result.return_value, result.stdout.splitlines()


def test_lint_prints_every_mistake_of_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("conf/sites.yaml").write_text("sites:\n- {name: a, url: a}\n- {name: b}\n")
    Path("conf/pg-server.json").write_text('{\n"hots": "h"}')
    monkeypatch.setenv("SITEMON_REDIS_URL", "hunter2")
    monkeypatch.setenv("SITEMON_SPOOL_MAX", "big")
    assert said_by(lint.command) == (
        1,
        [
            "conf/pg-server.json:2: hots: unknown field; did you mean host?",
            "conf/pg-server.json:1: host: missing; give it here or in SITEMON_PG_HOST",
            "SITEMON_REDIS_URL: expected redis://host:port/number, or rediss:// for TLS",
            "SITEMON_SPOOL_MAX: expected a size such as 64KiB, 500MiB, 1GiB, or a number of bytes",
            "conf/sites.yaml:2: a: url: expected a URL such as https://example.org/path",
            "conf/sites.yaml:3: b: url: missing",
            "6 mistakes",
        ],
    )


def test_lint_finds_channels_that_alerts_has_not() -> None:
    Path("conf/sites.yaml").write_text("sites:\n- {name: a, url: http://a/, alerts: [am, opps]}\n")
    assert said_by(lint.command)[0] == 0  # whoever reads only sites knows no channels
    Path("conf/alerts.yaml").write_text("channels: {am: {alertmanager: http://am.example:9093}}\n")
    assert said_by(lint.command) == (
        1,
        ["conf/sites.yaml:2: a: alerts[1]: no channel of this name", "1 mistake"],
    )


def test_lint_without_mistakes_says_what_it_read_and_advises() -> None:
    Path("conf/sites.yaml").write_text(SITES)
    Path("conf/pg-server.json").write_text('{"host": "h"}')
    assert said_by(lint.command) == (
        0,
        [
            (
                "warning: pg-server.json: h is not verified: whoever stands between can read and change what is said; "
                "ssl_root_cert, which makes sslmode verify-full mends it"
            ),
            "advice: shop: url: a password in a URL is easily shown; give it as auth, from ${NAME}",
            "no mistakes: 2 sites from conf/sites.yaml; pg-server.json",
        ],
    )


def test_lint_lists_no_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEMON_PG_HOST", "127.0.0.1")
    monkeypatch.setenv("SITEMON_REDIS_URL", "redis://127.0.0.1:6379/0")
    Path("conf/redis.json").write_text("{}")
    assert said_by(lint.command) == (
        0,
        [
            (
                "no mistakes: no sites: there is no conf/sites.yaml or conf/sites.json or conf/sites.d; "
                "SITEMON_PG_*, redis.json and SITEMON_REDIS_*"
            )
        ],
    )


def test_lint_warns_of_servers_that_are_not_verified_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("conf/pg-server.json").write_text('{"host": "pg.example", "is_ssl": true}')
    monkeypatch.setenv("SITEMON_KAFKA_BOOTSTRAP_SERVERS", "[::1]:9092,kafka.example:9092")
    monkeypatch.setenv("SITEMON_REDIS_URL", "redis://:hunter2@10.0.0.1:6379/0")
    status, lines = said_by(lint.command)
    assert status == 0
    assert [line.partition(" is not verified: ")[0] for line in lines[:-1]] == [
        "warning: pg-server.json: pg.example",
        "warning: SITEMON_KAFKA_*: kafka.example",
        "warning: SITEMON_REDIS_*: 10.0.0.1",
    ]


def test_lint_advises_on_a_latency_that_the_timeout_hides() -> None:
    site = '{name: a, url: "http://a/", timeout: 2s, expect: {max_latency: 2s}}'
    Path("conf/sites.yaml").write_text(f"sites: [{site}]")
    assert said_by(lint.command)[1][0] == (
        "advice: a: expect.max_latency: never exceeded: the timeout of 2s ends the check"
    )


def test_lint_warns_of_routes_that_no_site_takes() -> None:
    Path("conf/sites.yaml").write_text("sites: [{name: a, url: 'http://a/'}]")
    Path("conf/alerts.yaml").write_text(
        "channels: {am: {alertmanager: 'http://am.example:9093'}}\n"
        "routes:\n"
        "  - channels: [am]\n"
        "  - {channels: [am], events: [region]}\n"
        "  - match: {team: web}\n"
        "    channels: [am]\n"
    )
    assert said_by(lint.command) == (
        0,
        [
            (
                "warning: conf/alerts.yaml:5: routes[2]: never taken: each site that fits it takes routes[0] before, "
                "which does not continue (line 3)"
            ),
            "no mistakes: 1 site from conf/sites.yaml; alerts.yaml",
        ],
    )


def test_lint_passes_over_the_variables_of_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEMON_KAFKA_SERVICE_HOST", "10.0.0.1")
    status, lines = said_by(lint.command)
    assert status == 0
    assert lines[-1].endswith("; no servers")


def test_sites_prints_columns_for_scripts_without_secrets() -> None:
    Path("conf/sites.yaml").write_text(SITES)
    now_ms = clock.now_ms()
    _, lines = said_by(sites.command)
    rows = [line.split("\t") for line in lines]
    assert rows[0] == ["site", "url", "every", "regions", "next slot (UTC)"]
    assert rows[1][:4] == ["shop", "https://shop.example/x", "3600s", "eu,us"]
    assert rows[1][4] == f"{from_ms(next_slot_ms('shop', 3_600_000, now_ms)):%H:%M:%S.%f}"[:-3]
    assert rows[2] == ["six", "http://[fe80::1]/", "60s", "default", "disabled"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_sites_has_one_line_a_site_on_a_terminal_of_any_width(width: int) -> None:
    long = ("a-site-with-a-long-name", f"https://shop.example/{'path/' * 30}", "30s", "eu,us", "12:30:00.000")
    printed = io.StringIO()
    Console(file=printed, width=width).print(sites._table([long, long]))
    lines = printed.getvalue().splitlines()
    assert len(lines) == 3
    assert all("http" in line and "…" in line and line.rstrip().endswith("12:30:00.000") for line in lines[1:])


def test_sites_prints_json_without_secrets() -> None:
    Path("conf/sites.yaml").write_text(SITES)
    now_ms = clock.now_ms()
    _, lines = said_by(sites.command, "--json")
    shop, six = json.loads("\n".join(lines))
    assert shop == {
        "name": "shop",
        "url": "https://shop.example/x",
        "interval_s": 3600.0,
        "timeout_s": 10.0,
        "regions": ["eu", "us"],
        "labels": {},
        "enabled": True,
        "next_slot_at": format_utc(from_ms(next_slot_ms("shop", 3_600_000, now_ms))),
    }
    assert (six["enabled"], six["next_slot_at"]) == (False, None)
