"""An outage is an alert within seconds of the first failing check, and a blip is none, whatever the interval."""

from collections.abc import Iterator

import pytest

from tests.acceptance.changing import ChangingServer
from tests.acceptance.conftest import write_sites
from tests.integration.alert.receiver import Receiver, write_alerts
from tests.pipeline import Pipeline, wait_for

INTERVAL_S = 20
TIMEOUT_S = 3
SITES = ("outage", "blip", "hang")


@pytest.fixture
def server() -> Iterator[ChangingServer]:
    """A server that is well."""
    with ChangingServer() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes alerts."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def watched(pipeline: Pipeline, server: ChangingServer, receiver: Receiver) -> Pipeline:
    """Three sites that are well, and everybody at work."""
    write_sites(
        pipeline.sites_file,
        *[
            {"name": name, "url": server.url(f"/{name}"), "interval": INTERVAL_S, "timeout": TIMEOUT_S}
            for name in SITES
        ],
    )
    write_alerts(pipeline.folder, {"hook": receiver})
    pipeline.extra["CONF_DIR"] = str(pipeline.folder)
    pipeline.start("worker", "recorder", "alerter")
    well = "SELECT count(*) FROM sitemon.site_status WHERE state = 'up'"
    wait_for(lambda: pipeline.rows(well) == [(len(SITES),)], 60)
    return pipeline


def said(receiver: Receiver, type_: str) -> dict[str, float]:
    """Return when it was said of which sites, each once."""
    found = [
        (event["data"]["site"], at_s)
        for event, at_s in zip(receiver.events, receiver.arrived_s, strict=True)
        if event["type"] == type_
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_outage_hang_and_blip(watched: Pipeline, server: ChangingServer, receiver: Receiver) -> None:
    server.once.add("/blip")
    server.ills.update({"/outage": 503, "/blip": 503, "/hang": 0})
    wait_for(lambda: {"outage", "hang"} <= {*said(receiver, "site.down")}, 2 * INTERVAL_S)
    wait_for(lambda: "/blip" in server.failed_s, INTERVAL_S)
    took_s = {name: at_s - server.failed_s[f"/{name}"] for name, at_s in said(receiver, "site.down").items()}
    print({name: round(seconds, 2) for name, seconds in took_s.items()})
    assert max(took_s.values()) < INTERVAL_S, "the next slots were waited for"
    server.ills.clear()
    wait_for(lambda: {"outage", "hang"} <= {*said(receiver, "site.resolved")}, 2 * INTERVAL_S)
    again = "SELECT site, outcome, count(*) FROM sitemon.results WHERE kind = 'confirm' GROUP BY 1, 2 ORDER BY 1"
    assert watched.rows(again) == [("blip", "up", 1), ("hang", "down", 2), ("outage", "down", 2)]
    assert {*said(receiver, "site.down")} == {"outage", "hang"}
    started = "SELECT bool_and(started_at IN (SELECT slot_at FROM sitemon.results WHERE kind = 'scheduled'))"
    assert watched.rows(f"{started} FROM sitemon.incidents") == [(True,)]
