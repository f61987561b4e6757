"""The commands that make, mend and read the database."""

import json
import os
import pty
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.model.marks import Reign
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Ended, Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from sitemon.stream.topics import topics_of
from tests import commands
from tests.commands import Done
from tests.databases import as_admin, close_account, execute, open_account, rows, run
from tests.pipeline import own_code, script
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour

Command = Callable[..., Done]


@pytest.fixture
def environ(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> dict[str, str]:
    """What the environment says of the servers and of the test's database."""
    return {
        "PATH": os.environ["PATH"],
        **own_code(),
        "SITEMON_PG_HOST": postgres_server.host,
        "SITEMON_PG_PORT": str(postgres_server.port),
        "SITEMON_PG_SSLMODE": "disable",
        "SITEMON_DB_ADMIN_USER": admin.user,
        "SITEMON_DB_ADMIN_PASSWORD": admin.password,
        "SITEMON_DB_USER": owner.user,
        "SITEMON_DB_PASSWORD": owner.password,
        "SITEMON_DB_DATABASE": owner.database,
    }


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Command:
    """Run a command in an empty folder; a variable that is given as empty is not there."""

    def run_command(program: str, *arguments: str, **variables: str) -> Done:
        present = {name: value for name, value in (environ | variables).items() if value}
        return commands.run(program, *arguments, environ=present, folder=tmp_path)

    return run_command


@pytest.fixture
def own_user(postgres_server: PostgresServer, admin: Credentials, environ: dict[str, str]) -> Iterator[Credentials]:
    """A user and a database that do not exist yet, in the environment."""
    name = f"cli-{uuid.uuid4().hex[:6]}"
    environ |= {"SITEMON_DB_USER": name, "SITEMON_DB_PASSWORD": "secret-word", "SITEMON_DB_DATABASE": name}
    yield Credentials(user=name, password="secret-word", database=name)
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
        run(conn, "DROP ROLE IF EXISTS {name}", name=name)


def count(server: PostgresServer, admin: Credentials, database: str) -> int:
    with closing(as_admin(server, admin, database)) as conn:
        return int(rows(conn, "SELECT count(*) FROM sitemon.results")[0][0])


def test_recreating_works_with_bare_file_names_in_conf_dir(
    command: Command, environ: dict[str, str], own_user: Credentials, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    server = {"host": environ["SITEMON_PG_HOST"], "port": int(environ["SITEMON_PG_PORT"]), "is_ssl": False}
    admin = {"user": environ["SITEMON_DB_ADMIN_USER"], "password": environ["SITEMON_DB_ADMIN_PASSWORD"]}
    own = {"user": own_user.user, "password": own_user.password, "database": own_user.database}
    for name, content in (("pg-server", server), ("db-admin", admin), ("sitemon-db", own)):
        (folder / f"{name}.json").write_text(json.dumps(content))
        (folder / f"{name}.json").chmod(0o600)
    from_environment = dict.fromkeys((name for name in environ if name.startswith("SITEMON_")), "")
    files = ("--db-conn", "pg-server.json", "--admin", "db-admin.json", "sitemon-db.json")
    done = command("recreate-sitemon-db", *files, CONF_DIR=str(folder), **from_environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"database {own_user.database} and user {own_user.user} are new\n"


def test_recreating_a_foreign_database_is_refused_in_one_line(
    command: Command, own_user: Credentials, admin: Credentials, postgres_server: PostgresServer
) -> None:
    with closing(as_admin(postgres_server, admin)) as conn:
        run(conn, "CREATE DATABASE {name}", name=own_user.database)
    done = command("recreate-sitemon-db")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"database {own_user.database} was not made by sitemon; --adopt drops it all the same\n"
    assert command("recreate-sitemon-db", "--adopt").returncode == 0


@pytest.mark.parametrize(("answer", "status"), [("", 1), ("something else", 1), ("its name", 0)])
def test_on_a_terminal_it_asks_for_the_name_first(
    environ: dict[str, str], own_user: Credentials, answer: str, status: int
) -> None:
    typed = own_user.database if answer == "its name" else answer
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode() + b"\n")
        done = subprocess.run(
            [script("recreate-sitemon-db")], env=environ, stdin=theirs, capture_output=True, timeout=60, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == status
    assert own_user.database in done.stderr.decode()


def test_without_a_terminal_or_with_yes_it_does_not_ask(command: Command, own_user: Credentials) -> None:
    assert command("recreate-sitemon-db").returncode == 0
    assert command("recreate-sitemon-db", "--yes").returncode == 0


def test_provisioning_is_idempotent_and_makes_database_and_topics(
    command: Command, own_user: Credentials, kafka_server: KafkaServer
) -> None:
    kafka = {
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS": str(kafka_server.client["bootstrap_servers"]),
        "SITEMON_KAFKA_TOPIC": kafka_server.topic,
    }
    for _ in range(2):
        done = command("sitemon", "provision", **kafka)
        assert (done.returncode, done.stderr) == (0, "")
        topics = ", ".join(topics_of(kafka_server))
        assert done.stdout == f"ready: database {own_user.database}, topics {topics}\n"


def test_provisioning_without_an_administrator_fails_in_one_line(command: Command) -> None:
    done = command("sitemon", "provision", SITEMON_DB_ADMIN_USER="", SITEMON_DB_ADMIN_PASSWORD="")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"db-admin\.json: .*\n", done.stderr)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("recreate-sitemon-db", ()), ("sitemon", ("migrate",)), ("sitemon", ("status",))],
)
def test_a_refused_password_is_one_line_without_it(command: Command, program: str, arguments: tuple[str, ...]) -> None:
    done = command(program, *arguments, SITEMON_DB_PASSWORD="hush-hush", SITEMON_DB_ADMIN_PASSWORD="hush-hush")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "password authentication failed" in done.stderr
    assert "hush" not in done.stderr


