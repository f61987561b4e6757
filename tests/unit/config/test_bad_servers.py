"""Every mistake about a server is said in one line, and none of them shows a secret."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sitemon.config import servers
from sitemon.model.errors import ConfigurationError

READERS: Final[dict[str, Callable[..., Any]]] = {
    "pg-server.json": servers.postgres_server,
    "db-admin.json": servers.admin_credentials,
    "sitemon-db.json": servers.database_credentials,
    "kafka-server.json": servers.kafka_server,
    "redis.json": servers.redis_server,
}
SSL: Final = {"bootstrap_servers": "k", "security_protocol": "SSL"}
SASL: Final = {"bootstrap_servers": "k", "security_protocol": "SASL_SSL"}
PORTS: Final = "expected a whole number from 1 to 65535"
WORDS: Final = "expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or AWS_MSK_IAM"

# What stands in the file, one field a line, and what is said of it after its name.
IN_FILES: Final[list[tuple[str, dict[str, Any], list[str]]]] = [
    ("pg-server.json", {"hots": "h", "host": "h"}, ["2: hots: unknown field; did you mean host?"]),
    ("pg-server.json", {}, ["1: host: missing; give it here or in SITEMON_PG_HOST"]),
    ("pg-server.json", {"host": None}, ["2: host: missing; give it here or in SITEMON_PG_HOST"]),
    (
        "pg-server.json",
        {"host": 1, "port": "x"},
        ["2: host: expected text, not a number (put it in quotes)", f"3: port: {PORTS}"],
    ),
    ("pg-server.json", {"host": "", "port": 0}, ["2: host: expected text, not an empty one", f"3: port: {PORTS}"]),
    (
        "pg-server.json",
        {"host": "h\u0000", "port": True},
        ["2: host: expected text without line breaks and control characters", f"3: port: {PORTS}"],
    ),
    ("pg-server.json", {"host": "h", "is_ssl": 1}, ["3: is_ssl: expected true or false, not a number"]),
    (
        "pg-server.json",
        {"host": "h", "sslmode": "verify_full"},
        ["3: sslmode: expected disable, allow, prefer, require, verify-ca or verify-full; did you mean verify-full?"],
    ),
    ("pg-server.json", {"host": "h", "is_ssl": False, "sslmode": "require"}, ["4: sslmode: contradicts is_ssl: false"]),
    ("pg-server.json", {"host": "h", "is_ssl": True, "sslmode": "disable"}, ["4: sslmode: contradicts is_ssl: true"]),
    (
        "pg-server.json",
        {"host": "h", "ssl_root_cert": "no.pem"},
        ["3: ssl_root_cert: expected a file; there is none at {folder}/no.pem"],
    ),
    (
        "pg-server.json",
        {"host": "h", "is_ssl": False, "ssl_root_cert": "ca.pem"},
        ["4: ssl_root_cert: has no effect without TLS"],
    ),
    ("pg-server.json", {"host": "h", "ssl_cert": "ca.pem"}, ["1: ssl_key: missing; ssl_cert needs it"]),
    ("db-admin.json", {"user": "u"}, ["1: password: missing; give it here or in SITEMON_DB_ADMIN_PASSWORD"]),
    (
        "sitemon-db.json",
        {"user": "u", "password": ["hunter2"], "database": "d"},
        ["3: password: expected text, not a list"],
    ),
    (
        "sitemon-db.json",
        {"user": "u", "password": "hunter2\n", "database": "d"},
        ["3: password: expected text without line breaks and control characters"],
    ),
    (
        "kafka-server.json",
        {"bootstrap_server": "k"},
        [
            "2: bootstrap_server: unknown field; did you mean bootstrap_servers?",
            "1: bootstrap_servers: missing; give it here or in SITEMON_KAFKA_BOOTSTRAP_SERVERS",
        ],
    ),
    ("kafka-server.json", {"bootstrap_servers": ["a:1", "b:x"]}, ["4: bootstrap_servers[1]: expected host:port"]),
    ("kafka-server.json", {"bootstrap_servers": "http://k:1"}, ["2: bootstrap_servers: expected host:port"]),
    ("kafka-server.json", {"bootstrap_servers": []}, ["2: bootstrap_servers: expected host:port, or a list of them"]),
    ("kafka-server.json", {"bootstrap_servers": "k", "acks": 1}, ["3: acks: unknown field"]),
    (
        "kafka-server.json",
        {"bootstrap_servers": "k", "topic": ".."},
        ["3: topic: expected at most 200 letters, digits, dots, dashes and underscores, such as sitemon.results"],
    ),
    (
        "kafka-server.json",
        {"bootstrap_servers": "k", "topic": "a b.results"},
        ["3: topic: expected at most 200 letters, digits, dots, dashes and underscores, such as sitemon.results"],
    ),
    (
        "kafka-server.json",
        {"bootstrap_servers": "k", "replication_factor": 0},
        ["3: replication_factor: expected a whole number from 1 to 1000"],
    ),
    (
        "kafka-server.json",
        {"bootstrap_servers": "k", "compression_type": "zstd"},
        ["3: compression_type: expected lz4, gzip or none"],
    ),
    (
        "kafka-server.json",
        {"bootstrap_servers": "k", "ssl_cafile": "ca.pem"},
        ["3: ssl_cafile: has no effect unless security_protocol is SSL or SASL_SSL"],
    ),
    (
        "kafka-server.json",
        SSL | {"sasl_plain_password": "hunter2"},
        ["4: sasl_plain_password: has no effect unless security_protocol is SASL_SSL or SASL_PLAINTEXT"],
    ),
    ("kafka-server.json", SASL, ["1: sasl_mechanism: missing; this security_protocol needs it"]),
    ("kafka-server.json", SASL | {"sasl_mechanism": "hunter2"}, [f"4: sasl_mechanism: {WORDS}"]),
    (
        "kafka-server.json",
        SASL | {"sasl_mechanism": "PLAIN", "sasl_plain_password": "hunter2"},
        ["1: sasl_plain_username: missing; this sasl_mechanism needs it"],
    ),
    ("kafka-server.json", SSL | {"ssl_keyfile": "ca.pem"}, ["1: ssl_certfile: missing; ssl_keyfile needs it"]),
    ("redis.json", {"url": "http://r/"}, ["2: url: expected redis://host:port/number, or rediss:// for TLS"]),
    (
        "redis.json",
        {"url": "redis://:hunter2@r:99999/0"},
        ["2: url: expected redis://host:port/number, or rediss:// for TLS"],
    ),
    ("redis.json", {"url": "redis://r/hunter2"}, ["2: url: expected redis://host:port/number, or rediss:// for TLS"]),
    (
        "redis.json",
        {"url": "redis://r/0", "ssl_cafile": "ca.pem"},
        ["3: ssl_cafile: has no effect unless the url starts with rediss://"],
    ),
]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mistakes_of(name: str, file: str | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        READERS[name](file, environ)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(("name", "content", "said"), IN_FILES)
def test_a_mistake_in_a_file_has_its_line(tmp_path: Path, name: str, content: dict[str, Any], said: list[str]) -> None:
    (tmp_path / "ca.pem").touch()
    file = tmp_path / name
    file.write_text(json.dumps(content, indent=1))
    found = mistakes_of(name, str(file), {})
    assert found == [f"{file}:{line}".replace("{folder}", str(tmp_path)) for line in said]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("name", "variable", "value", "said"),
    [
        ("pg-server.json", "SITEMON_PG_PORT", "tcp://10.0.0.1:5432", PORTS),
        ("pg-server.json", "SITEMON_PG_SSL_ROOT_CERT", "no.pem", "expected a file; there is none at {folder}/no.pem"),
        (
            "kafka-server.json",
            "SITEMON_KAFKA_SECURITY_PROTOCOL",
            "TLS",
            "expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        ),
        ("kafka-server.json", "SITEMON_KAFKA_BOOTSTRAP_SERVERS", "a:1,", "expected host:port"),
        ("redis.json", "SITEMON_REDIS_URL", "hunter2", "expected redis://host:port/number, or rediss:// for TLS"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, name: str, variable: str, value: str, said: str
) -> None:
    required = {"SITEMON_PG_HOST": "h", "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "k"}
    assert mistakes_of(name, None, required | {variable: value}) == [
        f"{variable}: {said.replace('{folder}', str(tmp_path))}"
    ]


def test_a_named_file_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    environ = {"CONF_DIR": "/etc/sitemon", "SITEMON_PG_HOST": "h"}
    assert mistakes_of("pg-server.json", "mine.json", environ) == [
        f"mine.json: not found in {tmp_path} or /etc/sitemon"
    ]
    assert mistakes_of("pg-server.json", "/no/mine.json", environ) == ["/no/mine.json: not found in /no"]


def test_neither_file_nor_environment_says_what_to_do(tmp_path: Path) -> None:
    assert mistakes_of("db-admin.json", None, {}) == [
        (
            f"db-admin.json: not found in {tmp_path}/conf; "
            "put it there or set SITEMON_DB_ADMIN_USER and SITEMON_DB_ADMIN_PASSWORD"
        )
    ]


def test_a_part_of_the_environment_says_what_is_lacking() -> None:
    assert mistakes_of("sitemon-db.json", None, {"SITEMON_DB_USER": "u"}) == [
        "SITEMON_DB_PASSWORD: not set, and there is no sitemon-db.json",
        "SITEMON_DB_DATABASE: not set, and there is no sitemon-db.json",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"host": "h" "port": 1}', ":1: not valid JSON: expecting ',' delimiter"),
        ('["h"]', ":1: expected an object of fields, not a list"),
        ('{"host": "h",\n"host": "i"}', ":2: host: stands twice; first on line 1"),
        ("", ":1: not valid JSON: expecting value"),
    ],
)
def test_a_file_that_is_not_an_object_of_fields_is_a_mistake(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "pg-server.json").write_text(content)
    assert [line.removeprefix("pg-server.json") for line in mistakes_of("pg-server.json", "pg-server.json", {})] == [
        said
    ]


def test_a_folder_in_place_of_a_file_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "redis.json").mkdir()
    assert mistakes_of("redis.json", "redis.json", {}) == ["redis.json: cannot be read: Is a directory"]
