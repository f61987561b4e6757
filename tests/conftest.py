"""Fixtures for every tier: a clean environment, and one local stack for the run, its parts started when asked for.

A test that kills a part takes a `Stack` of its own: these are shared.
"""

import gc
import itertools
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from kafka.net.inet import KafkaNetSocket

from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.local.kafka import Kafka, KafkaProtocolPart
from sitemon.local.kafka_files import find_jars
from sitemon.local.part import MissingToolError, Part
from sitemon.local.postgres import Postgres
from sitemon.local.stack import Stack
from sitemon.local.valkey import Valkey
from tests import leftovers
from tests.scheduling import MOST_COMPUTING, WAITING, WaitingBesideComputing
from tests.servers import Servers, await_started

PartT = TypeVar("PartT", bound=Part)


class KafkaPythonSocket(socket.socket):
    """A socket of kafka-python, which leaves those of an aborted connect to the garbage collector.

    pyproject.toml lets pass a leaked one by this name, and nobody else's.
    """


def _kafka_python_socket(_: KafkaNetSocket, *args: int) -> socket.socket:
    return KafkaPythonSocket(*args)


KafkaNetSocket.socket = _kafka_python_socket

# How long an example takes, how large it is by chance, and that fixtures serve all examples, are no faults of the code.
settings.register_profile(
    "sitemon", deadline=None, suppress_health_check=[*{*HealthCheck} - {HealthCheck.filter_too_much}]
)
settings.load_profile("sitemon")

SERVERS = pytest.StashKey[Servers]()
WATCHER = pytest.StashKey[subprocess.Popen[bytes]]()
_JAVA_FOR_A_SHORT_LIFE = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A broker that lives for seconds is ready with 60 % of the CPU when Java compiles everything once, and simply."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the servers of the run, in the process that it began with."""
    os.environ["JDK_JAVA_OPTIONS"] = _JAVA_FOR_A_SHORT_LIFE
    if hasattr(config, "workerinput"):
        leftovers.end_with_parent()
    else:
        config.stash[SERVERS] = Servers()
        config.stash[WATCHER] = leftovers.watch(config.stash[SERVERS].folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of xdist where they are."""
    node.workerinput["servers"] = str(node.config.stash[SERVERS].folder)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Let a run that is spread over processes fail when something that it started still lives after these."""
    yield
    config = session.config
    is_spread = SERVERS in config.stash and config.getoption("dist", "no") != "no"
    if not is_spread or exitstatus == pytest.ExitCode.INTERRUPTED:
        return
    config.stash[SERVERS].close()
    for command in leftovers.killed(config.stash[SERVERS].folder, config.stash[WATCHER].pid):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        config.get_terminal_writer().line(f"\nleft alive by a test: {command}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End them."""
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector the thousands of tests, which all live until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


_LONGEST = (
    "acceptance/test_messages_in_hand.py",
    "acceptance/test_worker_with_beat.py",
    "acceptance/test_demo.py",
    "acceptance/test_all_cores.py",
    "integration/stream/test_follower.py",
    "integration/stream/test_outages.py",
)
"""Each takes over a minute, most of which it waits."""
_TIERS = ("faults", "acceptance", "browser", "scenarios", "integration", "migration", "contract", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest come first, so that no process ends long after the others."""
    items.sort(key=lambda item: _place(item.path.relative_to(Path(__file__).parent)))


def _place(file: Path) -> tuple[bool, int]:
    return str(file) not in _LONGEST, _TIERS.index(file.parts[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` is: one a core, up to a few, and those that mostly wait."""
    return min(os.cpu_count() or 1, MOST_COMPUTING) + WAITING


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that mostly wait run beside those that compute; any other `--dist` is as xdist has it."""
    return WaitingBesideComputing(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no configuration but its own."""
    ours = [name for name in os.environ if name.startswith("SITEMON_")]
    for name in (*ours, "CONF_DIR", "CELERY_CONFIG_MODULE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """The local stack of this run, of which a part is started when it is asked for. It ends with pytest."""
    if hasattr(pytestconfig, "workerinput"):
        return Stack(Path(pytestconfig.workerinput["servers"]))
    return Stack(pytestconfig.stash[SERVERS].folder)


@pytest.fixture(scope="session")
def postgres(stack: Stack) -> Postgres:
    """PostgreSQL, started. The tests of the store make their databases in it."""
    return of_the_run(stack.postgres)


@pytest.fixture(scope="session")
def postgres_server(postgres: Postgres) -> PostgresServer:
    """Where the started PostgreSQL is."""
    return postgres.server


@pytest.fixture(scope="session")
def admin(postgres: Postgres) -> Credentials:
    """The superuser of the started PostgreSQL."""
    return postgres.admin


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The jars of Apache Kafka: what runs with them is never Tansu, which keeps nothing."""
    try:
        return find_jars()
    except MissingToolError as exc:
        lack(exc)


@pytest.fixture(scope="session")
def kafka(stack: Stack, kafka_jars: Path) -> KafkaProtocolPart:
    """Apache Kafka, started."""
    assert isinstance(stack.kafka, Kafka)
    return of_the_run(stack.kafka)


@pytest.fixture
def kafka_server(kafka: KafkaProtocolPart) -> KafkaServer:
    """The started Apache Kafka with topic names that no other test has."""
    address = f"127.0.0.1:{kafka.port}"
    return KafkaServer(client={"bootstrap_servers": address}, topic=f"t{uuid.uuid4().hex}.results", partitions=3)


@pytest.fixture(scope="session")
def valkey(stack: Stack) -> Valkey:
    """Redis (Valkey), started."""
    return of_the_run(stack.redis)


@pytest.fixture(scope="session")
def _redis_databases(pytestconfig: pytest.Config) -> Iterator[int]:
    """Numbers of Redis databases that no other process of the run uses."""
    ours: Mapping[str, Any] = getattr(pytestconfig, "workerinput", {"workerid": "gw0", "workercount": 1})
    first = 1 + int(ours["workerid"].removeprefix("gw"))
    return itertools.cycle(range(first, Valkey.databases, ours["workercount"]))


@pytest.fixture
def redis_url(valkey: Valkey, _redis_databases: Iterator[int]) -> str:
    """The URL of an empty Redis database that no other test uses at this time."""
    url = valkey.url(next(_redis_databases))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    """A folder for a stack of the test's own."""
    return tmp_path / "stack"


def started(part: PartT) -> PartT:
    """Start a part, or skip the test with what to install."""
    try:
        part.start()
    except MissingToolError as exc:
        lack(exc)
    return part


def of_the_run(part: PartT) -> PartT:
    """Return a part of the run's stack once it answers, or skip the test with what to install."""
    try:
        await_started(part)
    except MissingToolError as exc:
        lack(exc)
    return part


def lack(exc: MissingToolError) -> NoReturn:
    """Skip a test for what this machine lacks; in CI that is an error."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(exc), pytrace=False)
    pytest.skip(str(exc))