def test_migrating_says_what_it_ran(
    command: Command, postgres_server: PostgresServer, admin: Credentials, owner: Credentials
) -> None:
    with closing(as_admin(postgres_server, admin, owner.database)) as conn:
        run(conn, "DROP SCHEMA sitemon CASCADE")
        run(conn, "CREATE SCHEMA sitemon AUTHORIZATION {role}", role=owner.user)
    first, second = command("sitemon", "migrate"), command("sitemon", "migrate")
    assert first.stdout.splitlines()[0] == "ran 0001_tables"
    assert first.returncode == second.returncode == 0
    assert second.stdout.startswith("the schema of ")


def test_status_lists_the_worst_first(command: Command, conn: Connection, names: Names) -> None:
    results = [a_result("fine", minute=minute) for minute in range(3)]
    results += [a_down("broken"), a_missed("unseen"), a_down("broken", minute=1)]
    write_batch(conn, names, results)
    done = command("sitemon", "status", COLUMNS="60")
    assert (done.returncode, done.stderr) == (0, "")
    sites = [line.split()[0] for line in done.stdout.splitlines() if re.search(r"[●▲✖○]", line)]
    assert sites == ["broken", "unseen", "fine"]
    assert max(map(len, done.stdout.splitlines())) <= 60


def test_status_for_scripts_is_json(command: Command, conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result("fine", minute=0, latency_s=0.5), a_missed("fine", minute=1)])
    done = command("sitemon", "status", "--json")
    (site,) = json.loads(done.stdout)
    hour = f"{this_hour():%Y-%m-%dT%H}"
    assert site == {
        "site": "fine",
        "region": "default",
        "url": "https://fine.example/",
        "outcome": "missed",
        "since_at": f"{hour}:01:00.000000Z",
        "slot_at": f"{hour}:01:00.000000Z",
        "checked_at": f"{hour}:01:00.020000Z",
        "reason": "shed",
        "http_code": None,
        "latency_s": None,
        "state": "unknown",
        "state_since": f"{hour}:01:00.000000Z",
        "seen_at": f"{hour}:00:00.000000Z",
        "is_region_offline": False,
        "latencies_s": [0.5, None],
        "uptime_low": 0.5,
        "uptime_high": 1.0,
        "coverage": 0.5,
    }


def test_status_looks_a_day_back(command: Command, conn: Connection, names: Names) -> None:
    long_ago = this_hour() - 25 * 60 * MINUTE
    write_batch(conn, names, [a_down(slot_at=long_ago), a_result(minute=0)])
    (site,) = json.loads(command("sitemon", "status", "--json").stdout)
    assert (site["uptime_low"], site["latencies_s"]) == (1.0, [0.25])


def test_a_database_that_is_not_there_is_one_line(command: Command) -> None:
    done = command("sitemon", "status", SITEMON_DB_DATABASE="absent")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r'PostgreSQL at 127\.0\.0\.1:\d+: database "absent" does not exist\n', done.stderr)


def test_status_says_of_when_its_data_is_once_nothing_is_recorded(
    command: Command, conn: Connection, names: Names
) -> None:
    write_batch(conn, names, [a_result("fine")])
    close_account(conn, clock.utc_now())
    assert "data as of" not in command("sitemon", "status").stdout
    open_account(conn, clock.utc_now() - 90 * MINUTE)
    said = command("sitemon", "status", COLUMNS="100").stdout
    assert "1h ago: what is later may not all be recorded" in " ".join(said.split())


@pytest.fixture
def ten_slots(conn: Connection, names: Names) -> datetime:
    """Ten slots of a minute, hours ago, closed: nine real results and a told one, while a beat was there."""
    first = this_hour() - 3 * 60 * MINUTE
    open_account(conn, first - MINUTE)
    started = Started(
        site="shop", region="default", at_ms=to_ms(first) - 1, interval_ms=60_000, from_slot_ms=to_ms(first)
    )
    ended = Ended(site="shop", region="default", at_ms=to_ms(first + 9 * MINUTE))
    reign = Reign(token=1, from_ms=to_ms(first) - 60_000, until_ms=to_ms(clock.utc_now()))
    write_batch(conn, names, [a_result(slot_at=first + minute * MINUTE) for minute in range(9)])
    write_batch(conn, names, [a_missed(slot_at=first + 9 * MINUTE)])
    write_notices(conn, names, [started, ended, reign])
    close_account(conn, clock.utc_now())
    return first


