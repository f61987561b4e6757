"""The pipeline of the tests asks the database by one connection, for as long as that lasts."""

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from sitemon.config.servers import Credentials
from sitemon.local.postgres import Postgres
from sitemon.local.stack import Stack
from sitemon.store.connect import Connection
from tests.databases import conn, end_sessions, environment_of, owner, template
from tests.pipeline import Pipeline

__all__ = ["conn", "owner", "template"]

WHO = "SELECT pg_backend_pid()"


@pytest.fixture
def pipeline(stack: Stack, postgres: Postgres, owner: Credentials, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(tmp_path, tmp_path / "sites.json", Stack(stack.folder, ["postgres"]))
    pipeline.extra = environment_of(postgres.server, owner)
    yield pipeline
    pipeline.down()


def test_one_that_was_lost_is_made_anew(pipeline: Pipeline, conn: Connection) -> None:
    first = pipeline.rows(WHO)
    assert pipeline.rows(WHO) == first
    end_sessions(conn, "sitemon-tests")
    assert pipeline.rows(WHO) != first


def test_it_goes_with_the_environment(pipeline: Pipeline) -> None:
    first = pipeline.rows(WHO)
    pipeline.extra["SITEMON_PG_HOST"] = "localhost"
    assert pipeline.rows(WHO) != first


def test_what_is_wrong_with_a_query_is_said_and_leaves_it_as_it_is(pipeline: Pipeline) -> None:
    first = pipeline.rows(WHO)
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        pipeline.rows("SELECT nothing")
    assert pipeline.rows(WHO) == first
