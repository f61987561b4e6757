"""An editor's windows of maintenance take long to be computed: nobody else waits for that."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.alert import alerter, maintenance
from sitemon.alert.alerter import Alerter
from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.rules import Rulebook
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.maintenance import Recurring
from sitemon.patterns.recurrence import windows
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.notify import wait_for_notice
from sitemon.store.postgres_clock import PostgresClock
from sitemon.store.write import prepare_session, write_batch
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.pipeline import wait_for
from tests.results import a_result
from tests.threads import beside

SITES = 40


@pytest.fixture
def sites(tmp_path: Path) -> SiteSet:
    """Return those of two files: of the first all have many windows, of the other one has some."""
    rules = ", ".join(f"{{rrule: FREQ=DAILY, start: '02:{minute:02}', duration: 1m}}" for minute in range(20))
    costly = [
        f"- {{name: costly-{number}, url: 'http://costly.example/', maintenance: [{rules}]}}" for number in range(SITES)
    ]
    (tmp_path / "a.yaml").write_text("sites:\n" + "\n".join(costly))
    (tmp_path / "b.yaml").write_text(
        "sites:\n- {name: victim, url: 'http://victim.example/'}\n"
        "- {name: shop, url: 'http://shop.example/', maintenance: [{rrule: FREQ=DAILY, start: '03:00', duration: 1h}]}"
    )
    return load_sites({}, tmp_path)


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn has time for one site."""
    monkeypatch.setattr(maintenance, "_TURN_S", 0.0)


def planned(conn: Connection) -> set[str]:
    return {site for (site,) in rows(conn, "SELECT DISTINCT site FROM sitemon.maintenance")}


@contextmanager
def deciding(scene: Scene, sites: SiteSet, server: PostgresServer, owner: Credentials) -> Iterator[None]:
    """Let an alerter run, that has a failure of another site to tell."""
    stop = threading.Event()
    book = Rulebook(sites.by_name, clock.utc_now())
    one = Alerter(
        lambda: connect(server, owner, application_name="test"),
        planner=Planner(lambda: sites, clock.utc_now),
        rulebook=book,
        decider=Decider(book.rules_of, scene.alerts, clock.utc_now, by_sites=False),
        asker=None,
        teller=None,
        alerts=lambda: scene.alerts,
        postgres_clock=PostgresClock(),
        stop=stop,
    )
    scene.write(scene.results("udddd", start=1, site="victim"))
    with beside(one.run, stop):
        yield


def test_results_are_written_while_windows_are_computed(
    conn: Connection,
    postgres_server: PostgresServer,
    owner: Credentials,
    sites: SiteSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    def beside(*_: object) -> tuple[tuple[datetime, datetime], ...]:
        if not written:
            with closing(connect(postgres_server, owner, application_name="test")) as other:
                prepare_session(other)
                with other, other.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1s'")
                write_batch(other, Names(), [a_result("victim")])
                written.append("a result")
        return ()

    monkeypatch.setattr(maintenance, "windows", beside)
    Planner(lambda: sites, clock.utc_now).plan_if_due(conn)
    assert written


def test_a_rule_of_which_windows_cannot_be_computed_holds_up_nobody(
    conn: Connection, sites: SiteSet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = itertools.count()

    def fails_once(rule: Recurring, from_at: datetime, until_at: datetime) -> tuple[tuple[datetime, datetime], ...]:
        if rule.duration_s == 60 and not next(calls):
            raise ValueError("a mistake")
        return windows(rule, from_at, until_at)

    monkeypatch.setattr(maintenance, "windows", fails_once)
    planner = Planner(lambda: sites, clock.utc_now)
    planner.plan_if_due(conn)
    while not planner.is_done:
        planner.plan_if_due(conn)
    assert len(planned(conn)) == SITES + 1
    [failed] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert failed.startswith("alerter.maintenance_failed: a rule of site costly-")


@pytest.mark.usefixtures("short_turns")
def test_files_take_turns_and_an_edit_meanwhile_forgets_nothing(conn: Connection, sites: SiteSet) -> None:
    current = [sites]
    planner = Planner(lambda: current[0], clock.utc_now)
    planner.plan_if_due(conn)
    planner.plan_if_due(conn)
    assert "shop" in planned(conn)
    assert len(planned(conn)) == 2
    current[0] = SiteSet(sites=sites.sites, by_name=sites.by_name, source="")
    while not planner.is_done:
        planner.plan_if_due(conn)
    assert len(planned(conn)) == SITES + 1


@pytest.mark.usefixtures("short_turns")
def test_an_edit_holds_once_its_windows_do_or_after_some_seconds(
    conn: Connection, sites: SiteSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [clock.monotonic_s()]
    nothing = SiteSet(sites=(), by_name={}, source="")
    current = [nothing]
    planner = Planner(lambda: current[0], clock.utc_now)
    assert planner.plan_if_due(conn) is nothing
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s[0])
    current[0] = sites
    assert planner.plan_if_due(conn) is nothing
    now_s[0] += 4.9
    assert planner.plan_if_due(conn) is nothing
    now_s[0] += 0.2
    assert planner.plan_if_due(conn) is sites
    assert not planner.is_done


def test_others_are_told_of_meanwhile(
    scene: Scene, sites: SiteSet, postgres_server: PostgresServer, owner: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(rule: Recurring, from_at: datetime, until_at: datetime) -> tuple[tuple[datetime, datetime], ...]:
        clock.sleep(0.05)
        return windows(rule, from_at, until_at)

    monkeypatch.setattr(maintenance, "windows", slowly)
    with deciding(scene, sites, postgres_server, owner):
        wait_for(lambda: bool(scene.receiver.events))
    assert 0 < len(planned(scene.conn)) < SITES


@pytest.mark.usefixtures("short_turns")
def test_between_turns_nothing_is_written_down_for_a_while(
    scene: Scene, sites: SiteSet, postgres_server: PostgresServer, owner: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerter, "_PLAN_REST_S", 60.0)
    monkeypatch.setattr(alerter, "wait_for_notice", lambda conn, _: wait_for_notice(conn, 0.1))
    with deciding(scene, sites, postgres_server, owner):
        wait_for(lambda: bool(scene.receiver.events))
    assert len(planned(scene.conn)) == 1
