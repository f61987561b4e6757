"""What programs of others do with our tasks, through Celery alone: send them, revoke them, send nonsense."""

import json
import socket
import uuid
from base64 import b64decode
from collections.abc import Iterator

import pytest
import redis
from celery import Celery

from sitemon import clock
from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, wait_for


@pytest.fixture
def other(redis_url: str) -> Iterator[Celery]:
    """An application that knows nothing of ours but the broker."""
    with Celery("other", broker=redis_url, backend=redis_url, set_as_current=False) as app:
        yield app


@pytest.fixture
def worker(pipeline: Pipeline, sample: SampleServer, other: Celery) -> Pipeline:
    """A worker of one process: of several, each has to hear of a revocation before it is handed the task."""
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = "1"
    pages = {"shop": "/good", "stuck": "/stuck"}
    sites = [{"name": name, "url": url(sample, page), "interval": "1h", "timeout": 1.5} for name, page in pages.items()]
    write_sites(pipeline.sites_file, *sites)
    pipeline.start("beatless")
    await_listening(other)
    return pipeline


def await_listening(other: Celery) -> None:
    """Wait until a worker hears what is said to all: it says that it is ready before it subscribes (Celery 5.7.0)."""
    wait_for(lambda: other.control.ping(timeout=1, limit=1))


def test_one_that_names_the_queue_gets_the_result(worker: Pipeline, other: Celery) -> None:
    sent = other.send_task("sitemon.check_site", ["shop"], queue="checks.default")
    assert sent.get(timeout=30)["outcome"] == "up"


def test_what_is_no_site_is_an_error_in_one_line(worker: Pipeline, other: Celery) -> None:
    sent = other.send_task("sitemon.check_site", [1], queue="checks.default")
    with pytest.raises(Exception, match="expected the name of a site or a URL, not int"):
        sent.get(timeout=30)
    assert "Traceback" not in worker.log_of("beatless")


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "pool_grow": ({"n": 3}, "--concurrency"),
    "pool_shrink": ({"n": 3}, "--concurrency"),
    "autoscale": ({"max": 10, "min": 3}, "--concurrency"),
    "pool_restart": ({}, "SIGHUP"),
    "terminate": ({"signal": "TERM", "ids": ["1"]}, "revoke"),
    "add_consumer": ({"queue": "checks.eu"}, "SITEMON_REGION=eu"),
}


def test_what_a_worker_cannot_be_asked_for_is_refused_in_one_line_and_it_goes_on(
    worker: Pipeline, other: Celery
) -> None:
    for command, (arguments, expected) in REFUSED.items():
        answers = other.control.broadcast(command, arguments=arguments, reply=True, timeout=10, limit=1) or []
        [said] = [said for answer in answers for said in answer.values()]
        assert said["error"].partition(": expected ")[2].startswith(expected)
    assert other.control.revoke(uuid.uuid4().hex, terminate=True, reply=True, timeout=10)
    assert "Traceback" not in worker.log_of("beatless")
    assert other.send_task("sitemon.check_site", ["shop"], queue="checks.default").get(timeout=30)["outcome"] == "up"


ACCEPTED: list[tuple[str, dict[str, object]]] = [
    ("rate_limit", {"task_name": "sitemon.check_slots", "rate_limit": "100/m"}),
    ("rate_limit", {"task_name": "sitemon.check_slots", "rate_limit": "0"}),
    ("time_limit", {"task_name": "sitemon.check_site", "soft": 0.5, "hard": 0.5}),
    ("cancel_consumer", {"queue": "sitemon.manage"}),
    ("add_consumer", {"queue": "sitemon.manage"}),
]


def test_what_a_worker_accepts_leaves_its_checks_to_their_own_timeout(worker: Pipeline, other: Celery) -> None:
    for command, arguments in ACCEPTED:
        answers = other.control.broadcast(command, arguments=arguments, reply=True, timeout=10, limit=1) or []
        assert ["ok" in said for answer in answers for said in answer.values()] == [True]
    asked = [other.send_task("sitemon.check_site", [name], queue="checks.default") for name in ("shop", "stuck")]
    found = [one.get(timeout=30) for one in asked]
    assert [(one["outcome"], one["reason"]) for one in found] == [("up", None), ("down", "timeout")]


def test_one_process_of_a_worker_can_be_told_to_end_and_the_others_go_on(
    pipeline: Pipeline, sample: SampleServer, other: Celery
) -> None:
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = "2"
    pipeline.start("beatless")
    second = "celery-2@" + socket.gethostname()
    wait_for(lambda: other.control.ping([second], timeout=2))
    other.control.shutdown([second])
    wait_for(lambda: "worker.process_left" in pipeline.log_of("beatless"))
    sent = other.send_task("sitemon.check_site", [url(sample, "/good")], queue="checks.default")
    assert sent.get(timeout=30)["outcome"] == "up"


def test_a_revoked_batch_is_said_and_noted_so_that_it_is_not_sent_again(
    worker: Pipeline, other: Celery, redis_url: str
) -> None:
    batch_id = uuid.uuid4().hex
    assert other.control.revoke(batch_id, reply=True, timeout=10)
    slots = [("shop", clock.now_ms())]
    other.send_task("sitemon.check_slots", [slots], task_id=batch_id, queue="checks.default")
    wait_for(lambda: f"worker.batch_revoked: somebody has revoked task {batch_id}" in worker.log_of("beatless"))
    with redis.Redis.from_url(redis_url) as client:
        wait_for(lambda: client.exists(f"{{sitemon}}:received:{batch_id}"))


def test_the_slots_of_a_revoked_batch_are_missed_and_nobody_sends_them_again(
    pipeline: Pipeline, sample: SampleServer, other: Celery, redis_url: str
) -> None:
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = "1"
    write_sites(pipeline.sites_file, {"name": "shop", "url": url(sample, "/good"), "interval": 2, "timeout": 1})
    pipeline.start("managing", "beat", "recorder")
    await_listening(other)
    with redis.Redis.from_url(redis_url) as client:
        waiting = json.loads(wait_for(lambda: client.lindex("checks.default", -1)))
    batch_id, [[_, slot_ms]] = waiting["headers"]["id"], json.loads(b64decode(waiting["body"]))[0][0]
    assert other.control.revoke(batch_id, reply=True, timeout=10)
    assert other.control.add_consumer("checks.default", reply=True, timeout=10)
    found = "SELECT outcome::text, reason::text FROM sitemon.results WHERE slot_at = to_timestamp(%s)"
    wait_for(lambda: pipeline.rows(found, slot_ms / 1_000) == [("missed", "lost")])
    assert f"worker.batch_revoked: somebody has revoked task {batch_id}" in pipeline.log_of("managing")
    assert "beat.sent_again" not in pipeline.log_of("beat")
    assert pipeline.rows("SELECT count(*) > 3 FROM sitemon.results WHERE outcome = 'up'") == [(True,)]
