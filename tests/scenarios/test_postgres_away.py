"""PostgreSQL is gone for five minutes: what is recorded afterwards is told with its times, and nothing is lost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitemon.local.postgres import Postgres
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session
from tests.databases import rows
from tests.integration.alert.receiver import Receiver
from tests.pipeline import wait_for
from tests.scenarios.processes import an_alerter
from tests.scenarios.story import Story
from tests.scenarios.table import lines_of


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of the test's own, which it may kill."""
    postgres = Postgres(tmp_path / "postgres")
    postgres.start()
    provision(postgres.server, postgres.admin, postgres.owner)
    yield postgres
    postgres.stop()


def connected(postgres: Postgres) -> Connection:
    conn = connect(postgres.server, postgres.owner, application_name="test")
    prepare_session(conn)
    return conn


@pytest.fixture
def story(postgres: Postgres, receiver: Receiver, tmp_path: Path) -> Iterator[Story]:
    """A story on that server, without an alerter of its own."""
    with closing(connected(postgres)) as conn:
        story = Story(conn, receiver, tmp_path)
        with story.alone():
            yield story
        story.conn.close()


def test_what_happened_meanwhile_is_told_afterwards(story: Story, postgres: Postgres) -> None:
    with an_alerter(story, postgres.environment) as alerter:
        story.plays("""
            00:00  shop  uddd
        """)
        wait_for(lambda: rows(story.conn, "SELECT state FROM sitemon.alerts") == [("delivered",)], 60)
        postgres.kill()
        wait_for(lambda: "alerter.postgres_away" in alerter.log.read_text())
        postgres.start()
        story.conn = connected(postgres)
        story.goes_on_until("00:09")
        story.brings_late("""
            00:04  shop  duddd
        """)
        wait_for(lambda: len(story.told) == 3)
    assert "alerter.postgres_back" in alerter.log.read_text()
    assert story.told == lines_of("""
        00:03  site.down      hook  shop  since 00:01, timeout
        00:09  site.resolved  hook  shop  00:01 to 00:05, timeout, down now
        00:09  site.down      hook  shop  since 00:06, timeout
    """)


def test_what_was_being_sent_is_told_once_and_marked_afterwards(story: Story, postgres: Postgres) -> None:
    with an_alerter(story, postgres.environment):
        with story.receiver.slow(answers=True):
            story.plays("""
                00:00  shop  uddd
            """)
            wait_for(lambda: story.receiver.tries, 60)
            postgres.kill()
        wait_for(lambda: story.told)
        postgres.start()
        story.conn = connected(postgres)
        wait_for(lambda: rows(story.conn, "SELECT state FROM sitemon.alerts") == [("delivered",)])
    assert story.receiver.tries == 1
    assert story.told == lines_of("""
        00:03  site.down  hook  shop  since 00:01, timeout
    """)
