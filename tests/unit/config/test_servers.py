"""The servers, from files and from the environment."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from sitemon.config.servers import (
    Credentials,
    KafkaServer,
    PostgresServer,
    RedisServer,
    admin_credentials,
    database_credentials,
    kafka_server,
    postgres_server,
    redis_server,
)
from sitemon.model.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, content: dict[str, Any]) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(json.dumps(content))


def test_a_file_is_found_in_the_folder_of_configuration() -> None:
    write("conf/pg-server.json", {"host": "conf"})
    write("elsewhere/pg-server.json", {"host": "elsewhere"})
    assert postgres_server(None, {}).host == "conf"
    assert postgres_server(None, {"CONF_DIR": "elsewhere"}).host == "elsewhere"


def test_a_bare_name_is_looked_for_in_the_working_folder_first() -> None:
    write("conf/mine.json", {"host": "conf"})
    assert postgres_server("mine.json", {}).host == "conf"
    write("mine.json", {"host": "here"})
    assert postgres_server("mine.json", {}).host == "here"


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("pg-server.json", postgres_server),
        ("db-admin.json", admin_credentials),
        ("sitemon-db.json", database_credentials),
        ("kafka-server.json", kafka_server),
        ("redis.json", redis_server),
    ],
)
def test_a_file_that_nobody_named_is_not_taken_from_the_working_folder(
    name: str, reader: Callable[[str | None, dict[str, str]], object]
) -> None:
    write(name, {"host": "theirs", "user": "theirs"})
    with pytest.raises(ConfigurationError, match=f"{name}: not found in {Path.cwd() / 'conf'}; put it there"):
        reader(None, {})


def test_a_path_is_taken_as_it_is() -> None:
    write("conf/mine.json", {"host": "conf"})
    assert postgres_server("conf/mine.json", {"CONF_DIR": "/nowhere"}).host == "conf"


def test_any_name_will_do_for_a_named_file() -> None:
    for name in ("conf/kafka.json", "conf/kafka-server.json"):
        write(name, {"bootstrap_servers": "k:1"})
        assert kafka_server(name, {}).client == {"bootstrap_servers": ["k:1"]}


def test_the_environment_goes_before_the_file_field_by_field() -> None:
    write("conf/pg-server.json", {"host": "file", "port": 1})
    server = postgres_server(None, {"SITEMON_PG_HOST": "environment", "SITEMON_PG_PORT": ""})
    assert (server.host, server.port) == ("environment", 1)


def test_the_environment_alone_is_enough() -> None:
    environ = {
        "SITEMON_PG_HOST": "pg",
        "SITEMON_PG_PORT": "5433",
        "SITEMON_PG_IS_SSL": "true",
        "SITEMON_DB_USER": "u",
        "SITEMON_DB_PASSWORD": "p",
        "SITEMON_DB_DATABASE": "d",
        "SITEMON_DB_ADMIN_USER": "admin",
        "SITEMON_DB_ADMIN_PASSWORD": "secret",
        "SITEMON_REDIS_URL": "redis://r:6379/1",
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "k1:9092, k2:9092",
        "SITEMON_KAFKA_REQUEST_TIMEOUT_MS": "5000",
        "SITEMON_KAFKA_TOPIC": "mine.results",
        "SITEMON_KAFKA_PARTITIONS": "3",
        "SITEMON_KAFKA_COMPRESSION_TYPE": "gzip",
    }
    assert postgres_server(None, environ) == PostgresServer(host="pg", port=5433, sslmode="require")
    assert database_credentials(None, environ) == Credentials(user="u", password="p", database="d")
    assert admin_credentials(None, environ) == Credentials(user="admin", password="secret", database="postgres")
    assert redis_server(None, environ) == RedisServer(url="redis://r:6379/1")
    assert kafka_server(None, environ) == KafkaServer(
        client={"bootstrap_servers": ["k1:9092", "k2:9092"], "request_timeout_ms": 5000},
        topic="mine.results",
        partitions=3,
        compression_type="gzip",
    )


@pytest.mark.parametrize(
    ("content", "sslmode"),
    [
        ({}, "prefer"),
        ({"is_ssl": False}, "disable"),
        ({"is_ssl": True}, "require"),
        ({"is_ssl": True, "ssl_root_cert": "ca.pem"}, "verify-full"),
        ({"ssl_root_cert": "ca.pem"}, "verify-full"),
        ({"is_ssl": True, "ssl_root_cert": "ca.pem", "sslmode": "verify-ca"}, "verify-ca"),
        ({"sslmode": "allow"}, "allow"),
    ],
)
def test_sslmode_follows_from_what_is_said(content: dict[str, Any], sslmode: str) -> None:
    write("conf/ca.pem", {})
    write("conf/pg-server.json", {"host": "h", **content})
    assert postgres_server(None, {}).sslmode == sslmode


def test_paths_in_a_file_are_relative_to_it_and_those_of_the_environment_to_the_working_folder(tmp_path: Path) -> None:
    for name in ("conf/ca.pem", "conf/me.pem", "me.key"):
        write(name, {})
    Path("me.key").chmod(0o600)
    write("conf/kafka-server.json", {"bootstrap_servers": "k", "ssl_cafile": "ca.pem", "ssl_certfile": "me.pem"})
    environ = {"SITEMON_KAFKA_SECURITY_PROTOCOL": "SSL", "SITEMON_KAFKA_SSL_KEYFILE": "me.key"}
    assert kafka_server(None, environ).client == {
        "bootstrap_servers": ["k"],
        "security_protocol": "SSL",
        "ssl_cafile": str(tmp_path / "conf/ca.pem"),
        "ssl_certfile": str(tmp_path / "conf/me.pem"),
        "ssl_keyfile": str(tmp_path / "me.key"),
    }


def test_names_of_kafka_python_reach_the_client_and_ours_do_not() -> None:
    write(
        "conf/kafka-server.json",
        {
            "bootstrap_servers": ["k:9092", "[::1]:9092", "k"],
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "u",
            "sasl_plain_password": "p",
            "ssl_check_hostname": False,
            "replication_factor": 3,
        },
    )
    Path("conf/kafka-server.json").chmod(0o600)
    server = kafka_server(None, {})
    assert server.client == {
        "bootstrap_servers": ["k:9092", "[::1]:9092", "k"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
        "ssl_check_hostname": False,
    }
    assert (server.topic, server.partitions, server.replication_factor) == ("sitemon.results", 12, 3)
    assert server.compression_type == "lz4"


@pytest.mark.parametrize(
    "server",
    [
        Credentials(user="u", password="hunter2", database="d"),
        RedisServer(url="rediss://u:hunter2@r:6380/0"),
        KafkaServer(
            client={"sasl_plain_password": "hunter2", "ssl_password": "hunter2", "proxy_url": "http://hunter2@p"}
        ),
    ],
)
def test_a_secret_is_in_no_repr(server: object) -> None:
    for shown in (repr(server), str(server), f"{server}", pretty_repr(server)):
        assert "hunter2" not in shown
        assert type(server).__name__ in shown


def test_the_public_url_of_redis_has_no_password() -> None:
    assert RedisServer(url="redis://u:hunter2@r:6380/0?x=hunter2").public_url == "redis://r:6380/0"


def test_a_password_may_be_empty_where_the_server_asks_for_none() -> None:
    write("conf/sitemon-db.json", {"user": "u", "password": "", "database": "d"})
    assert database_credentials(None, {}).password == ""