def test_the_ledger_says_why_nothing_is_expected_in_the_first_minute(
    command: Command, conn: Connection, names: Names
) -> None:
    now = clock.utc_now()
    close_account(conn, now)
    zeros = "0 expected = 0 real + 0 told + 0 derived (0 lost) + 0 unaccounted; 0 unexpected"
    assert command("sitemon", "ledger").stdout.splitlines() == [
        zeros,
        "nothing is expected yet: no beat has told of any site",
    ]
    at_ms = to_ms(now)
    started = Started(
        site="shop", region="default", at_ms=at_ms, interval_ms=60_000, from_slot_ms=at_ms, patience_ms=82_000
    )
    write_notices(conn, names, [started])
    young = command("sitemon", "ledger")
    assert young.returncode == 0
    first, why = young.stdout.splitlines()
    assert first == zeros
    assert f"the first one at {now + timedelta(seconds=82):%H:%M:%S} UTC" in why


def test_the_ledger_is_even_until_one_row_is_deleted_by_hand(
    command: Command, conn: Connection, ten_slots: datetime
) -> None:
    even = command("sitemon", "ledger", "--strict")
    assert (even.returncode, even.stderr) == (0, "")
    assert even.stdout == "10 expected = 9 real + 1 told + 0 derived (0 lost) + 0 unaccounted; 0 unexpected\n"
    execute(conn, "DELETE FROM sitemon.result WHERE slot_at = %s", (ten_slots,))
    uneven = command("sitemon", "ledger")
    assert uneven.returncode == 1
    assert uneven.stdout.splitlines()[1].split() == [
        f"{ten_slots:%m-%d}",
        f"{ten_slots:%H}",
        "shop",
        "default",
        *["10", "8", "1", "0", "0", "1", "0"],
    ]
    total = "10 expected = 8 real + 1 told + 0 derived (0 lost) + 1 unaccounted; 0 unexpected\n"
    assert uneven.stdout.endswith(total)


def test_the_ledger_shows_what_is_lost_and_fails_for_it_only_when_it_is_strict(
    command: Command, conn: Connection, names: Names, ten_slots: datetime
) -> None:
    again_ms = to_ms(ten_slots + 10 * MINUTE)
    started = Started(
        site="shop",
        region="default",
        at_ms=again_ms - 1,
        interval_ms=60_000,
        from_slot_ms=again_ms,
        token=1,
        sequence=1,
    )
    ended = Ended(site="shop", region="default", at_ms=again_ms + 120_000, token=1, sequence=2)
    write_notices(conn, names, [started, ended])
    plain, strict = command("sitemon", "ledger"), command("sitemon", "ledger", "--strict")
    assert (plain.returncode, strict.returncode) == (0, 1)
    total = "13 expected = 9 real + 1 told + 3 derived (3 lost) + 0 unaccounted; 0 unexpected\n"
    assert plain.stdout == total
    assert strict.stdout.endswith(total)
    (hour,) = json.loads(command("sitemon", "ledger", "--json").stdout)
    assert (hour["derived"], hour["lost"], hour["unaccounted"]) == (3, 3, 0)


def test_the_ledger_of_an_account_that_nobody_closes_is_a_failure(
    command: Command, conn: Connection, ten_slots: datetime
) -> None:
    execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms - 310000")
    stale = command("sitemon", "ledger")
    assert stale.returncode == 1
    assert re.fullmatch(r"ledger: nobody decides what is missing since \S+Z: is a recorder running\?\n", stale.stderr)
    assert stale.stdout.startswith("10 expected = 9 real")


def test_a_rebuild_counts_again_what_somebody_changed(command: Command, conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(slot_at=this_hour() - 120 * MINUTE)])
    execute(conn, "UPDATE sitemon.count_hour SET up = 9")
    today = f"{this_hour() - 120 * MINUTE:%Y-%m-%d}"
    done = command("sitemon", "rebuild", "--from", today)
    assert done.returncode == 0
    assert re.fullmatch(r"[12] days and the states of 1 sites are made anew\n", done.stdout)
    assert f"rebuild.day: {today} is done" in done.stderr
    assert rows(conn, "SELECT sum(up) FROM sitemon.uptime_hourly") == [(1,)]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("2001-01-01", r"results are kept from \d{4}-\d\d-\d\d on: a rebuild cannot begin on 2001-01-01\n"),
        ("yesterday", r"Invalid value for --from: expected a day or a moment such as 2026-11-24 .*\n"),
    ],
)
def test_a_rebuild_from_a_day_that_cannot_be_is_refused_in_one_line(command: Command, when: str, said: str) -> None:
    done = command("sitemon", "rebuild", "--from", when)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(said, done.stderr)
