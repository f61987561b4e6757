"""The whole pipeline over TLS and SASL, and the end of each command that a server refuses."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import pytest

from sitemon import clock
from sitemon.local.part import MissingToolError
from sitemon.local.stack import Stack
from tests.conftest import lack
from tests.faults.scene import Scene
from tests.faults.secure import SecureServers
from tests.pipeline import script

pytestmark = pytest.mark.faults

OVER_TLS = """
    SELECT application_name, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE application_name = 'sitemon-recorder' GROUP BY 1
"""
COMMANDS: Mapping[str, list[str]] = {
    "recorder": ["sitemon-recorder"],
    "monitor": ["sitemon-monitor", "--url", "http://127.0.0.1:9/"],
    "worker": ["celery", "-A", "sitemon", "worker"],
    "beat": ["celery", "-A", "sitemon", "beat"],
    "provision": ["sitemon", "provision"],
}
Wrong = Callable[[SecureServers], dict[str, str]]


@pytest.fixture(scope="module")
def _secure(tmp_path_factory: pytest.TempPathFactory, _servers: Stack) -> Iterator[SecureServers]:
    _servers.redis.start()
    try:
        with SecureServers(tmp_path_factory.mktemp("secure"), _servers.redis) as secure:
            yield secure
    except MissingToolError as exc:
        lack(exc)


@pytest.fixture
def secure(scene: Scene, _secure: SecureServers) -> SecureServers:
    """Servers that want TLS, which the scene's commands use."""
    own = {name: scene.extra[name] for name in ("SITEMON_DB_USER", "SITEMON_DB_DATABASE")}
    scene.extra |= _secure.postgres_environment() | _secure.redis_environment(0) | own
    scene.extra |= _secure.kafka_environment("client certificate")
    scene.watch(sites=1)
    return _secure


def test_the_pipeline_with_client_certificates_and_verify_full_and_rediss(scene: Scene, secure: SecureServers) -> None:
    scene.begin(sites=50)
    scene.goes_on_for(5)
    assert scene.pipeline.rows(OVER_TLS) == [("sitemon-recorder", True)]
    assert scene.end().missed == []


def test_the_pipeline_with_scram_over_tls(scene: Scene, secure: SecureServers) -> None:
    for name in ("SITEMON_KAFKA_SSL_CERTFILE", "SITEMON_KAFKA_SSL_KEYFILE"):
        del scene.extra[name]
    scene.extra |= secure.kafka_environment("scram")
    scene.begin(sites=50)
    scene.goes_on_for(5)
    assert scene.end().missed == []


KAFKA: Mapping[str, tuple[Wrong, str]] = {
    "another authority": (
        lambda servers: {"SITEMON_KAFKA_SSL_CAFILE": str(servers.kafka.other_authority)},
        "certificate verify failed",
    ),
    "a wrong password": (
        lambda servers: servers.kafka_environment("scram") | {"SITEMON_KAFKA_SASL_PLAIN_PASSWORD": "hunter2"},
        "invalid credentials",
    ),
}
REDIS: Mapping[str, Wrong] = {
    "another authority": lambda servers: {"SITEMON_REDIS_SSL_CAFILE": str(servers.other_authority)},
    "a wrong password": lambda servers: {
        "SITEMON_REDIS_URL": servers.redis_environment(0)["SITEMON_REDIS_URL"].replace("//:", "//:hunter2")
    },
}
POSTGRES: Mapping[str, tuple[Wrong, Callable[[SecureServers], AbstractContextManager[None]], str]] = {
    "a wrong password": (
        lambda _: {"SITEMON_DB_PASSWORD": "hunter2", "SITEMON_DB_ADMIN_PASSWORD": "hunter2"},
        lambda _: nullcontext(),
        "password authentication failed",
    ),
    "another authority": (
        lambda servers: {"SITEMON_PG_SSL_ROOT_CERT": str(servers.other_authority)},
        lambda _: nullcontext(),
        "certificate verify failed",
    ),
    "another host's certificate": (
        lambda _: {},
        lambda servers: servers.postgres.certificate(hosts=["db.example"]),
        "server certificate for",
    ),
    "an expired certificate": (
        lambda _: {},
        lambda servers: servers.postgres.certificate(days_left=-1),
        "certificate verify failed",
    ),
}


@pytest.mark.parametrize("wrong", KAFKA)
@pytest.mark.parametrize("command", ["recorder", "monitor", "worker", "beat"])
def test_a_kafka_that_refuses_ends_it(scene: Scene, secure: SecureServers, command: str, wrong: str) -> None:
    scene.provision()
    variables, words = KAFKA[wrong]
    assert words in last_words(scene, command, variables(secure))


@pytest.mark.parametrize("wrong", REDIS)
@pytest.mark.parametrize("command", ["worker", "beat"])
def test_a_redis_that_refuses_ends_it(scene: Scene, secure: SecureServers, command: str, wrong: str) -> None:
    assert "Redis refuses us" in last_words(scene, command, REDIS[wrong](secure))


@pytest.mark.parametrize("wrong", POSTGRES)
@pytest.mark.parametrize("command", ["recorder", "provision"])
def test_a_postgres_that_refuses_ends_it(scene: Scene, secure: SecureServers, command: str, wrong: str) -> None:
    scene.provision()
    variables, fault, words = POSTGRES[wrong]
    with fault(secure):
        assert words in last_words(scene, command, variables(secure))


def last_words(scene: Scene, command: str, wrong: dict[str, str]) -> str:
    """Run a command that has to end within 10 s with status 2, and return its one line."""
    program, *arguments = COMMANDS[command]
    began_s = clock.monotonic_s()
    ended = subprocess.run(
        [script(program), *arguments],
        env=scene.pipeline.environment | wrong,
        cwd=scene.pipeline.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert clock.monotonic_s() - began_s < 10
    assert ended.returncode == 2, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line]
    assert len(lines) == 1, ended.stderr
    assert "hunter2" not in lines[0]
    return lines[0]
