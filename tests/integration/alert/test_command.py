"""``sitemon-alerter`` as a process, and the commands that people use."""

import itertools
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.ports import free_port
from sitemon.model.outcome import Outcome
from tests import commands
from tests.children import starting
from tests.databases import environment_of, execute, rows
from tests.integration.alert.receiver import SECRET, Receiver, write_alerts
from tests.integration.alert.scene import Scene
from tests.pipeline import own_code, wait_for
from tests.results import a_down, a_result

Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., tuple[int, str]]
CLOCK_HOOK = Path(__file__).parents[2] / "faults" / "clock_hook"
_ENTRY = "from sitemon.cli.{0} import main; main()"


@pytest.fixture
def environ(postgres_server: PostgresServer, owner: Credentials, receiver: Receiver, tmp_path: Path) -> dict[str, str]:
    """What the environment says: the test's database, and a folder with sites and alerts."""
    write_alerts(tmp_path, {"hook": receiver})
    (tmp_path / "sites.yaml").write_text("sites:\n  - {name: shop, url: https://shop.example/, down_after: 2}\n")
    return {
        "PATH": os.environ["PATH"],
        **own_code(),
        "CONF_DIR": str(tmp_path),
        **environment_of(postgres_server, owner),
    }


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a command of ours; it is killed at the end, if it is still there."""
    with starting(environ, tmp_path) as start_code:
        yield lambda module, *arguments, **variables: start_code(_ENTRY.format(module), *arguments, **variables)


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    """Run a command of ours, or another program, to its end; return its status and what it printed."""

    def run_it(*arguments: str, program: str = "sitemon", **variables: str) -> tuple[int, str]:
        done = commands.run(program, *arguments, environ=environ | variables, folder=tmp_path)
        return done.returncode, done.stdout + done.stderr

    return run_it


def delivered(scene: Scene) -> int:
    [(count,)] = rows(scene.conn, "SELECT count(*) FROM sitemon.alerts WHERE state = 'delivered'")
    return int(count)


def connections(scene: Scene) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    [(count,)] = rows(scene.conn, query, ("sitemon-alerter",))
    return int(count)


def test_edits_of_the_channels_are_taken_up_within_five_seconds(
    start: Start, scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    sites = itertools.count()

    def is_told(told: Receiver, name: str) -> bool:
        """Let one more site fail, and tell whether somebody heard of one that failed since."""
        scene.write(scene.results("ddd", site=f"{name}-{next(sites)}"))
        return any(event["data"]["site"].startswith(name) for event in told.events)

    alerter = start("alerter")
    wait_for(lambda: is_told(receiver, "before"))
    with Receiver() as other:
        write_alerts(tmp_path, {"other": other})
        wait_for(lambda: is_told(other, "edited"), within_s=5)
        (tmp_path / "alerts.yaml").write_text("chanels: {}\n")
        lines = alerter.stderr or ()
        [kept] = itertools.islice((line for line in lines if "config.alerts_kept" in line), 1)
        wait_for(lambda: is_told(other, "kept"))
    alerter.send_signal(signal.SIGTERM)
    assert "alerts.yaml:1: chanels: unknown field; did you mean channels?" in kept
    assert "config.alerts_kept" not in alerter.communicate(timeout=15)[1]


def test_people_are_told_of_many_sites_by_one_message_and_nothing_is_kept_on_disk(
    start: Start, scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "alerts.yaml").write_text(
        f'channels:\n  ops: {{apprise: "{receiver.people().url}"}}\nroutes:\n  - {{channels: [ops], group_for: 5s}}\n'
    )
    (tmp_path / "alerts.yaml").chmod(0o600)
    start("alerter", HOME=str(home))
    scene.write([result for site in range(300) for result in scene.results("uddd", site=f"site-{site:03}")])
    wait_for(lambda: delivered(scene) == 300)
    assert [subject for subject, _ in receiver.read] == ["300 sites are down: site-000, site-001, site-002, …"]
    assert [*home.iterdir()] == []


def test_a_channel_that_never_answers_holds_up_no_other(
    start: Start, scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        write_alerts(tmp_path, {"silent": {"webhook": url, "secret": SECRET}, "hook": receiver})
        start("alerter")
        scene.write(scene.results("udd"))
        wait_for(lambda: len(receiver.events) == 1)
        scene.write(scene.results("u", start=3))
        wait_for(lambda: len(receiver.events) == 2, within_s=5)
    waiting = rows(scene.conn, "SELECT type FROM sitemon.alerts WHERE channel = 'silent' AND state = 'waiting'")
    assert len(waiting) == 2


def test_wrong_configuration_is_one_line_and_status_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text("channels:\n  hook: {webhook: x}\nroutes: []\n")
    status, said = run(program="sitemon-alerter")
    assert status == 2
    assert said.count("\n") == 1
    assert "alerts.yaml:2: channels.hook.webhook: expected a URL" in said
    status, said = run("lint")
    assert status == 1
    assert "alerts.yaml:2: channels.hook: secret: missing" in said


def test_a_password_that_is_refused_ends_it(run: Run) -> None:
    status, said = run(program="sitemon-alerter", SITEMON_DB_PASSWORD="wrong")
    assert status == 2
    assert "password" in said


def test_a_database_that_is_away_is_waited_for(start: Start) -> None:
    alerter = start("alerter", SITEMON_PG_PORT=str(free_port()))
    lines = alerter.stderr or ()
    [said] = itertools.islice((line for line in lines if "alerter.postgres_away" in line), 1)
    assert "waiting for the database" in said
    alerter.send_signal(signal.SIGTERM)
    assert alerter.wait(timeout=10) == 0


def test_incidents_are_listed_and_acknowledged(run: Run, scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    status, said = run("incidents", "--open", "--json")
    [incident] = json.loads(said)
    assert (status, incident["site"], incident["reason"], incident["ended_at"]) == (1, "shop", "timeout", None)
    number = str(incident["incident_id"])
    assert run("ack", number, "--by", "anna") == (0, f"incident {number}: acknowledged\n")
    assert run("ack", number)[0] == 1
    assert "open, known to anna" in run("incidents")[1]
    assert run("note", number, "the disk is full", "--by", "anna") == (0, f"incident {number}: noted\n")
    public = run("note", number, "we are on it", "--publish", "--by", "ben")
    assert public == (0, f"incident {number}: noted, for everybody\n")
    assert run("note", "4711", "x") == (1, "incident 4711: there is none\n")
    assert rows(scene.conn, "SELECT written_by, note, is_published FROM sitemon.notes ORDER BY note_id") == [
        ("anna", "the disk is full", False),
        ("ben", "we are on it", True),
    ]
    assert "we are on it" in run("notes", number)[1]
    assert run("notes", number, "--take-back", "2", "--by", "ben") == (0, "note 2: taken back\n")
    assert run("notes", number, "--take-back", "2")[0] == 1
    assert "taken back by ben" in run("notes", number)[1]
    instead = run("note", number, "the disk was full", "--publish", "--replaces", "1", "--by", "anna")
    assert instead == (0, f"incident {number}: noted, for everybody\n")
    assert run("note", number, "x", "--replaces", "1")[0] == 1
    query = "SELECT note_id, is_published, withdrawn_by FROM sitemon.notes ORDER BY note_id"
    assert rows(scene.conn, query) == [(1, False, "anna"), (2, False, "ben"), (3, True, None)]
    assert run("notes", "4711") == (0, "incident 4711: no notes\n")
    scene.arrive(*scene.results("u", start=4))
    assert scene.receiver.events[-1]["data"]["incident"]["acknowledged_by"] == "anna"
    assert run("incidents", "--open") == (0, "no incidents\n")


def test_of_very_many_incidents_and_alerts_the_newest_are_listed(run: Run, scene: Scene) -> None:
    scene.write(scene.results("u"))
    execute(
        scene.conn,
        """
        INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, regions)
        SELECT site_id, now() - turn * interval '1 min', now(), now(), '{default}'
        FROM sitemon.site, generate_series(1, 150) AS turn
        """,
    )
    execute(
        scene.conn,
        """
        INSERT INTO sitemon.outbox (event_id, type, channel, event)
        SELECT gen_random_uuid(), 'site.down', 'hook', '{}' FROM generate_series(1, 150)
        """,
    )
    for command in (["incidents"], ["alerts", "list"]):
        status, said = run(*command)
        assert (status, said.count("\n")) == (0, 102)
        assert "only the newest 100: --limit for more\n" in said
        assert "only" not in run(*command, "--limit", "150")[1]
    newest = json.loads(run("incidents", "--json", "--limit", "150")[1])
    said = run("incidents", "--json", "--limit", "2")[1]
    assert json.loads(said.partition("only")[0]) == newest[:2]
    assert [one["started_at"] for one in newest] == sorted((one["started_at"] for one in newest), reverse=True)


def test_of_very_many_windows_those_that_somebody_declared_are_listed_first(run: Run, scene: Scene) -> None:
    scene.write(scene.results("u"))
    execute(
        scene.conn,
        """
        INSERT INTO sitemon.maintenance_window (maintenance_id, site_id, from_at, until_at, is_configured)
        SELECT nextval('sitemon.maintenance_number'), site_id, now() + turn * '1 h'::interval, now() + '10 d', true
        FROM sitemon.site, generate_series(1, 150) AS turn
        """,
    )
    assert run("maintenance", "start", "shop", "--for", "1h")[0] == 0
    status, said = run("maintenance", "list")
    assert (status, said.count("\n")) == (0, 102)
    assert "only the newest 100: --limit for more\n" in said
    listed = json.loads(run("maintenance", "list", "--json", "--limit", "151")[1])
    begin = [one["from_at"] for one in listed[1:]]
    assert [one["is_configured"] for one in listed] == [False] + [True] * 150
    assert begin == sorted(begin)
    said = run("maintenance", "list", "--json", "--limit", "2")[1]
    assert json.loads(said.partition("only")[0]) == listed[:2]


def test_maintenance_is_declared_listed_and_ended(run: Run, scene: Scene) -> None:
    scene.arrive(*scene.results("uddd"))
    number = str(2**31)
    execute(scene.conn, f"SELECT setval('sitemon.maintenance_number', {number}, false)")
    status, said = run("maintenance", "start", "shop", "--for", "6h", "--since", "3h", "--by", "anna")
    assert (status, said.partition(", until ")[0]) == (0, f"maintenance {number}: shop")
    scene.arrive()
    assert scene.said[1:] == [("incident.withdrawn", 1, None)]
    [window] = json.loads(run("maintenance", "list", "--json")[1])
    assert (window["sites"], window["state"], window["declared_by"]) == (["shop"], "running", "anna")
    assert "maintenance" in run("status")[1]
    assert run("maintenance", "stop", number) == (0, f"maintenance {number}: ended\n")
    assert run("maintenance", "stop", number) == (1, f"maintenance {number}: it is over already\n")
    assert run("maintenance", "stop", number, "--withdraw") == (0, f"maintenance {number}: withdrawn\n")
    assert "withdrawn" in run("maintenance", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["start", "--for", "2h"], "expected sites, or --label"),
        (["start", "shop"], "Missing option '--for'"),
        (["start", "shop", "--for", "31d"], "--for: expected at least 1s, and at most 30d"),
        (["start", "shop", "--for", "2h", "--since", "monday"], "expected a moment such as"),
        (["start", "shop", "--for", "2h", "--since", "2026-11-24T07:00"], "expected a moment with its zone"),
        (["start", "shop", "--for", "2h", "--since", "90d"], "results are kept from"),
        (["start", "--label", "web", "--for", "2h"], "expected a label such as team=web"),
        (["start", "blog", "--for", "2h"], "the database has no site blog"),
        (["stop", "17"], "there is no window 17"),
    ],
)
def test_wrong_use_of_maintenance_is_one_line_and_status_2(
    run: Run, scene: Scene, arguments: list[str], problem: str
) -> None:
    scene.write(scene.results("u"))
    status, said = run("maintenance", *arguments)
    assert status == 2
    assert problem in said
    assert said.count("\n") == 1


def test_of_a_site_behind_one_that_is_down_an_alerter_says_nothing(
    start: Start, run: Run, scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "sites.yaml").write_text(
        "defaults: {down_after: 2}\nsites:\n"
        "  - {name: gateway, url: 'tcp://gateway.example:443'}\n"
        "  - {name: shop, url: 'https://shop.example/', depends_on: [gateway]}\n"
    )
    start("alerter")
    for minute, outcome in enumerate([Outcome.UP, Outcome.DOWN, Outcome.DOWN, Outcome.DOWN]):
        scene.write([a_result(site, minute=minute - 60, outcome=outcome) for site in ("shop", "gateway")])
    behind = "SELECT count(*) FROM sitemon.incidents WHERE site = 'shop' AND behind = 'gateway'"
    wait_for(lambda: rows(scene.conn, behind) == [(1,)])
    wait_for(lambda: delivered(scene) == 1)
    assert [event["data"]["site"] for event in receiver.events] == ["gateway"]
    assert "open, behind gateway" in run("incidents")[1]


def test_an_alerter_writes_the_windows_of_the_sites_down(start: Start, run: Run, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text(
        "sites:\n  - name: shop\n    url: https://shop.example/\n"
        '    maintenance: [{rrule: "FREQ=DAILY", start: "02:00", duration: 2h}]\n'
    )
    start("alerter")
    planned = "SELECT count(*) FROM sitemon.maintenance WHERE is_configured AND site = 'shop'"
    wait_for(lambda: rows(scene.conn, planned)[0][0] >= 15)
    assert "the configuration" in run("maintenance", "list")[1]


@pytest.mark.parametrize("ahead_s", [-600, 600])
def test_an_alerter_whose_clock_is_wrong_says_so_and_decides_by_postgresqls(
    start: Start, scene: Scene, tmp_path: Path, ahead_s: int
) -> None:
    sites = [f"shop-{n}" for n in range(20)]
    listed = "".join(f"  - {{name: {site}, url: https://shop.example/}}\n" for site in sites)
    (tmp_path / "sites.yaml").write_text(f"sites:\n{listed}")
    offset = tmp_path / "ahead_s"
    offset.write_text(str(ahead_s))
    alerter = start("alerter", FAULTS_CLOCK_FILE=str(offset), **own_code(CLOCK_HOOK))
    lines = alerter.stderr or ()
    [said] = itertools.islice((line for line in lines if "alerter.clock_" in line), 1)
    side = "ahead of" if ahead_s > 0 else "behind"
    assert "alerter.clock_apart: " in said
    assert f" s {side} PostgreSQL's" in said
    untried = iter(sites)

    def is_confirmed() -> bool:
        """Fail once more: on a machine that is slow now, what confirms a failure is too late."""
        scene.write([a_down(next(untried), slot_at=clock.utc_now(), checked_at=clock.utc_now())])
        wait_for(lambda: rows(scene.conn, "SELECT count(*) FROM sitemon.undecided") == [(0,)])
        return rows(scene.conn, "SELECT count(*) > 0 FROM sitemon.confirming") == [(True,)]

    wait_for(is_confirmed)
    offset.write_text("0")
    assert any("alerter.clock_right" in line for line in lines)


def test_alerts_are_listed_tried_and_sent_again(run: Run, scene: Scene, receiver: Receiver) -> None:
    assert run("alerts", "test", "hook") == (0, "hook: delivered\n")
    assert receiver.events[0]["type"] == "test"
    assert run("alerts", "list") == (0, "no alerts\n")
    receiver.answers = [(410, {})]
    scene.arrive(*scene.results("uddd"))
    status, said = run("alerts", "list")
    assert status == 1
    assert "given up" in said
    assert run("alerts", "retry") == (0, "1 alerts are due now\n")
    scene.send()
    assert receiver.events[-1]["type"] == "site.down"
    assert run("alerts", "list")[0] == 0
    receiver.answers = [(503, {})]
    assert run("alerts", "test", "hook") == (1, "hook: not delivered: HTTP 503\n")


def test_what_was_overtaken_is_listed_and_nothing_to_act_on(run: Run, scene: Scene, receiver: Receiver) -> None:
    receiver.answers = [(400, {})]
    scene.arrive(*scene.results("udddu"))
    status, said = run("alerts", "list", "--json")
    assert [(one["type"], one["state"], one["is_overtaken"], one["problem"]) for one in json.loads(said)] == [
        ("site.resolved", "delivered", False, None),
        ("site.down", "given up", True, "overtaken by what came later: HTTP 400"),
    ]
    assert status == 0


def test_each_service_of_a_list_is_tried(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    url = receiver.people().url
    (tmp_path / "alerts.yaml").write_text(
        f'channels:\n  ops: {{apprise: ["{url}", "{url}"], timezone: Europe/Helsinki}}\nroutes: []\n'
    )
    (tmp_path / "alerts.yaml").chmod(0o600)
    receiver.answers = [(204, {}), (503, {})]
    assert run("alerts", "test", "ops") == (1, "ops: delivered\nops/2: not delivered: HTTP 503\n")
    assert receiver.read == [("This is a test: alerts of sitemon arrive here", ["Nothing is down."])]
