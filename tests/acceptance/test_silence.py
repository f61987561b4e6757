"""A recorder that is gone is one message, and no heartbeat; when it is back, both are."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.acceptance.changing import ChangingServer
from tests.acceptance.conftest import write_sites
from tests.integration.alert.receiver import Receiver, write_alerts
from tests.pipeline import Pipeline, wait_for

BEAT = "/beat"


class World(NamedTuple):
    """A server that is watched, and takes heartbeats."""

    pipeline: Pipeline
    server: ChangingServer
    receiver: Receiver

    def beats(self) -> int:
        return self.server.visits.count(BEAT)


@pytest.fixture
def world(pipeline: Pipeline) -> Iterator[World]:
    """Two sites that are looked at every second, and everybody at work."""
    with ChangingServer() as server, Receiver() as receiver:
        shop: dict[str, object] = {"name": "shop", "url": server.url("/"), "interval": 1, "timeout": 1}
        write_sites(pipeline.sites_file, shop, shop | {"name": "blog"})
        write_alerts(pipeline.folder, {"hook": receiver}, heartbeat={"url": server.url(BEAT), "every": "10s"})
        pipeline.extra["CONF_DIR"] = str(pipeline.folder)
        pipeline.start("worker", "recorder", "alerter")
        yield World(pipeline, server, receiver)
        pipeline.down()


def test_a_recorder_that_is_gone_is_noticed(world: World) -> None:
    wait_for(lambda: world.beats() >= 2, 60)
    world.pipeline.processes["recorder"].stop(timeout_s=10)
    wait_for(lambda: world.receiver.events, 150)
    [event] = world.receiver.events
    assert event["type"] == "monitor.silent"
    assert (event["data"]["state"], event["data"]["cause"], event["data"]["sites"]) == ("silent", "not_recorded", 2)
    missed = "alerter.heartbeat_missed: nothing was recorded lately"
    wait_for(lambda: missed in world.pipeline.log_of("alerter"), 30)
    beats = world.beats()
    world.pipeline.start("recorder")
    wait_for(lambda: len(world.receiver.events) == 2, 60)
    wait_for(lambda: world.beats() > beats, 30)
    assert world.receiver.events[1]["data"]["state"] == "over"
