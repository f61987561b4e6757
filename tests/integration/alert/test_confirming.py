"""What is asked for when a site begins to fail, as the workers' queues get it."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import pytest
import redis

from sitemon import clock
from sitemon.alert import asker as module
from sitemon.alert import decide, regions
from sitemon.alert.asker import Asker
from sitemon.alert.decide import Decider
from sitemon.alert.rules import SiteRules, rules_of_site
from sitemon.celery_settings import sending_app
from sitemon.config.servers import Credentials, PostgresServer, RedisServer
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.site import name_of_url
from sitemon.queues import ASKED_AT, CHECK_SITE, CONFIRM_SLOTS, queue_of
from sitemon.store import incident
from sitemon.store.confirming import ToConfirm, sites_to_confirm
from sitemon.store.connect import connect
from sitemon.store.schedule import write_notices
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene
from tests.integration.store.events import started
from tests.results import a_down, a_result

SECOND = timedelta(seconds=1)
COUNTED = (
    "SELECT site, state, slot_at, state_since FROM sitemon.site_status",
    "SELECT up, down FROM sitemon.uptime_hourly",
    "SELECT expected, real FROM sitemon.ledger",
)
Asked = list[tuple[str, str, float]]


class Queues:
    """What workers of some regions would get."""

    def __init__(self, url: str) -> None:
        self.client: Any = redis.Redis.from_url(url)
        self.failed_at = clock.utc_now() - 0.25 * SECOND

    def take(self, region: str) -> Asked:
        """Return what waits: region, site, and how many seconds after the end of the failed check it is due."""
        found = []
        while message := self.client.rpop(queue_of(region)):
            envelope = json.loads(cast("bytes", message))
            assert envelope["headers"]["task"] == CONFIRM_SLOTS
            ((slots,), _, _) = json.loads(b64decode(envelope["body"]))
            found += [(region, site, round((slot_ms - to_ms(self.failed_at)) / 1000, 1)) for site, slot_ms in slots]
        return sorted(found)

    def a_failure(self, site: str = "shop", region: str = "eu", **fields: Any) -> Result:
        """Return a result of a check of half a second that has just failed."""
        slot_at = self.failed_at - 0.5 * SECOND
        latency: dict[str, Any] = {"slot_at": slot_at, "checked_at": slot_at, "latency_s": 0.5, "region": region}
        return a_down(site, **latency | fields)


@pytest.fixture
def queues(redis_url: str) -> Iterator[Queues]:
    """The queues of a Redis database of the test's own."""
    queues = Queues(redis_url)
    with closing(queues.client):
        yield queues


@pytest.fixture
def asker(redis_url: str) -> Asker:
    """One that asks there."""
    return asker_at(redis_url)


def asker_at(url: str, now: Callable[[], datetime] = clock.utc_now) -> Asker:
    return Asker(sending_app(RedisServer(url=url), "default", {}), file_of, now)


def file_of(site: str) -> str:
    return site.partition("-")[0]


