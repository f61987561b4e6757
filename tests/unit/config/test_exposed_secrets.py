"""Files of secrets that others can read get one warning."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from sitemon.config.servers import database_credentials, kafka_server, redis_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that others may enter; pytest's own is closed to them."""
    folder = tmp_path / "conf"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def write(file: Path, content: dict[str, Any], mode: int) -> str:
    file.write_text(json.dumps(content))
    file.chmod(mode)
    return str(file)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


CREDENTIALS = {"user": "u", "password": "p", "database": "d"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_with_a_password_that_others_can_read_is_warned_about_once(
    folder: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    file = write(folder / "sitemon-db.json", CREDENTIALS, mode)
    database_credentials(file, {})
    database_credentials(file, {})
    assert warnings(caplog) == [
        f"config.secrets_exposed: {file} is secret and others can read it; mend it with: chmod 600 {file}"
    ]


def test_a_file_of_our_own_is_not_warned_about(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    database_credentials(write(folder / "sitemon-db.json", CREDENTIALS, 0o600), {})
    assert warnings(caplog) == []


def test_a_file_in_a_closed_folder_is_not_warned_about(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.chmod(0o700)
    database_credentials(write(folder / "sitemon-db.json", CREDENTIALS, 0o644), {})
    assert warnings(caplog) == []


@pytest.mark.parametrize(("url", "count"), [("redis://r/0", 0), ("redis://:p@r/0", 1)])
def test_a_url_is_a_secret_when_it_has_a_password(
    folder: Path, caplog: pytest.LogCaptureFixture, url: str, count: int
) -> None:
    redis_server(write(folder / "redis.json", {"url": url}, 0o644), {})
    assert len(warnings(caplog)) == count


def test_a_private_key_is_a_secret(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = write(folder / "me.key", {}, 0o644)
    names = {"ssl_certfile": "me.key", "ssl_keyfile": "me.key"}
    content = {"bootstrap_servers": "k", "security_protocol": "SSL", **names}
    kafka_server(write(folder / "kafka-server.json", content, 0o644), {})
    assert [key in line for line in warnings(caplog)] == [True]
