"""One stack of the tier's own, and pipelines over it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.config.servers import Credentials, KafkaServer
from sitemon.config.settings import Settings
from sitemon.local.sample import SampleServer
from sitemon.local.stack import Stack
from sitemon.stream.topics import ensure_topics
from tests.databases import owner, template
from tests.pipeline import Pipeline

__all__ = ["owner", "template"]

ASK = """
import json, sys
from sitemon.tasks import check_site
print(json.dumps(check_site.delay(sys.argv[1]).get(timeout=30)))
"""


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    """The server of the sample sites."""
    server = SampleServer(tmp_path_factory.mktemp("sample"))
    server.start()
    yield server
    server.stop()


def url(sample: SampleServer, path: str) -> str:
    """Return the URL of one of the sample server's pages."""
    return f"http://127.0.0.1:{sample.port}{path}"


@pytest.fixture
def sites_file(tmp_path: Path) -> Path:
    """A file of no sites; a test writes its own into it with `write_sites`."""
    return write_sites(tmp_path / "sites.json")


def write_sites(file: Path, *sites: dict[str, object]) -> Path:
    """Write a file of sites in one step, as an editor does."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"sites": sites}))
    return new.rename(file)


@pytest.fixture
def pipeline(
    tmp_path: Path, sites_file: Path, stack: Stack, owner: Credentials, kafka_server: KafkaServer, redis_url: str
) -> Iterator[Pipeline]:
    """A database, topics and a Redis of the test's own, and no process of ours yet."""
    ensure_topics(kafka_server, retention_days=Settings().topic_retention_days)
    pipeline = Pipeline(tmp_path, sites_file, stack)
    pipeline.extra = {
        "SITEMON_DB_USER": owner.user,
        "SITEMON_DB_PASSWORD": owner.password,
        "SITEMON_DB_DATABASE": owner.database,
        "SITEMON_KAFKA_TOPIC": kafka_server.topic,
        "SITEMON_KAFKA_PARTITIONS": "3",
        "SITEMON_REDIS_URL": redis_url,
    }
    try:
        yield pipeline
    finally:
        pipeline.down()


def ask(pipeline: Pipeline, name_or_url: str) -> "subprocess.CompletedProcess[str]":
    """Ask for an ad-hoc check as a Python program does, and return how that ended."""
    return subprocess.run(
        [sys.executable, "-c", ASK, name_or_url],
        env=pipeline.environment,
        cwd=pipeline.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
