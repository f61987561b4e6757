"""Certificates that expire soon: a warning for each threshold, and anew for a new one."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Alerts, Audience, Channel
from sitemon.model.moment import format_utc
from sitemon.store.certificate import ExpiryWarning, certificate_sites, look_at_certificates
from sitemon.store.connect import connect
from tests.integration.alert.scene import Scene
from tests.results import a_result, this_hour

DAY = timedelta(days=1)
Warn = Callable[[float], list[int]]


@pytest.fixture
def expires_at() -> datetime:
    return this_hour() + 100 * DAY


@pytest.fixture
def warn(scene: Scene, expires_at: datetime) -> Warn:
    """Look so many days before a certificate of the site expires, and return the thresholds that were told by it."""
    scene.arrive(a_result(minute=0, cert_expires_at=expires_at))
    return lambda days_before: look(scene, expires_at - days_before * DAY)


def look(scene: Scene, now: datetime, alerts: Alerts | None = None) -> list[int]:
    before = len(scene.receiver.events)
    rules = SiteRules(Policy(), Audience({"team": "web"}), None, timedelta(minutes=1))
    Decider(lambda _: rules, alerts or scene.alerts, lambda: now).warn_of_certificates(scene.conn)
    scene.send()
    assert {event["type"] for event in scene.receiver.events[before:]} <= {"certificate.expiring"}
    return [event["data"]["threshold_days"] for event in scene.receiver.events[before:]]


def test_each_threshold_is_told_once(warn: Warn) -> None:
    said = [warn(days) for days in (31, 30, 29, 14.1, 14, 13, 6.9, 6, 1, 0.5, 0, -1)]
    assert said == [[], [30], [], [], [14], [], [7], [], [1], [], [], []]


def test_thresholds_that_nobody_looked_at_are_passed_over(warn: Warn) -> None:
    assert [warn(days) for days in (40, 3, 2)] == [[], [7], []]


def test_what_is_said_of_it(scene: Scene, warn: Warn) -> None:
    warn(6)
    [event] = scene.receiver.events
    assert event["data"]["site"] == "shop"
    assert event["data"]["url"] == "https://shop.example/"
    assert event["data"]["labels"] == {"team": "web"}


def test_of_two_alerters_that_look_at_once_one_warns(
    scene: Scene, warn: Warn, expires_at: datetime, postgres_server: PostgresServer, owner: Credentials
) -> None:
    now = expires_at - 5 * DAY
    with (
        closing(connect(postgres_server, owner, application_name="test")) as second,
        look_at_certificates(second) as certificates,
    ):
        [site] = certificate_sites(scene.conn, 0, 1)
        [certificate] = certificates.expiring({site.site_id: ["default"]}, now, expires_at)
        assert warn(5) == [7]
        assert certificates.note([ExpiryWarning(certificate, 7)]) == []


def test_who_does_not_want_to_hear_of_it_does_not(scene: Scene, warn: Warn, expires_at: datetime) -> None:
    with_it = scene.alerts
    scene.use(scene.receiver.channel(), events=("down",))
    assert warn(10) == []
    assert look(scene, expires_at - 10 * DAY, with_it) == [14]  # and nobody has missed it


def test_each_of_two_certificates_that_regions_see_is_warned_of_once_a_threshold(
    scene: Scene, expires_at: datetime
) -> None:
    for region, own in (("eu", expires_at), ("us", expires_at + 3 * DAY), ("asia", expires_at)):
        scene.arrive(a_result(minute=0, region=region, cert_expires_at=own))
    said = [look(scene, expires_at - days * DAY) for days in (29, 28, 26, 13, 12, 10, 9)]
    assert said == [[30], [], [30], [14], [], [14], []]


def test_alertmanager_takes_it_as_an_alert_that_ends_with_it(scene: Scene, expires_at: datetime) -> None:
    am = Channel(name="am", kind="alertmanager", url=scene.receiver.url.removesuffix("/hook"))
    scene.use(am)
    scene.arrive(a_result(minute=0, cert_expires_at=expires_at))
    look(scene, expires_at - 5 * DAY)
    [[alert]] = scene.receiver.bodies
    assert alert["labels"]["alertname"] == "CertificateExpiring"
    assert alert["labels"]["site"] == "shop"
    assert alert["endsAt"] == alert["labels"]["cert_expires_at"] == format_utc(expires_at)
    assert alert["annotations"]["summary"] == "shop: its certificate expires in 5 d"
