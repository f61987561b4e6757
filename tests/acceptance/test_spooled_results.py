"""A worker without Kafka spools its results; what they say when they come late corrects what was told meanwhile."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from sitemon import clock
from sitemon.local.behaviours import closed_port
from sitemon.local.ports import LOOPBACK
from tests.acceptance.changing import ChangingServer
from tests.acceptance.conftest import write_sites
from tests.faults.brokers import KafkaOfTwoWays
from tests.faults.relay import Relay
from tests.integration.alert.receiver import Receiver, write_alerts
from tests.pipeline import Pipeline, wait_for
from tests.scenarios.table import Line, lines_of

INTERVAL_S = 5
SITES = ("shop", "blog")
STATES = "SELECT site, region, state FROM sitemon.site_status ORDER BY site, region"
WELL = [(site, region, "up") for site in sorted(SITES) for region in ("eu", "us")]
SEEN_FROM_EU_SINCE = "SELECT DISTINCT site FROM sitemon.results WHERE region = 'eu' AND slot_at > %s ORDER BY site"
FIRST_FAILURES = """
    SELECT region, min(slot_at) FROM sitemon.results WHERE site = %s AND outcome = 'down' GROUP BY region
"""


class World(NamedTuple):
    """Two sites, which are on a server of its own for each region. The worker of eu comes to Kafka by `way` alone."""

    pipeline: Pipeline
    seen_from: Mapping[str, ChangingServer]
    way: Relay
    kafka: KafkaOfTwoWays
    receiver: Receiver

    def told(self, site: str) -> list[Line]:
        """What was told of a site: what, since or until when, and from where it was seen as down."""
        failed = {at: f"{region} failed" for region, at in self.pipeline.rows(FIRST_FAILURES, site)}
        return [_line(event["type"], event["data"], failed) for event in self.receiver.events if _site(event) == site]

    def drain_the_spool(self) -> None:
        """Let eu come to Kafka, and decide on all that it spooled together: it may be recorded in several batches.

        Results of a site are recorded in their order, so all that was spooled is there with one of a later slot.
        """
        self.pipeline.processes["alerter"].stop(timeout_s=10)
        back_at = clock.utc_now()
        self.way.move(self.kafka.relayed_port)
        wait_for(lambda: self.pipeline.rows(SEEN_FROM_EU_SINCE, back_at) == [(site,) for site in sorted(SITES)], 60)
        self.pipeline.start("alerter")


def _site(event: Mapping[str, Mapping[str, object]]) -> object:
    return event["data"]["site"]


def _line(type_: str, data: Mapping[str, object], failed: Mapping[datetime, str]) -> Line:
    incident, regions = data["incident"], data["regions"]
    assert isinstance(incident, dict)
    assert isinstance(regions, dict)
    since = failed[datetime.fromisoformat(incident["started_at"])]
    return type_, f"since {since}", " ".join(regions), *(["corrected"] if data["is_corrected"] else [])


@pytest.fixture
def world(pipeline: Pipeline, tmp_path: Path) -> Iterator[World]:
    """Both sites are well, and everybody is at work."""
    with ChangingServer() as eu, ChangingServer() as us, Receiver() as receiver, Relay() as way:
        kafka = KafkaOfTwoWays(tmp_path / "kafka", way)
        kafka.start()
        way.move(kafka.relayed_port)
        write_alerts(
            pipeline.folder, {"hook": receiver}, routes=[{"channels": ["hook"], "events": ["down", "resolved"]}]
        )
        pipeline.extra |= kafka.environment | {"CONF_DIR": str(pipeline.folder), "SITEMON_WORKER_PROCESSES": "1"}
        pipeline.run("topics", "sitemon", "provision")
        for region, server in (("eu", eu), ("us", us)):
            pipeline.sites_file = write_sites(
                pipeline.folder / f"{region}.json",
                *[
                    {"name": site, "url": server.url(f"/{site}"), "interval": INTERVAL_S, "timeout": 3}
                    | {"regions": ["eu", "us"]}
                    for site in SITES
                ],
            )
            pipeline.extra |= {"SITEMON_REGION": region, "SITEMON_SPOOL_DIR": str(pipeline.folder / f"spool-{region}")}
            by_relay = {"SITEMON_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{way.port}"}
            pipeline.extra |= by_relay if region == "eu" else kafka.environment
            pipeline.start(region)
        pipeline.start("beat", "recorder", "alerter")
        try:
            wait_for(lambda: pipeline.rows(STATES) == WELL, 60)
            yield World(pipeline, {"eu": eu, "us": us}, way, kafka, receiver)
        finally:
            pipeline.down()
            kafka.kill()


def test_an_outage_that_was_none_and_one_that_began_later(world: World) -> None:
    eu, us = world.seen_from["eu"], world.seen_from["us"]
    holder, nowhere = closed_port()
    with holder:
        world.way.move(nowhere)
        wait_for(lambda: "kafka.away" in world.pipeline.log_of("eu"))
        us.ills |= dict.fromkeys(("/shop", "/blog"), 503)
        wait_for(lambda: {"/shop", "/blog"} <= {*us.failed_s})
        visits = len(eu.visits)
        wait_for(lambda: {"/shop", "/blog"} <= {*eu.visits[visits:]})  # well from there, after they failed from us
        eu.ills["/blog"] = 503
        # Once nothing has come from eu for so long that nobody knows how they are there.
        wait_for(lambda: len(world.receiver.events) == 2, 120)
    assert [*world.told("shop"), *world.told("blog")] == 2 * lines_of("""
        site.down  since us failed  us
    """)
    world.drain_the_spool()
    wait_for(lambda: len(world.receiver.events) == 4, 60)
    eu.ills.clear()
    us.ills.clear()
    wait_for(lambda: len(world.receiver.events) == 5, 60)
    assert world.told("shop") == lines_of("""
        site.down           since us failed  us
        incident.withdrawn  since us failed  us  corrected
    """)
    assert world.told("blog") == lines_of("""
        site.down      since us failed  us
        site.down      since eu failed  eu us  corrected
        site.resolved  since eu failed  eu us
    """)
