"""Topic ``sitemon.status``: each change of a site's state after its transaction, at least once, the newest last."""

import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from sitemon import clock
from sitemon.alert.status import StatusTeller
from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.model.errors import UnreachableError
from sitemon.model.status import SiteStatus, decode_status
from sitemon.store.connect import connect
from sitemon.store.maintain import maintain
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.status import take_untold
from sitemon.stream.producer import Delivery, KafkaProducer, Producer, Record
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.databases import execute, rows
from tests.integration.alert.scene import Scene, minute_of
from tests.integration.alert.test_command import Start, delivered, environ, start
from tests.pipeline import wait_for

__all__ = ["environ", "start"]

AWAY = {"SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
Said = tuple[str, str, float | None, bool]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def topic(kafka_server: KafkaServer) -> str:
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server).status


@pytest.fixture
def teller(kafka_server: KafkaServer, topic: str) -> Iterator[StatusTeller]:
    with closing(StatusTeller(lambda: KafkaProducer(kafka_server), topic)) as teller:
        yield teller


def told(kafka_server: KafkaServer, topic: str) -> list[SiteStatus]:
    with closing(read_all(kafka_server, topic)) as messages:
        return [decode_status(message.value or b"") for message in messages]


def said(statuses: list[SiteStatus]) -> list[Said]:
    return [(one.site, one.state, minute_of(one.since_at), one.incident is not None) for one in statuses]


def untold(scene: Scene) -> list[tuple[Any, ...]]:
    return rows(scene.conn, "SELECT state FROM sitemon.untold_state ORDER BY sequence")


def tell_all(scene: Scene, teller: StatusTeller) -> None:
    while not teller.tell_due(scene.conn):
        pass


def test_each_change_is_told_in_its_order(
    scene: Scene, teller: StatusTeller, kafka_server: KafkaServer, topic: str
) -> None:
    for result in scene.results("uddddmmmdu"):
        scene.arrive(result)
        tell_all(scene, teller)
    found = told(kafka_server, topic)
    assert said(found) == [
        ("shop", "up", 0, False),
        ("shop", "down", 1, True),
        ("shop", "unknown", 5, True),
        ("shop", "down", 1, True),
        ("shop", "up", 9, False),
    ]
    assert found[1].regions == {"default": "down"}
    assert found[1].incident is not None
    assert (found[1].incident.reason, minute_of(found[1].incident.started_at)) == ("timeout", 1)
    assert [one.sequence for one in found] == sorted(one.sequence for one in found)
    with closing(read_all(kafka_server, topic)) as messages:
        assert {message.key for message in messages} == {b"shop"}


def test_the_sequence_grows_though_the_database_lost_how_far_it_counted(scene: Scene) -> None:
    up, *down = scene.results("uddd")
    scene.arrive(up)
    with take_untold(scene.conn, 10) as before:
        pass
    # As a failover that lost transactions, a restored dump or a new database does.
    execute(scene.conn, "ALTER SEQUENCE sitemon.untold_state_sequence_seq RESTART")
    scene.arrive(*down)
    with take_untold(scene.conn, 10) as after:
        pass
    assert [one.state for one in (*before, *after)] == ["up", "down"]
    assert before[0].sequence < after[0].sequence < 2**53


def test_the_sequence_grows_though_the_clock_was_set_back(scene: Scene) -> None:
    ahead_us = 1_000_000 * (int(clock.utc_now().timestamp()) + 86_400)
    execute(scene.conn, "SELECT setval('sitemon.untold_state_sequence_seq', %s)", (ahead_us,))
    for result in scene.results("uddd"):
        scene.arrive(result)
    with take_untold(scene.conn, 10) as found:
        assert [(one.state, one.sequence) for one in found] == [("up", ahead_us + 1), ("down", ahead_us + 2)]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("uuuu", [("up", 0)]),
        ("udu", [("up", 0)]),
        ("ummmm", [("up", 0), ("unknown", 1)]),
        ("umu", [("up", 0), ("unknown", 1), ("up", 0)]),
        ("ummmmmu", [("up", 0), ("unknown", 1), ("up", 6)]),
        ("mm", [("unknown", 0)]),
        ("uggu", [("up", 0)]),
        ("ugggu", [("up", 0), ("degraded", 1), ("up", 4)]),
        ("ggg", [("up", 0), ("degraded", 0)]),
        ("ugggmmmu", [("up", 0), ("degraded", 1), ("unknown", 4), ("up", 7)]),
    ],
)
def test_each_change_is_told_and_nothing_else(scene: Scene, letters: str, expected: list[tuple[str, float]]) -> None:
    for result in scene.results(letters):
        scene.arrive(result)
    found = rows(scene.conn, "SELECT state, since_at FROM sitemon.untold_state ORDER BY sequence")
    assert [(state, minute_of(since_at)) for state, since_at in found] == expected


def test_a_site_that_is_down_from_one_region_of_two_is_degraded(scene: Scene) -> None:
    for eu, us in zip(scene.results("uddddu", region="eu"), scene.results("uuuuuu", region="us"), strict=True):
        scene.arrive(eu, us)
    found = rows(scene.conn, "SELECT state, since_at, regions FROM sitemon.untold_state ORDER BY sequence")
    assert [(state, minute_of(since_at)) for state, since_at, _ in found] == [("up", 0), ("degraded", 1), ("up", 5)]
    assert found[1][2] == {"eu": "down", "us": "up"}


