"""A region whose reference sites cannot be reached either is offline: nothing is said of its only site."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.acceptance.changing import ChangingServer
from tests.acceptance.conftest import write_sites
from tests.integration.alert.receiver import Receiver, write_alerts
from tests.pipeline import Pipeline, wait_for

INTERVAL_S = 5


class World(NamedTuple):
    """The servers of the site and of the reference site, which a test may end and start again on their ports."""

    pipeline: Pipeline
    servers: ExitStack
    ports: list[int]
    receiver: Receiver

    def start(self) -> None:
        for port in self.ports:
            self.servers.enter_context(ChangingServer(port))


@pytest.fixture
def world(pipeline: Pipeline) -> Iterator[World]:
    """A site that is well, and everybody at work."""
    with Receiver() as receiver, ExitStack() as servers:
        ports = [servers.enter_context(ChangingServer()).port for _ in range(2)]
        shop, reference = (f"http://127.0.0.1:{port}/" for port in ports)
        write_sites(pipeline.sites_file, {"name": "shop", "url": shop, "interval": INTERVAL_S})
        write_alerts(pipeline.folder, {"hook": receiver}, references={"default": [reference]})
        pipeline.extra["CONF_DIR"] = str(pipeline.folder)
        pipeline.start("worker", "recorder", "alerter")
        wait_for(lambda: pipeline.rows("SELECT state FROM sitemon.site_status") == [("up",)], 60)
        yield World(pipeline, servers, ports, receiver)
        pipeline.down()


def test_offline_and_online_again(world: World) -> None:
    world.servers.close()
    wait_for(lambda: world.receiver.events, 30)
    failing = "SELECT count(*) FROM sitemon.results WHERE outcome = 'down' AND kind = 'scheduled'"
    wait_for(lambda: world.pipeline.rows(failing)[0][0] >= 4, 60)
    world.start()
    wait_for(lambda: len(world.receiver.events) == 2, 30)
    well = "SELECT count(*) FROM sitemon.results, sitemon.region_outage WHERE outcome = 'up' AND slot_at > until_at"
    wait_for(lambda: world.pipeline.rows(well)[0][0] >= 2, 30)
    assert [event["type"] for event in world.receiver.events] == ["region.offline", "region.online"]
    assert world.pipeline.rows("SELECT count(*) FROM sitemon.incidents") == [(0,)]
    assert world.pipeline.rows("SELECT site FROM sitemon.site_status") == [("shop",)]
