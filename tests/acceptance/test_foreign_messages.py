"""A worker goes on whatever somebody puts into Redis: what is no message of ours ends with itself."""

import json
import zlib
from contextlib import suppress
from datetime import timedelta

import psutil
import pytest
import redis

from sitemon import clock
from sitemon.local.sample import SampleServer
from sitemon.worker.consumer import MOST_WAITING
from tests.acceptance.conftest import url, write_sites
from tests.celery_messages import AFTERWARDS, SHOP, a_decimal, a_message, nested, of_protocol_1, of_slots
from tests.pipeline import Pipeline, wait_for

QUEUE = "checks.default"
PROCESSES = 2
NEXT_YEAR = (clock.utc_now() + timedelta(days=300)).isoformat()
UNLOCKS = [["group", {"task": "x", "args": [], "kwargs": {}, "options": {}}, 1], {"result": [["x", None]]}, AFTERWARDS]
DROPPED = [
    *("garbage", "{}", "[]", "null", "[" * 50_000, '{"a":'),
    *(json.dumps({"body": "x", "headers": {}}), json.dumps({"body": 5, "properties": {}, "headers": None})),
    *(a_message(properties={"delivery_info": None}), a_message(properties={"delivery_tag": ["x"]})),
    *(a_message(content_type=name) for name in (5, ["x"], "application/x-python-serialize")),
    a_message(b"\xff\xfe"),
    *(a_message(headers={"task": task}) for task in (["x"], {"a": 1}, None)),
    *(a_message(headers={"id": task_id}) for task_id in (["x"], {"a": 1}, None)),
    *(a_message(headers={"eta": eta}) for eta in (5, "nope", NEXT_YEAR, "9999-12-31T23:59:59-14:00")),
    *(a_message(headers={"expires": moment}) for moment in ([1], -1e308, a_decimal("1E+1000000"))),
    *(a_message(headers={"timelimit": limits}) for limits in (5, ["a", "b"], [1])),
    *(a_message(headers={"retries": retries}) for retries in ("x", -1, 10**12)),
    *(a_message(headers={"stamped_headers": stamps}) for stamps in (5, [["x"]])),
    *(a_message(body) for body in (5, "abc", [], [1, 2, 3], [["shop"], {}, 5], b"[" * 20_000)),
    a_message([[5], {}, AFTERWARDS | {"errbacks": 5}]),
    *(of_protocol_1(timelimit=limits) for limits in (None, ["a", "b"])),
    *(of_protocol_1(**fields) for fields in ({"eta": NEXT_YEAR}, {"kwargs": {"a": nested(500)}})),
    a_message({"args": ["shop"], "kwargs": {}}),
    a_message(headers={"any": nested(500)}),
    a_message(UNLOCKS, headers={"task": "celery.chord_unlock"}),
    *(a_message(headers={"task": f"celery.{name}"}) for name in ("map", "starmap", "chunks", "group", "accumulate")),
    a_message(zlib.compress(json.dumps(SHOP).encode()), headers={"compression": "application/x-gzip"}),
]
REFUSED = [
    *(of_slots(["shop", moment]) for moment in ("x", 1e300, -1, 10**30, a_decimal("1E+500"))),
    *(of_slots(slot) for slot in (5, [5], ["shop"], [["a"], 5])),
    *(of_slots(["shop", moment], task="sitemon.confirm_slots") for moment in ("x", 10**30)),
]
FAILED = [
    *(a_message(headers={"asked_at_ms": at}) for at in ("x", 10**30, -(10**18), [1], a_decimal("1E+500"))),
    a_message([["shop"], {}, AFTERWARDS | {"callbacks": 5}]),
    *(a_message([[word], {}, AFTERWARDS | {"chord": "x"}]) for word in ("shop", 5)),
    *(a_message([["shop"], {"task": 5}, AFTERWARDS]), a_message([[5], {}, AFTERWARDS])),
    *(a_message(headers={name: "nope"}) for name in ("task", "expires")),
    a_message(headers={"eta": "0001-01-01T00:00:00+14:00"}),
]