@pytest.fixture(autouse=True)
def _configured(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # How long this machine takes for a test is no part of it: what was not late must not become so.
    monkeypatch.setattr(module, "_FRESH_S", 60.0)
    monkeypatch.setattr(module, "_LEASE_S", 60.0)
    monkeypatch.setattr(decide, "_GRACE", timedelta(minutes=1))
    rules = SiteRules(Policy(), Audience(), None, timedelta(minutes=1), confirm=True)
    scene.decider = Decider(lambda _: rules, scene.alerts, clock.utc_now)


def seconds_pass(scene: Scene, seconds: float) -> None:
    """Let everything that waits have been wanted so many seconds earlier, and a little more: a slot is there once."""
    earlier = "UPDATE sitemon.confirming SET slot_at = slot_at - %(by)s WHERE sent_at IS NULL"
    execute(scene.conn, earlier, {"by": (seconds + 0.02) * SECOND})


def test_the_region_itself_looks_again_when_it_is_time(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(queues.a_failure())
    seconds_pass(scene, -60.02)
    asker.ask_due(scene.conn)
    assert queues.take("eu") == []
    seconds_pass(scene, 60.98)
    assert asker.ask_due(scene.conn)
    assert queues.take("eu") == [("eu", "shop", 0)]  # that of 1 s
    seconds_pass(scene, 3)
    asker.ask_due(scene.conn)
    assert queues.take("eu") == [("eu", "shop", 0)]
    assert not asker.ask_due(scene.conn)


def test_another_region_looks_at_once(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(a_result(region="us", slot_at=queues.failed_at - 30 * SECOND), queues.a_failure())
    asker.ask_due(scene.conn)
    assert queues.take("us")[0] == ("us", "shop", 0)


def test_a_good_confirming_check_ends_the_asking(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(queues.a_failure())
    good = a_result(region="eu", slot_at=queues.failed_at + SECOND, kind=Kind.CONFIRM)
    scene.arrive(good)
    seconds_pass(scene, 5)
    assert not asker.ask_due(scene.conn)
    assert queues.take("eu") == []


def test_what_was_asked_for_is_not_asked_for_again(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(queues.a_failure())
    execute(scene.conn, "UPDATE sitemon.confirming SET sent_at = now()")
    scene.arrive(queues.a_failure(kind=Kind.CONFIRM, slot_at=queues.failed_at + SECOND))
    assert rows(scene.conn, "SELECT count(*), count(sent_at) FROM sitemon.confirming") == [(2, 2)]


def test_a_site_that_begins_to_fail_again_and_again_is_visited_so_often_at_most(
    scene: Scene, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident, "MOST_CONFIRMING", 4)
    rules = SiteRules(Policy(), Audience(), None, timedelta(minutes=1), confirm=True)
    scene.decider = Decider(lambda _: rules, scene.alerts, lambda: queues.failed_at)
    for moment in (queues.failed_at + place * 0.01 * SECOND for place in range(5)):
        well = a_result(region="eu", slot_at=moment)
        scene.arrive(well, queues.a_failure(slot_at=moment + 0.001 * SECOND, checked_at=moment))
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.confirming") == [(4,)]


def test_two_alerters_ask_once(
    scene: Scene, queues: Queues, asker: Asker, postgres_server: PostgresServer, owner: Credentials
) -> None:
    scene.arrive(queues.a_failure())
    seconds_pass(scene, 1)
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        for conn in (second, scene.conn):
            asker.ask_due(conn)
    assert len(queues.take("eu")) == 1


def test_one_that_was_killed_while_it_asked_is_followed_by_another(
    scene: Scene, queues: Queues, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrive(queues.a_failure())
    seconds_pass(scene, 1)
    with monkeypatch.context() as before:
        before.setattr(module, "mark_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            asker.ask_due(scene.conn)
    asker.ask_due(scene.conn)
    assert len(queues.take("eu")) == 1  # it is another's for some seconds
    execute(scene.conn, "UPDATE sitemon.confirming SET leased_until_at = now()")
    asker.ask_due(scene.conn)
    assert len(queues.take("eu")) == 1


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_without_redis_it_is_said_once_and_the_schedule_decides(
    scene: Scene, queues: Queues, asker: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    scene.arrive(queues.a_failure())
    seconds_pass(scene, 1)
    away = asker_at("redis://127.0.0.1:1/0")
    for _ in range(2):
        away.ask_due(scene.conn)
        execute(scene.conn, "UPDATE sitemon.confirming SET leased_until_at = now()")
    assert [record.message.split(":")[0] for record in caplog.records] == ["alerter.not_confirmed"]
    asker.ask_due(scene.conn)
    assert len(queues.take("eu")) == 1


def test_workers_that_have_too_much_to_do_are_not_asked(
    scene: Scene, queues: Queues, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 0)
    queues.client.lpush(queue_of("eu"), "a batch")
    scene.arrive(queues.a_failure())
    seconds_pass(scene, 1)
    asker.ask_due(scene.conn)
    assert queues.client.llen(queue_of("eu")) == 1


def test_a_storm_is_asked_for_in_pieces_and_what_is_late_not_at_all(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(*[queues.a_failure(f"site-{n:03}", reason=Reason.HTTP_STATUS) for n in range(60)])
    seconds_pass(scene, 2)
    asker.ask_due(scene.conn)
    first = queues.take("eu")
    assert len({site for _, site, _ in first}) == len(first) == module.ASKED_AT_ONCE
    seconds_pass(scene, 100)
    asker.ask_due(scene.conn)
    assert queues.take("eu") == []


def test_sites_that_fail_again_and_again_do_not_keep_another_from_being_confirmed(
    scene: Scene, queues: Queues, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FRESH_S", 20.0)
    flapping = [f"flapping-{n}" for n in range(module.ASKED_AT_ONCE + 10)]
    scene.arrive(*[queues.a_failure(site, reason=Reason.HTTP_STATUS) for site in flapping])
    seconds_pass(scene, 1)
    for _ in range(2):
        asker.ask_due(scene.conn)
    assert len(queues.take("eu")) == len(flapping)
    execute(scene.conn, "UPDATE sitemon.confirming SET sent_at = sent_at - '30 s'::interval")
    well_at, slot_at = queues.failed_at - 0.4 * SECOND, queues.failed_at - 0.3 * SECOND
    scene.arrive(*[a_result(site, slot_at=well_at, region="eu") for site in flapping])
    failing: dict[str, Any] = {"slot_at": slot_at, "checked_at": slot_at, "reason": Reason.HTTP_STATUS}
    scene.arrive(*[queues.a_failure(site, **failing) for site in [*flapping, "victim"]])
    seconds_pass(scene, 1)
    asker.ask_due(scene.conn)
    assert "victim" in {site for _, site, _ in queues.take("eu")}


def test_where_many_fail_at_once_those_that_were_begun_with_are_gone_on_with(
    scene: Scene, queues: Queues, asker: Asker
) -> None:
    sites = [f"site-{n}" for n in range(module.ASKED_AT_ONCE + 10)]
    scene.arrive(*[queues.a_failure(site, reason=Reason.HTTP_STATUS) for site in sites])
    asked = []
    for seconds in (1, 2):
        seconds_pass(scene, seconds)
        asker.ask_due(scene.conn)
        asked.append({site for _, site, _ in queues.take("eu")})
        execute(scene.conn, "SELECT pg_sleep(1)")  # since then the order of all others is another
    assert (len(asked[0]), asked[1]) == (module.ASKED_AT_ONCE, asked[0])


def test_where_more_sites_fail_than_can_be_asked_for_no_place_in_the_database_is_the_first(
    scene: Scene, queues: Queues, asker: Asker
) -> None:
    sites = [f"site-{n}" for n in range(2 * module.ASKED_AT_ONCE)]
    scene.arrive(*[queues.a_failure(site, reason=Reason.HTTP_STATUS) for site in sites])
    seconds_pass(scene, 1)
    asker.ask_due(scene.conn)
    known = [site for (site,) in rows(scene.conn, "SELECT name FROM sitemon.site ORDER BY site_id")]
    asked = {site for _, site, _ in queues.take("eu")}
    assert len(asked) == module.ASKED_AT_ONCE
    assert asked not in (set(known[: module.ASKED_AT_ONCE]), set(known[module.ASKED_AT_ONCE :]))


def test_very_many_new_names_of_a_file_that_fail_keep_no_site_of_another_from_being_confirmed(
    scene: Scene, queues: Queues, asker: Asker
) -> None:
    evil = [f"evil-{n}" for n in range(2_000)]
    failing: dict[str, Any] = {"latency_s": 0.1, "reason": Reason.HTTP_STATUS}
    well = [a_result(site, slot_at=queues.failed_at - SECOND, region="us") for site in evil[:100]]
    scene.arrive(*well, *[queues.a_failure(site, **failing) for site in [*evil, "ours-1", "ours-2"]])
    asked: list[str] = []
    for seconds in (1, 3):
        seconds_pass(scene, seconds)
        asker.ask_due(scene.conn)
        here, elsewhere = queues.take("eu"), queues.take("us")
        asked += [site for _, site, _ in here if file_of(site) == "ours"]
        assert len(here + elsewhere) == module.ASKED_AT_ONCE
    # On a slow machine both checks of a site are due by the first look.
    assert sorted(asked) == ["ours-1", "ours-1", "ours-2", "ours-2"]


def test_where_more_files_have_sites_that_fail_than_can_be_asked_for_each_has_its_turn(
    scene: Scene, queues: Queues, asker: Asker
) -> None:
    sites = [f"{file}-{n}" for file in range(module.ASKED_AT_ONCE + 10) for n in range(3)]
    scene.arrive(*[queues.a_failure(site, reason=Reason.HTTP_STATUS) for site in sites])
    seconds_pass(scene, 1)
    asked: set[str] = set()
    for _ in range(2):
        asker.ask_due(scene.conn)
        asked |= {file_of(site) for _, site, _ in queues.take("eu")}
    assert asked == {file_of(site) for site in sites}


def test_what_another_alerter_takes_meanwhile_is_made_up_for_by_others(
    scene: Scene,
    queues: Queues,
    asker: Asker,
    redis_url: str,
    postgres_server: PostgresServer,
    owner: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sites = [f"site-{n}" for n in range(2 * module.ASKED_AT_ONCE)]
    scene.arrive(*[queues.a_failure(site, reason=Reason.HTTP_STATUS) for site in sites])
    seconds_pass(scene, 1)
    another = asker_at(redis_url)
    with closing(connect(postgres_server, owner, application_name="test")) as second, monkeypatch.context() as patch:

        def look_before_another(*values: Any) -> list[ToConfirm]:
            patch.undo()
            found = sites_to_confirm(*values)
            another.ask_due(second)
            return found

        patch.setattr(module, "sites_to_confirm", look_before_another)
        asker.ask_due(scene.conn)
    assert sorted(site for _, site, _ in queues.take("eu")) == sorted(sites)


def test_what_is_over_is_forgotten_while_more_is_awaited(scene: Scene, queues: Queues, asker: Asker) -> None:
    scene.arrive(queues.a_failure())
    seconds_pass(scene, 1)
    execute(scene.conn, "UPDATE sitemon.confirming SET slot_at = slot_at - '1 h'::interval WHERE slot_at <= now()")
    assert asker.ask_due(scene.conn)
    assert rows(scene.conn, "SELECT count(*) FROM sitemon.confirming") == [(1,)]


def test_reference_sites_are_asked_for_at_most_every_few_seconds(queues: Queues, redis_url: str) -> None:
    urls = ("https://one.example/", "https://two.example/")
    asker = asker_at(redis_url)
    for region, asked in (("eu", urls), ("us", ()), ("eu", urls)):
        asker.ask_for_references(region, asked)
    assert queues.client.llen(queue_of("us")) == 0
    messages = [json.loads(message) for message in queues.client.lrange(queue_of("eu"), 0, -1)]
    assert {message["headers"]["task"] for message in messages} == {CHECK_SITE}
    assert [json.loads(b64decode(message["body"]))[0] for message in messages] == [[url] for url in reversed(urls)]


def test_whose_clock_is_ahead_of_all_others_finds_a_region_online_again(
    scene: Scene, queues: Queues, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for is known by the moment at which it was: nobody compares with the clock of a worker."""
    monkeypatch.setattr(regions, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(regions, "_SHARE", 0)
    urls = ("https://one.example/", "https://two.example/")
    scene.alerts = msgspec.structs.replace(scene.alerts, references={"eu": urls})

    def ahead() -> datetime:
        return clock.utc_now() + 40 * SECOND

    scene.decider = Decider(lambda _: rules_of_site(None, {}), scene.alerts, ahead, by_sites=False)

    def answer(outcome: Outcome) -> None:
        asker_at(redis_url, ahead).ask_for_references("eu", urls)
        while message := queues.client.rpop(queue_of("eu")):
            slot_at = from_ms(json.loads(message)["headers"][ASKED_AT])
            ((url,), _, _) = json.loads(b64decode(json.loads(message)["body"]))
            fields: dict[str, Any] = {
                "kind": Kind.ADHOC,
                "slot_at": slot_at,
                "checked_at": clock.utc_now(),
                "region": "eu",
            }
            scene.write([a_result(name_of_url(url), outcome=outcome, **fields)])

    write_notices(scene.conn, scene.names, [started(0, site="scheduled", region="eu")])
    scene.arrive(a_result(slot_at=queues.failed_at - 30 * SECOND, region="eu"))
    scene.arrive(queues.a_failure(reason=Reason.CONNECT_ERROR))
    answer(Outcome.DOWN)
    scene.arrive(queues.a_failure(slot_at=queues.failed_at, reason=Reason.CONNECT_ERROR))
    assert [event["type"] for event in scene.receiver.events] == ["region.offline"]
    answer(Outcome.UP)
    scene.decider.look_at_regions(scene.conn)
    scene.send()
    assert [event["type"] for event in scene.receiver.events] == ["region.offline", "region.online"]


def test_what_is_asked_for_expires_by_the_clock_by_which_it_is_asked_for(queues: Queues, redis_url: str) -> None:
    """Which is PostgreSQL's, and no part of it that of the alerter's machine."""
    now = clock.utc_now() + 10 * SECOND
    asker_at(redis_url, lambda: now).ask_for_references("eu", ["https://one.example/"])
    headers = json.loads(queues.client.rpop(queue_of("eu")))["headers"]
    assert from_ms(headers[ASKED_AT]) == from_ms(to_ms(now))
    assert datetime.fromisoformat(headers["expires"]) == now + 5 * SECOND


def test_confirming_rows_count_for_incidents_alone(scene: Scene) -> None:
    scene.arrive(*scene.results("ud"))
    before = [rows(scene.conn, query) for query in COUNTED]
    scene.arrive(*[a_down(minute=1 + n / 60, kind=Kind.CONFIRM) for n in (1, 4)])
    assert scene.incidents == [(1, None)]
    assert scene.said == [("site.down", 1, None)]
    assert before == [rows(scene.conn, query) for query in COUNTED]
