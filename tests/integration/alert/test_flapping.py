"""Sites that go up and down for ever: what their past costs, and which of it says who lies behind whom."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from sitemon import clock
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules
from sitemon.incident.dependence import Gateway, Standing, standing
from sitemon.incident.machine import Incident
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Cause
from sitemon.model.alerts import Audience
from sitemon.store.connect import Connection
from sitemon.store.held import Behind
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import execute, looks_at, rows
from tests.integration.alert.scene import Scene
from tests.results import MINUTE, a_result, this_hour

GATEWAYS = tuple(f"line-{number}" for number in range(5))
FEW = 1_000
PAST = """
INSERT INTO sitemon.incident (site_id, started_at, opened_by_at, ended_at, closed_by_at, regions)
SELECT site_id, began_at, began_at, began_at + '1s'::interval, began_at + '1s'::interval, '{default}'
FROM sitemon.site
CROSS JOIN generate_series(1, 5000) AS number
CROSS JOIN LATERAL (SELECT %(until)s::timestamptz - 2 * number * '1s'::interval) AS outage (began_at)
WHERE name = ANY (%(sites)s)
ORDER BY began_at
"""
WAITING = """
INSERT INTO sitemon.outbox (event_id, channel, type, event, turn)
SELECT gen_random_uuid(), 'hook', 'site.down', jsonb_build_object('data', jsonb_build_object('site', %(site)s)), turn
FROM generate_series(0, 4999) AS turn
"""
Outages = dict[str, list[tuple[datetime, datetime | None]]]


@contextmanager
def reads_few(conn: Connection, table: str = "incident") -> Iterator[None]:
    """Look that no more than a few incidents, or rows of another table, are read."""
    before = looks_at(conn, table)
    yield
    assert looks_at(conn, table) - before < FEW


@pytest.fixture
def flapping(scene: Scene) -> Scene:
    """Sites that were down thousands of times, and shop, which depends on all of them."""

    def rules_of(name: str) -> SiteRules:
        gateways = GATEWAYS if name == "shop" else ()
        return SiteRules(Policy(1, 1), Audience(), None, timedelta(seconds=1), gateways=lambda: gateways)

    scene.decider = Decider(rules_of, scene.alerts, clock.utc_now, by_sites=False)
    scene.write([a_result(site) for site in (*GATEWAYS, "shop")])
    scene.decide()
    execute(scene.conn, PAST, {"until": this_hour(), "sites": list(GATEWAYS)})
    return scene


def test_a_decision_reads_little_of_the_past(flapping: Scene) -> None:
    flapping.write([one for site in GATEWAYS for one in flapping.results("dudud", start=1, site=site)])
    with reads_few(flapping.conn):
        flapping.decide()
    flapping.send()
    down = next(one for one in flapping.receiver.events if one["data"]["site"] == GATEWAYS[0])
    assert down["data"]["well_for_s"] == 61


def test_nor_of_what_waits_for_a_channel(flapping: Scene) -> None:
    execute(flapping.conn, WAITING, {"site": GATEWAYS[0]})
    flapping.write(flapping.results("dudud", start=1, site=GATEWAYS[0]))
    with reads_few(flapping.conn, "outbox"):
        flapping.decide()
    turns = "SELECT turn FROM sitemon.outbox WHERE incident_id IS NOT NULL ORDER BY outbox_id"
    assert rows(flapping.conn, turns) == [(5_000 + number,) for number in range(5)]


def test_nor_does_who_looks_whether_a_site_lies_behind_them(flapping: Scene) -> None:
    flapping.write(flapping.results("d", start=1) + flapping.results("d", start=1, site=GATEWAYS[0]))
    flapping.decide()
    execute(
        flapping.conn,
        "UPDATE sitemon.incident SET started_at = started_at - '10 days'::interval WHERE is_held",
    )
    with reads_few(flapping.conn):
        flapping.decider.release(flapping.conn)
    assert rows(flapping.conn, "SELECT behind FROM sitemon.incidents WHERE site = 'shop'") == [(GATEWAYS[0],)]


def test_of_what_is_held_of_them_little_is_looked_at_and_another_is_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Incident] = []

    def look(incident: Incident, *rest: Any, **known: Any) -> Standing:
        looked_at.append(incident)
        return standing(incident, *rest, **known)

    def rules_of(name: str) -> SiteRules:
        return SiteRules(Policy(1, 1), Audience(), None, timedelta(seconds=1), gateways=lambda: ("gate",))

    monkeypatch.setattr("sitemon.alert.held.standing", look)
    scene.decider = Decider(rules_of, scene.alerts, clock.utc_now, by_sites=False)
    scene.write([a_result(site) for site in (*GATEWAYS, "shop")])
    scene.decide()
    execute(scene.conn, PAST, {"until": this_hour(), "sites": list(GATEWAYS)})
    execute(scene.conn, "UPDATE sitemon.incident SET is_held = true")
    scene.write(scene.results("d", start=1) + scene.results("u", start=2, site="gate"))
    scene.decide()
    assert not scene.decider.release(scene.conn)
    scene.send()
    assert len(looked_at) == 20 * len(GATEWAYS) + 1
    assert "shop" in {event["data"]["site"] for event in scene.receiver.events}


def random_outages(rnd: random.Random) -> list[tuple[datetime, datetime | None]]:
    """Return outages that follow one another, a minute or some apart, or none; the last one may last."""
    moments = [this_hour() + minute * MINUTE for minute in sorted(rnd.sample(range(40), 2 * rnd.randrange(6)))]
    found: list[tuple[datetime, datetime | None]] = [*zip(moments[::2], moments[1::2], strict=True)]
    if found and rnd.random() < 0.3:
        found[-1] = found[-1][0], None
    return found


def write_outages(conn: Connection, outages: Outages) -> None:
    """Write them down, and beside each of them one that was withdrawn."""
    values = [
        {"site": site, "from": began_at, "until": ended_at, "after": began_at + 9 * MINUTE}
        for site, known in outages.items()
        for began_at, ended_at in known
    ]
    with conn, conn.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO sitemon.incident (
                site_id, started_at, opened_by_at, ended_at, closed_by_at, regions, withdrawn_at
            )
            SELECT site_id, %(from)s, %(from)s, ended_at, ended_at, '{default}', withdrawn_at
            FROM sitemon.site
            CROSS JOIN (VALUES (%(until)s::timestamptz, NULL::timestamptz), (%(after)s, now())) AS
                one (ended_at, withdrawn_at)
            WHERE name = %(site)s
            """,
            values,
        )


