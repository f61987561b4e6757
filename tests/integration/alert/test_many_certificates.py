"""However many certificates expire soon, those of some sites are told at a time, and few of sites that nobody has."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from sitemon.alert import certificates, decide
from sitemon.alert.decide import Decider
from sitemon.alert.events import certificate_event
from sitemon.alert.rules import SiteRules, rules_of_site
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.store.certificate import Expiring
from sitemon.store.errors import CanceledError
from sitemon.store.schedule import write_notices
from tests.databases import rows
from tests.integration.alert.running import Connect, running
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started
from tests.pipeline import wait_for
from tests.results import a_result, this_hour

EXPIRES_AT = this_hour() + timedelta(days=5)
CONFIGURED = SiteRules(Policy(), Audience(), frozenset({"eu"}), timedelta(minutes=1))
WARNED = "SELECT site, count(*)::integer FROM sitemon.alerts WHERE type = 'certificate.expiring' GROUP BY site"
FEW = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_MOST_OF_A_SITE", FEW)
    monkeypatch.setattr(certificates, "_MOST_OF_OTHERS", FEW)


def show(scene: Scene, site: str, region: str = "eu", expires_at: datetime = EXPIRES_AT) -> None:
    """Let a site have shown a certificate in a region."""
    scene.write([a_result(site, region=region, cert_expires_at=expires_at)])


def alerter(scene: Scene) -> Decider:
    """Return one that has the sites that are called configured-…, with one region, and no other ones."""
    others = rules_of_site(None, {})._replace(missing_since=this_hour() - timedelta(hours=1))
    return Decider(lambda name: CONFIGURED if name.startswith("configured-") else others, scene.alerts, this_hour)


def look(decider: Decider, scene: Scene) -> dict[str, int]:
    """Look at all sites, and return how many warnings there are of each since the beginning."""
    while decider.warn_of_certificates(scene.conn):
        pass
    return dict(rows(scene.conn, WARNED))


def test_of_a_site_some_are_told_in_a_look_those_first_that_expire_first(scene: Scene) -> None:
    regions = [f"region-{n}" for n in range(2 * FEW + 1)]
    for n, region in enumerate(reversed(regions)):
        show(scene, "shop", region, EXPIRES_AT + timedelta(minutes=n))
    told = [look(scene.decider, scene)["shop"] for _ in range(4)]
    assert told == [FEW, 2 * FEW, 2 * FEW + 1, 2 * FEW + 1]
    expiring = rows(scene.conn, "SELECT event #>> '{data,cert_expires_at}' FROM sitemon.outbox ORDER BY outbox_id")
    assert expiring == sorted(expiring)


def test_of_a_configured_site_those_that_its_own_regions_see(scene: Scene) -> None:
    for n in range(FEW):
        show(scene, "configured-shop", f"invented-{n}", EXPIRES_AT + timedelta(minutes=n))
    show(scene, "configured-shop", "eu", EXPIRES_AT + timedelta(hours=1))
    assert look(alerter(scene), scene) == {"configured-shop": 1}


def test_of_an_invented_one_those_of_some_regions(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "MOST_REGIONS", 2)
    for n in range(4):
        show(scene, "invented", f"region-{n}", EXPIRES_AT + timedelta(minutes=n))
    decider = alerter(scene)
    assert [look(decider, scene) for _ in range(2)] == [{"invented": 2}] * 2


def test_of_sites_that_no_configuration_has_some_are_told_in_a_look(scene: Scene) -> None:
    for n in range(2 * FEW):
        show(scene, f"invented-{n}")
    for n in range(2 * FEW):
        show(scene, f"configured-{n}")
        show(scene, f"scheduled-{n}")
    write_notices(scene.conn, scene.names, [started(n, site=f"scheduled-{n}", region="eu") for n in range(2 * FEW)])
    decider = alerter(scene)
    told = [Counter(site.partition("-")[0] for site in look(decider, scene)) for _ in range(2)]
    assert told == [
        {"configured": 2 * FEW, "invented": FEW, "scheduled": FEW},
        {"configured": 2 * FEW, "invented": 2 * FEW, "scheduled": 2 * FEW},
    ]


def test_some_sites_are_looked_at_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_SITES_AT_ONCE", 2)
    for n in range(5):
        show(scene, f"site-{n}")
    parts = []
    while scene.decider.warn_of_certificates(scene.conn):
        parts.append(len(rows(scene.conn, WARNED)))
    assert (parts, len(rows(scene.conn, WARNED))) == ([2, 4], 5)


def test_an_alerter_looks_at_all_of_them(scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_SITES_AT_ONCE", 2)
    scene.use(scene.receiver.channel(), now=this_hour())
    for n in range(5):
        show(scene, f"site-{n}")
    with running(scene, connect_it):
        wait_for(lambda: len(rows(scene.conn, WARNED)) == 5)


def test_one_of_which_it_fails_keeps_nobody_from_hearing_of_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def event_of(one: Expiring, *args: Any) -> dict[str, Any]:
        if one.site == "shop":
            raise CanceledError("canceling statement due to statement timeout")
        return certificate_event(one, *args)

    monkeypatch.setattr(certificates, "certificate_event", event_of)
    for site in ("blog", "shop", "wiki"):
        show(scene, site)
    assert look(scene.decider, scene) == {"blog": 1, "wiki": 1}
    assert [message for message in caplog.messages if "certificates of site shop" in message]