@pytest.fixture
def broker(pipeline: Pipeline, sample: SampleServer) -> redis.Redis:
    """What a worker of two processes takes its messages from."""
    write_sites(pipeline.sites_file, {"name": "shop", "url": url(sample, "/good"), "interval": "1h"})
    pipeline.extra["SITEMON_WORKER_PROCESSES"] = str(PROCESSES)
    pipeline.start("beatless")
    wait_for(lambda: pipeline.log_of("beatless").count("ready.") == PROCESSES, within_s=60)
    return redis.Redis.from_url(pipeline.environment["SITEMON_REDIS_URL"])


def test_what_is_no_message_is_dropped_and_all_others_are_answered(pipeline: Pipeline, broker: redis.Redis) -> None:
    crew = {one.pid for one in pipeline.worker_processes("beatless")}
    good = [a_message() for _ in range(10)]
    kept = [f"celery-task-meta-{json.loads(message)['headers']['id']}" for message in good]
    with broker:
        broker.lpush(QUEUE, *DROPPED, *good[:5], *REFUSED, *FAILED, *good[5:])
        wait_for(lambda: broker.exists(*kept) == len(kept), within_s=60)
        assert all(json.loads(broker.get(key) or "")["status"] == "SUCCESS" for key in kept)
        wait_for(lambda: not broker.exists(QUEUE, "unacked", "unacked_index"))
    log = pipeline.log_of("beatless")
    assert {one.pid for one in pipeline.worker_processes("beatless")} == crew
    assert log.count("worker.slots_refused: ") == len(REFUSED)
    assert log.count("worker.message_dropped: ") == len(DROPPED)


def test_a_pool_of_processes_goes_on_too(pipeline: Pipeline, sample: SampleServer) -> None:
    write_sites(pipeline.sites_file, {"name": "shop", "url": url(sample, "/good"), "interval": "1h"})
    (pipeline.folder / "celeryconfig.py").write_text('worker_pool = "prefork"\nworker_concurrency = 2\n')
    pipeline.start("prefork")
    wait_for(lambda: "ready." in pipeline.log_of("prefork"), within_s=60)
    good = [a_message() for _ in range(10)]
    kept = [f"celery-task-meta-{json.loads(message)['headers']['id']}" for message in good]
    with redis.Redis.from_url(pipeline.environment["SITEMON_REDIS_URL"]) as broker:
        broker.lpush(QUEUE, *good[:5], *DROPPED, *good[5:])
        wait_for(lambda: broker.exists(*kept) == len(kept), within_s=60)
        wait_for(lambda: not broker.exists(QUEUE, "unacked", "unacked_index"))
    assert "Unrecoverable error" not in pipeline.log_of("prefork")


def test_of_thousands_that_are_for_later_some_are_kept(pipeline: Pipeline, broker: redis.Redis) -> None:
    later, most = (clock.utc_now() + timedelta(minutes=50)).isoformat(), PROCESSES * MOST_WAITING
    good = a_message()
    with broker:
        broker.lpush(QUEUE, *(a_message(headers={"eta": later}) for _ in range(most + 1_000)), good)
        wait_for(lambda: broker.exists(f"celery-task-meta-{json.loads(good)['headers']['id']}"), within_s=120)
        wait_for(lambda: not broker.exists(QUEUE))
        assert most // 2 < broker.hlen("unacked") <= most
    assert pipeline.log_of("beatless").count("worker.message_dropped: ") >= 1_000


def test_however_many_ask_for_maintenance_one_process_does_it(pipeline: Pipeline, broker: redis.Redis) -> None:
    command = psutil.Process(pipeline.processes["beatless"].pid)

    def at_it() -> int:
        found = 0
        for one in command.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                found += "sitemon.worker.managing" in one.cmdline()
        return found

    with broker:
        asked = [a_message([[], {}, AFTERWARDS], headers={"task": "sitemon.maintain"}) for _ in range(40)]
        broker.lpush("sitemon.manage", *asked)
        most = wait_for(at_it)
        while broker.exists("sitemon.manage", "unacked"):
            most = max(most, at_it())
            clock.sleep(0.05)
    assert most == 1
    assert "sitemon.maintain" in pipeline.log_of("beatless")