@pytest.mark.parametrize("seed", range(10))
def test_what_is_read_of_gateways_decides_as_all_their_outages_would(conn: Connection, names: Names, seed: int) -> None:
    rnd = random.Random(seed)
    write_batch(conn, names, [a_result(site) for site in GATEWAYS])
    outages: Outages = {site: random_outages(rnd) for site in GATEWAYS}
    write_outages(conn, outages)
    settles = dict.fromkeys(GATEWAYS, 4 * MINUTE)
    for _ in range(40):
        began, length, lasts, later = rnd.randrange(40), rnd.randrange(1, 12), rnd.random() < 0.5, rnd.randrange(8)
        started_at, ended_at = this_hour() + began * MINUTE, this_hour() + (began + length) * MINUTE
        end, now = None if lasts else ended_at, ended_at + later * MINUTE
        incident = Incident(started_at, started_at, ("default",), Cause(), end, end)
        on = rnd.sample(GATEWAYS, rnd.randrange(1, 3))
        with conn, conn.cursor() as cursor:
            known = Behind(cursor).gateways(settles, now, {(site, started_at) for site in on if not lasts})
        read = [known[site] for site in on]
        entire: list[Gateway] = [one._replace(outages=outages[one.name]) for one in read]
        assert standing(incident, read, now, 4 * MINUTE) == standing(incident, entire, now, 4 * MINUTE)