def test_a_beginning_that_late_results_move_is_told_anew(scene: Scene) -> None:
    for result in scene.results("u ddd"):
        scene.arrive(result)
    scene.arrive(*scene.results("d", start=1))
    found = rows(scene.conn, "SELECT state, since_at FROM sitemon.untold_state ORDER BY sequence")
    assert [(state, minute_of(since_at)) for state, since_at in found] == [("up", 0), ("down", 2), ("down", 1)]


@pytest.mark.parametrize("moment", ["before it is sent", "after it is sent"])
def test_a_crash_loses_none(scene: Scene, kafka_server: KafkaServer, topic: str, moment: str) -> None:
    class Dying:
        """A producer whose process is killed."""

        def __init__(self, real: Producer) -> None:
            self.real, self.cluster = real, real.cluster

        def send(self, record: Record, timeout_s: float) -> Delivery:
            if moment == "after it is sent":
                assert self.real.send(record, timeout_s).wait(timeout_s)
            raise Killed

        def close(self, timeout_s: float) -> list[Record]:
            return list(self.real.close(timeout_s))

    for result in scene.results("uddd"):
        scene.arrive(result)
    with closing(StatusTeller(lambda: Dying(KafkaProducer(kafka_server)), topic)) as first, pytest.raises(Killed):
        first.tell_due(scene.conn)
    assert untold(scene) == [("up",), ("down",)]
    with closing(StatusTeller(lambda: KafkaProducer(kafka_server), topic)) as second:
        tell_all(scene, second)
    expected = [("shop", "up", 0, False), ("shop", "down", 1, True)]
    assert said(told(kafka_server, topic))[-2:] == expected
    assert untold(scene) == []


def test_while_kafka_is_away_alerts_go_on_and_nothing_is_lost(
    scene: Scene, kafka_server: KafkaServer, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    tries = iter([False, False, True])

    def make_producer() -> Producer:
        if not next(tries):
            raise UnreachableError("Kafka does not answer")
        return KafkaProducer(kafka_server)

    with closing(StatusTeller(make_producer, topic)) as teller:
        for result in scene.results("uddd"):
            scene.arrive(result)
        assert [teller.tell_due(scene.conn) > 0 for _ in range(2)] == [True, True]
        assert [event[0] for event in scene.said] == ["site.down"]
        assert untold(scene) == [("up",), ("down",)]
        tell_all(scene, teller)
    assert said(told(kafka_server, topic)) == [("shop", "up", 0, False), ("shop", "down", 1, True)]
    assert [record.message.partition(":")[0] for record in caplog.records if "kafka" in record.message] == [
        "alerter.kafka_away"
    ]


def test_one_at_a_time_tells(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> None:
    scene.arrive(*scene.results("u"))
    with closing(connect(postgres_server, owner, application_name="test")) as second:
        with take_untold(scene.conn, 10) as ours, take_untold(second, 10) as theirs:
            assert (len(ours), len(theirs)) == (1, 0)
        with take_untold(second, 10) as theirs:
            assert theirs == []


def test_what_nobody_tells_does_not_grow_without_end(scene: Scene) -> None:
    for result in scene.results("udddudddu"):
        scene.arrive(result)
    assert len(untold(scene)) == 5
    execute(scene.conn, "UPDATE sitemon.untold_state SET created_at = created_at - '2 days'::interval")
    maintain(scene.conn, DEFAULT_RETENTION, clock.utc_now())
    assert untold(scene) == [("up",)]


def where(server: KafkaServer) -> dict[str, str]:
    return {
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS": server.client["bootstrap_servers"],
        "SITEMON_KAFKA_TOPIC": server.topic,
    }


def test_the_alerter_tells_where_kafka_is_configured(
    start: Start, scene: Scene, kafka_server: KafkaServer, topic: str
) -> None:
    alerter = start("alerter", **where(kafka_server))
    scene.write(scene.results("uddd"))
    wait_for(lambda: "down" in {one.state for one in told(kafka_server, topic)}, within_s=60)
    alerter.send_signal(signal.SIGTERM)
    assert alerter.wait(timeout=10) == 0


def test_what_an_alerter_that_was_killed_did_not_tell_another_tells(
    start: Start, scene: Scene, kafka_server: KafkaServer, topic: str
) -> None:
    first = start("alerter", **AWAY)
    scene.write(scene.results("udd"))
    wait_for(lambda: delivered(scene) == 1)
    first.kill()
    first.wait()
    start("alerter", **where(kafka_server))
    wait_for(lambda: [one.state for one in told(kafka_server, topic)][-1:] == ["down"], within_s=60)
    assert said(told(kafka_server, topic))[-1] == ("shop", "down", 1, True)


def test_the_alerter_goes_on_where_kafka_does_not_answer(start: Start, scene: Scene) -> None:
    alerter = start("alerter", **AWAY)
    scene.write(scene.results("udd"))
    wait_for(lambda: delivered(scene) == 1)
    alerter.send_signal(signal.SIGTERM)
    _, err = alerter.communicate(timeout=10)
    assert alerter.returncode == 0
    assert "Traceback" not in err
