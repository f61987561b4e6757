"""One stack of the tier's own, and pipelines over it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.local.kafka import Kafka
from sitemon.local.kafka_files import find_jars
from sitemon.local.part import MissingToolError
from sitemon.local.sample import SampleServer
from tests.conftest import lack
from tests.pipeline import Pipeline


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    """The server of the sample sites."""
    server = SampleServer(tmp_path_factory.mktemp("sample"))
    server.start()
    yield server
    server.stop()


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
def pipeline(tmp_path: Path, sites_file: Path) -> Iterator[Pipeline]:
    """A stack of the test's own with Apache Kafka, provisioned, and no process of ours yet."""
    try:
        find_jars()
    except MissingToolError as exc:
        lack(exc)
    pipeline = Pipeline(tmp_path, sites_file)
    assert isinstance(pipeline.stack.kafka, Kafka)
    try:
        pipeline.up()
        yield pipeline
    finally:
        pipeline.down()
